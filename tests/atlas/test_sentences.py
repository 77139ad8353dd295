"""The sentences on top of an atlas say what its table says, and nothing that is not known."""

from __future__ import annotations

import pandas as pd

from regions.atlas.measure import CONTROL, DENSE
from regions.atlas.sentences import sentences

NAN = float("nan")
ROWS = [
    (DENSE, 1.0, 0.95, 1000.0),
    (CONTROL, 1.0, 0.96, 1010.0),
    ("magnitude", 0.5, 0.94, 800.0),
    ("magnitude", 0.05, 0.90, 250.0),
    ("random", 0.05, 0.60, 125.0),
]
TABLE = pd.DataFrame(ROWS, columns=["method", "density", "accuracy", "regions_plane"])
LAYERS = pd.DataFrame(
    [
        ("magnitude", 0.05, "fc1", 0.9),
        ("magnitude", 0.05, "fc2", 0.5),
        ("random", 0.05, "fc1", 0.7),
        ("random", 0.05, "fc2", 0.7),
        (DENSE, 1.0, "fc1", 0.1),
    ],
    columns=["method", "density", "layer", "svcca"],
)


def recall(verdict: str, estimate: float = 1.2) -> pd.DataFrame:
    rows = [("magnitude", 0.05, verdict, estimate), (CONTROL, 1.0, ">", 1.1)]
    return pd.DataFrame(rows, columns=["method", "density", "verdict", "estimate"])


def test_they_are_read_off_the_table() -> None:
    found = sentences(TABLE, LAYERS, recall(">"))
    assert found == (
        "At density 0.05 magnitude keeps 90.0% accuracy and random 60.0%; the dense networks have "
        "95.0%.",
        "Of the dense networks' linear regions on a plane that density leaves the fraction 0.25 "
        "with magnitude, 0.125 with random.",
        "The layer that changed most is fc2 (SVCCA to the dense network 0.60, mean over methods).",
        "Classes of low recall lost more than the others with magnitude at 0.05.",
    )


def test_what_is_not_known_is_not_said() -> None:
    bare = TABLE.assign(regions_plane=NAN)
    assert len(sentences(bare, LAYERS.iloc[:0], None)) == 1
    assert "not established" in sentences(bare, LAYERS.iloc[:0], recall("?"))[-1]
    assert len(sentences(bare, LAYERS.iloc[:0], recall("?", NAN))) == 1
