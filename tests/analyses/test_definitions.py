"""The sets that are drawn of each definition are as many as are counted, and fill the square."""

import pandas as pd
import pytest

from analyses.definitions import Definitions, example, partitions, sets


@pytest.fixture(scope="module")
def rows():
    study = Definitions()
    return pd.concat([study.measure(kind).assign(kind=kind) for kind in study.kinds])


def test_sets_are_as_many_as_are_counted(rows):
    table = Definitions().tables(rows)["definitions"].set_index("kind")
    assert table["sets"].to_dict() == {
        "pattern": 7, "activation": 5, "convex": 4, "linear": 3, "closed": 3, "affine": 3
    }  # fmt: skip
    assert ((table["lower"] <= table["sets"]) & (table["sets"] <= table["upper"])).all()
    assert (
        table.loc[table["status"] == "EXACT", "lower"] == table["upper"][table["status"] == "EXACT"]
    ).all()


def test_sets_fill_the_square(rows):
    def area(part):
        x, y = part["x"].to_numpy(), part["y"].to_numpy()
        return (
            abs(
                (
                    x * pd.Series(y).shift(-1, fill_value=y[0])
                    - y * pd.Series(x).shift(-1, fill_value=x[0])
                ).sum()
            )
            / 2
        )

    for _, own in rows.groupby("kind"):
        full = [part for _, part in own.groupby(["set", "part"]) if len(part) > 2]
        assert sum(map(area, full)) == pytest.approx(4.0)


def test_partitions_are_as_many_as_bell_numbers():
    assert [len(list(partitions(list(range(n))))) for n in range(6)] == [1, 1, 2, 5, 15, 52]
    assert sets("affine", example(), []) == []
