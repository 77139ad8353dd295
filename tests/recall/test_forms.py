"""Tables of recall in the forms that people have them say the same as the tidy one."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

import regions
from regions.errors import DataError
from regions.files import read_table

DENSE = np.array([[90, 80, 50], [88, 82, 55], [91, 79, 52]])
PRUNED = {2.0: DENSE - [1, 2, 5], 10.0: DENSE - [5, 10, 20]}
N = np.array([100, 100, 64])
CLASSES = ["cat", "dog", "emu"]
TABLE = regions.RecallTable.from_counts(
    DENSE, PRUNED, N, classes=CLASSES, model_ids=["a", "b", "c"]
)
TIDY = TABLE.to_frame()


def same(table: regions.RecallTable) -> bool:
    return table.to_dict() == TABLE.to_dict()


def shares(factor: float) -> pd.DataFrame:
    frame = TIDY.assign(
        recall_dense=factor * TIDY["correct_dense"] / TIDY["n"],
        recall_pruned=(factor * TIDY["correct_pruned"] / TIDY["n"]).round(4),
    )
    return frame.drop(columns=["correct_dense", "correct_pruned"])


def stacked() -> pd.DataFrame:
    parts = [("dense", DENSE), *PRUNED.items()]
    rows = [
        {"seed": m, "Ratio": ratio, "class": c, "n": N[j], "correct": counts[i, j]}
        for ratio, counts in parts
        for i, m in enumerate("abc")
        for j, c in enumerate(CLASSES)
    ]
    return pd.DataFrame(rows)


def wide(factor: float | None = None) -> pd.DataFrame:
    rows = [("n", "dense", *N)]
    for ratio, counts in (("dense", DENSE), *PRUNED.items()):
        shown = counts if factor is None else factor * counts / N
        rows += [(m, ratio, *shown[i]) for i, m in enumerate("abc")]
    return pd.DataFrame(rows, columns=["model", "Compression Ratio", *CLASSES])


FORMS = {
    "names in any case": TIDY.rename(columns=str.upper),
    "fractions": shares(1),
    "per cent": shares(100),
    "dense rows": stacked(),
    "wide counts": wide(),
    "wide fractions": wide(1.0),
    "wide per cent": wide(100.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_table(form: str) -> None:
    assert same(regions.RecallTable.from_frame(FORMS[form]))


@pytest.mark.parametrize("mark, decimal", [(",", "."), (";", "."), (";", ","), ("\t", ".")])
def test_every_separator_is_read(tmp_path, mark: str, decimal: str) -> None:
    path = tmp_path / "a.csv"
    shares(1).to_csv(path, index=False, sep=mark, decimal=decimal)
    assert same(regions.RecallTable.from_frame(read_table(path)))


def without(frame: pd.DataFrame, **cell) -> pd.DataFrame:
    gone = np.all([frame[name] == value for name, value in cell.items()], axis=0)
    return frame[~gone]


REFUSED = [
    (TIDY.drop(columns="n"), ["'n'", "missing", "correct_dense"]),
    (shares(1).drop(columns="n"), ["add a column n", "recall x n"]),
    (shares(1).assign(recall_dense=0.123), ["row", "no whole number", "counts"]),
    (shares(1).assign(recall_dense=250.0), ["250", "fractions or per cent"]),
    (without(TIDY, model="b", ratio=10.0, **{"class": "emu"}), ["'b'", "'emu'", "ratio 10"]),
    (without(stacked(), seed="c", Ratio="dense", **{"class": "dog"}), ["'c'", "'dog'", "dense"]),
    (wide().iloc[1:], ["model 'n'", "column n"]),
    (wide().iloc[:, :2], ["expected columns model, ratio"]),
    (stacked().replace({"Ratio": {"dense": "10.0"}}).iloc[9:], ["ratio 'dense'"]),
]


@pytest.mark.parametrize("frame, parts", REFUSED)
def test_a_refusal_says_what_is_incomplete_and_what_to_do(frame, parts) -> None:
    with pytest.raises(DataError) as caught:
        regions.RecallTable.from_frame(frame)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_names_of_classes_may_be_predicted() -> None:
    codes, names = [0, 0, 1, 1], ["a", "a", "b", "b"]
    other = regions.RecallTable.from_predictions(codes, [[0, 0, 1, 0]], {10: [[0, 1, 1, 0]]})
    table = regions.RecallTable.from_predictions(
        names, [["a", "a", "b", "a"]], {10: [["a", "b", "b", "a"]]}
    )
    assert table.classes == ("a", "b") and np.array_equal(table.both, other.both)
    odd = regions.RecallTable.from_predictions(names, [["a", "a", "b", "?"]], {10: [names]})
    assert odd.dense.tolist() == [[2, 1]]


def test_the_report_says_it_plainly_first_and_briefly_in_tables() -> None:
    rng = np.random.default_rng(0)
    dense = rng.binomial(1000, [0.9, 0.95, 0.7, 0.8], (12, 4))
    lost = rng.binomial(dense, [0.95, 0.98, 0.6, 0.8])
    table = regions.RecallTable.from_counts(dense, {50: lost}, n=1000)
    found = regions.recall.report(table.to_frame(), analyses=["published"])
    first, definition = found.summary().split("\n\n")[:2]
    assert first == "published: Classes of low recall lost more than the others at 50x."
    assert definition.startswith("alpha is")
    brief = found.to_frame(brief=True)
    interval = ["alpha", "low", "high", "level"]
    assert [*brief.columns] == ["analysis", "ratio", *interval, "null", "p_adjusted", "verdict"]
    assert brief["alpha"].tolist() == found.to_frame()["estimate"].tolist()
    assert found.to_frame().shape[1] > 20  # the control: the full table does not fit a paper
    few = regions.intensification(table.select([50]), estimator="ols")
    assert few.plain()[0].startswith("Classes of low recall lost more")


def test_reading_text_needs_no_file() -> None:
    frame = pd.read_csv(io.StringIO(wide().to_csv(index=False)))
    assert same(regions.RecallTable.from_frame(frame))


def test_columns_that_are_not_needed_do_not_stand_for_others() -> None:
    more = TIDY.assign(seed=0, size=3, method="magnitude")
    assert same(regions.RecallTable.from_frame(more))
