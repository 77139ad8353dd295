"""Tables of recall: three ways in, one way out, and every way to be wrong."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recall_examples import DENSE, RATIO_2, draw_predictions
from sklearn.metrics import recall_score

import regions
from regions.errors import ArgumentError, DataError
from regions.recall import report

RecallTable = regions.RecallTable


def test_predictions_give_the_recalls_of_sklearn(predicted):
    labels, dense, pruned = draw_predictions()
    for row in range(len(dense)):
        expected = recall_score(labels, dense[row], average=None)
        assert predicted.dense[row] / predicted.sizes == pytest.approx(expected)
        expected = recall_score(labels, pruned[10][row], average=None)
        assert predicted.pruned[1, row] / predicted.sizes == pytest.approx(expected)
    right = (dense == labels) & (pruned[2] == labels)
    expected = [[right[m][labels == c].sum() for c in range(4)] for m in range(len(dense))]
    assert predicted.both[0].tolist() == expected


def test_the_three_ways_agree(predicted):
    counts = RecallTable.from_counts(
        predicted.dense,
        dict(zip(predicted.ratios, predicted.pruned, strict=True)),
        predicted.sizes,
        dict(zip(predicted.ratios, predicted.both, strict=True)),
    )
    frame = predicted.to_frame().sample(frac=1, random_state=3)
    for other in (counts, RecallTable.from_frame(predicted.to_frame())):
        for name in ("sizes", "dense", "pruned", "both"):
            assert (getattr(other, name) == getattr(predicted, name)).all()
    shuffled = regions.intensification(RecallTable.from_frame(frame))
    assert shuffled.estimate == pytest.approx(regions.intensification(predicted).estimate)


def test_ratios_are_sorted_and_selected(published):
    table = RecallTable.from_counts(DENSE, {50: RATIO_2, 2: DENSE}, 1000)
    assert table.ratios == (2.0, 50.0) and (table.pruned[0] == np.array(DENSE)).all()
    assert published.select([50]).ratios == (50.0,)
    assert (published.select([50]).pruned[0] == published.pruned[1]).all()
    with pytest.raises(ArgumentError, match="no ratio 7"):
        published.select([7])


def test_codes_need_not_start_at_zero():
    labels, dense, pruned = draw_predictions()
    shifted = RecallTable.from_predictions(
        labels * 3 + 5,
        dense * 3 + 5,
        {k: v * 3 + 5 for k, v in pruned.items()},
        labels=[5, 8, 11, 14],
    )
    assert shifted.classes == (5, 8, 11, 14)
    assert (shifted.both == RecallTable.from_predictions(labels, dense, pruned).both).all()


def test_a_predicted_class_outside_the_table_is_wrong_not_counted():
    table = RecallTable.from_predictions(
        [0, 0, 1, 1], [[0, 7, 1, 1]], {2: [[7, 7, 1, 0]]}, labels=[0, 1]
    )
    assert table.dense.tolist() == [[1, 2]] and table.pruned.tolist() == [[[0, 1]]]


def good():
    return {"y_true": [0, 0, 1, 1], "dense": [[0, 0, 1, 0]], "pruned": {2: [[0, 1, 1, 0]]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_true": ["cat", "cat", "dog", "dog"]}, "integer class codes"),
        ({"dense": [["0", "0", "1", "0"]]}, "integer class codes"),
        ({"y_true": [0.0, 0.0, 1.0, 1.0]}, "dtype float64"),
        ({"y_true": [0, 0, 1]}, "has shape"),
        ({"pruned": {2: [[0, 1, 1]]}}, "same images"),
        ({"pruned": {2: [[0, 1, 1, 0], [0, 0, 1, 1]]}}, "same models"),
        ({"dense": [[0, 0, 1, 2]]}, "class 2 has no image"),
        ({"y_true": [0, 0, 2, 2], "dense": [[0, 0, 2, 0]], "pruned": {2: [[0, 2, 2, 0]]}},
         "class 1 has no image"),
        ({"labels": [0, 1, 2]}, "class 2 has no image"),
        ({"labels": [0]}, "which labels does not name"),
        ({"labels": [0, 0, 1]}, "distinct"),
        ({"y_true": [0, 0, 0, 1]}, "1 test image"),
        ({"y_true": [0, 0, 0, 0], "dense": [[0] * 4], "pruned": {2: [[0] * 4]}}, "2 classes"),
        ({"pruned": {}}, "at least one ratio"),
        ({"pruned": {0.5: [[0, 1, 1, 0]]}}, "for density 0.5 give 2"),
        ({"pruned": {"two": [[0, 1, 1, 0]]}}, "must be numbers"),
        ({"model_ids": ["a", "b"]}, "1 distinct model ids"),
        ({"classes": ["only one"]}, "class names"),
        ({"dense": [[0, 0, 1], [0, 0]]}, "ragged|integer"),
    ],
)  # fmt: skip
def test_wrong_predictions(change, message):
    RecallTable.from_predictions(**good())
    with pytest.raises(ArgumentError, match=message):
        RecallTable.from_predictions(**{**good(), **change})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[11, 5]], {2: [[5, 5]]}, 10), "must lie in 0..10"),
        (([[5, 5]], {2: [[5, -1]]}, 10), "must lie in 0..10"),
        (([[5, 5]], {2: [[5, 5]]}, 1), "1 test image"),
        (([[5, 5]], {2: [[5, 5]]}, [10, 0]), "0 test image"),
        (([[0.5, 0.7]], {2: [[0.4, 0.6]]}, 10), "not recalls"),
        (([["5", "5"]], {2: [[5, 5]]}, 10), "whole numbers"),
        (([[np.inf, 5]], {2: [[5, 5]]}, 10), "k_dense holds inf"),
        (([[5, 5]], {2: [[5, 5]]}, [10, np.inf]), "n holds inf"),
        (([[5, 5]], {2: [[5, np.nan]]}, 10), "k_pruned\\[2\\] holds nan"),
        (([[5, 5]], {2: [[5, 5, 5]]}, 10), "has shape"),
        (([5, 5], {2: [5, 5]}, 10), "expected \\(models, classes\\)"),
        (([[5, 5]], {2: [[5, 5]]}, [10, 10, 10]), "class sizes"),
        (([[9, 5]], {2: [[8, 5]]}, 10, {2: [[6, 5]]}), "must lie in 7..8"),
        (([[9, 5]], {2: [[8, 5]]}, 10, {4: [[8, 5]]}), "k_both has the ratios"),
    ],
)
def test_wrong_counts(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        RecallTable.from_counts(*arguments)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop(columns="n"), "columns \\['n'\\] are missing"),
        (lambda f: f.iloc[1:], "every model needs every ratio"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "two rows for"),
        (lambda f: f.assign(n=np.where(f["ratio"] == 2, f["n"], 2000)), "test sets differ"),
        (lambda f: f.assign(correct_dense=f["correct_dense"] + (f["ratio"] == 2)), "one dense"),
        (lambda f: f.assign(algorithm=np.where(f["ratio"] == 2, "MP", "GP")), "one setting"),
        (lambda f: f.assign(ratio=np.where(f["ratio"] == 2, None, 5)), "must be given"),
    ],
)
def test_wrong_frames(published, spoil, message):
    with pytest.raises(DataError, match=message):
        RecallTable.from_frame(spoil(published.to_frame()))


def test_frames_from_csv_files(published, tmp_path):
    frame = published.to_frame()
    both = pd.concat([frame.assign(algorithm="MP"), frame.assign(algorithm="GP")])
    path = tmp_path / "recall.csv"
    both.to_csv(path, index=False)
    found = report(path)
    assert found.to_frame()["algorithm"].tolist() == ["MP"] * 4 + ["GP"] * 4
    assert [r.options.paper for r in found.results] == [True, False] * 2
    assert "Sample unit" in found.summary() and len(found.to_dict()["results"]) == 4
    for bad, message in (("missing.csv", "cannot read"), ("empty.csv", "no CSV")):
        (tmp_path / "empty.csv").touch()
        with pytest.raises(DataError, match=message):
            report(tmp_path / bad)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.integers(0, 10**6))
def test_alpha_does_not_depend_on_names_and_order(seed):
    rng = np.random.default_rng(seed)
    labels, dense, pruned = draw_predictions(seed=seed % 7)
    classes, models, images = rng.permutation(4), rng.permutation(6), rng.permutation(len(labels))
    table = RecallTable.from_predictions(labels, dense, pruned)
    other = RecallTable.from_predictions(
        classes[labels][images],
        classes[dense][models][:, images],
        {ratio: classes[values][models][:, images] for ratio, values in pruned.items()},
    )
    for estimator in ("ols", "moments", "cross_model"):
        # groups of images are drawn
        people = "independent" if estimator == "moments" else "test_set"
        a, b = (regions.intensification(x, estimator, population=people) for x in (table, other))
        assert a.estimate == pytest.approx(b.estimate, rel=1e-9)
        assert a.standard_error == pytest.approx(b.standard_error, rel=1e-9)
