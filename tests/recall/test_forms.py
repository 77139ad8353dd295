"""Tables of recall in the forms that people have them say the same as the tidy one."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

import regions
from regions.errors import ArgumentError, DataError
from regions.files import read_table
from regions.recall import report

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


def signed(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return a table whose per cent have their sign, and whose ratios are written 10x."""
    frame = frame.copy()
    kept = frame["model"] == "n"
    for name in columns:
        frame[name] = [n if k else f"{n:.7g} %" for n, k in zip(frame[name], kept, strict=True)]
    ratio = next(name for name in frame.columns if "ratio" in name.lower())
    return frame.assign(**{ratio: [r if r == "dense" else f"{r:g}x" for r in frame[ratio]]})


FORMS = {
    "per cent with its sign": signed(shares(100), ["recall_dense", "recall_pruned"]),
    "wide per cent with its sign": signed(wide(100.0), CLASSES),
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
    (shares(1).assign(recall_dense=0.123), ["model a, class cat", "no whole number", "counts"]),
    (shares(1).assign(recall_dense=250.0), ["250", "fractions or per cent"]),
    (without(TIDY, model="b", ratio=10.0, **{"class": "emu"}), ["'b'", "'emu'", "ratio 10"]),
    (without(stacked(), seed="c", Ratio="dense", **{"class": "dog"}), ["'c'", "'dog'", "dense"]),
    (wide().iloc[1:], ["model 'n'", "column n"]),
    (wide().replace({"dog": {77: np.nan}}), ["model c, ratio 2", "nothing", "'dog'", "a number"]),
    (shares(1).assign(recall_dense="much"), ["model a, class cat", "'much'", "a number"]),
    (
        shares(1).assign(recall_dense=["90 %"] + [0.9] * 17),
        ["model a, class dog", "'0.9'", "its sign"],
    ),
    (shares(1).assign(recall_dense="140 %"), ["model a", "'140 %'", "0 % to 100 %"]),
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


def of_dense(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    dense = frame.iloc[:, 1].astype(str) == "dense"
    frame = frame.copy()
    for name, value in columns.items():
        frame.loc[dense, name] = value
    return frame


AMBIGUOUS = {
    # 90 of 200 images, not of 100
    "dense networks on other images": (of_dense(stacked(), n=200), "test sets differ: n is 100"),
    "sizes twice, in rows that differ": (
        pd.concat([wide(), wide().head(1).assign(cat=200)]), "given more than once",
    ),
    "sizes in a row and in a column": (wide().assign(Size=100), "given more than once"),
    "accuracy beside the classes": (wide().assign(Accuracy=80), "'Accuracy' stands among"),
    "accuracy among the rows": (
        pd.concat([TIDY, TIDY.query("`class` == 'cat'").assign(**{"class": "macro avg"})]),
        "'macro avg' stands among",
    ),
    "seed beside the model": (wide().assign(seed=3), "'seed' stands among"),
    # 0.9 per cent, or 90?
    "per cent beside fractions": (
        shares(100).assign(recall_pruned=shares(1)["recall_pruned"]), "per cent, or fractions",
    ),
    # 91 per cent, or 91 of 1,000 images
    "whole per cent of many images": (
        pd.concat([wide().iloc[1:], wide().head(1).assign(cat=1000, dog=1000, emu=1000)]),
        "per cent, or counts of very few",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_refused(name):
    frame, why = AMBIGUOUS[name]
    with pytest.raises(DataError, match=why):
        regions.RecallTable.from_frame(frame)


def test_recalls_that_are_all_zero_are_fractions_and_per_cent():
    zero = shares(100).assign(recall_pruned=0.0)
    table = regions.RecallTable.from_frame(zero)
    assert (table.pruned == 0).all() and (table.dense == DENSE).all()


def test_few_right_ones_of_many_images_are_counts_in_a_long_table():
    table = regions.RecallTable.from_frame(stacked().assign(n=1000))
    assert table.dense.tolist() == DENSE.tolist() and set(table.sizes) == {1000}


def test_a_class_of_a_long_table_may_have_the_name_of_a_column():
    frame = TIDY.assign(**{"class": TIDY["class"].replace("dog", "seed")})
    assert regions.RecallTable.from_frame(frame).classes == ("cat", "seed", "emu")


def test_an_empty_column_of_a_setting_says_nothing_and_a_partly_empty_one_is_refused():
    blank = TIDY.assign(algorithm=np.nan, arch="VGG")
    assert dict(regions.RecallTable.from_frame(blank).setting) == {"arch": "VGG"}
    found = regions.recall.report(blank)
    assert "VGG, published: " in found.summary() and "nan" not in found.summary()
    partly = blank.assign(algorithm=np.where(np.arange(len(TIDY)) % 2, "MP", None))
    with pytest.raises(DataError, match="algorithm is given in some rows only, not in row 1"):
        regions.recall.report(partly)


def test_whole_numbers_in_columns_of_objects_are_counts_and_an_empty_column_is_unknown():
    assert same(regions.RecallTable.from_frame(TIDY.astype(object)))
    assert same(regions.RecallTable.from_frame(TIDY.assign(correct_both=np.nan)))
    with pytest.raises(ArgumentError, match="n must hold whole numbers"):
        regions.RecallTable.from_frame(TIDY.astype(object).assign(n="many"))


@pytest.mark.parametrize("frame", [TIDY, wide(), stacked()])
def test_a_table_without_rows_is_refused(frame):
    with pytest.raises(DataError, match="has no rows"):
        regions.RecallTable.from_frame(frame.head(0))


def test_a_file_with_two_columns_of_one_name_is_refused(tmp_path):
    path = tmp_path / "recalls.csv"
    text = wide().to_csv(index=False)
    path.write_text(text.replace("dog", "cat"))
    with pytest.raises(DataError, match="two columns are called 'cat'"):
        read_table(path)
    # columns without a name are none of these
    path.write_text("\n".join(line + ",," for line in text.splitlines()))
    assert read_table(path)["dog"].tolist() == wide()["dog"].tolist()


@pytest.mark.parametrize("form", ["long", "wide"])
def test_classes_called_nan_and_NA_are_classes(tmp_path, form: str) -> None:
    named = dict(zip(CLASSES, ["nan", "NA", "None"], strict=True))
    if form == "long":
        frame = TIDY.assign(**{"class": TIDY["class"].map(named)}, correct_both="NA")
    else:
        frame = wide().rename(columns=named)
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = report(tmp_path / "a.csv", analyses=("published",))
    assert found.results[0].table.classes == ("nan", "NA", "None")
    plain = report(TIDY, analyses=("published",))
    assert np.array_equal(found.results[0].estimate, plain.results[0].estimate)


def test_an_empty_cell_is_missing_and_is_named(tmp_path) -> None:
    frame = TIDY.assign(**{"class": TIDY["class"].where(TIDY.index != 3, "")})
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match="class is missing in row 4"):
        report(tmp_path / "a.csv")


def test_a_recall_that_fits_no_count_is_named_by_its_cell() -> None:
    frame = wide(100.0)
    frame.loc[2, CLASSES[1]] = 33.37
    with pytest.raises(DataError, match=f"model b, class {CLASSES[1]}, ratio dense is 33.37 %"):
        regions.RecallTable.from_frame(frame)
