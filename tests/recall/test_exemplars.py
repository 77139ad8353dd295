"""Exemplars against the definition, vote by vote."""

import numpy as np
import pytest
from recall_examples import draw_predictions

import regions
from regions.errors import ArgumentError
from regions.recall import (
    churn,
    exemplars,
    find_exemplars,
)


def test_exemplars_by_counting_votes():
    labels, dense, pruned = draw_predictions(models=5)
    table = regions.RecallTable.from_predictions(labels, dense, pruned)
    found = find_exemplars(table, 10)
    expected = [
        np.bincount(dense[:, i], minlength=4).argmax()
        != np.bincount(pruned[10][:, i], minlength=4).argmax()
        for i in range(labels.size)
    ]
    assert found.tolist() == expected and 0 < found.sum() < labels.size
    row = exemplars(table).iloc[1]
    assert row["share"] == pytest.approx(found.mean()) and row["images"] == found.sum()
    on = (pruned[10] == labels)[:, found].mean()
    assert row["pruned_on_exemplars"] == pytest.approx(on)
    assert row["dense_on_exemplars"] > row["pruned_on_exemplars"]
    with pytest.raises(ArgumentError, match="no ratio 3"):
        find_exemplars(table, 3)


def test_no_exemplars_among_identical_predictions():
    labels, dense, _ = draw_predictions()
    table = regions.RecallTable.from_predictions(labels, dense, {2: dense})
    row = exemplars(table).iloc[0]
    assert row["images"] == 0 and np.isnan(row["dense_on_exemplars"])
    assert churn(table)["churn"].max() == 0 and (churn(table)["pvalue"] == 1).all()


def test_images_are_needed_where_images_are_meant(published):
    with pytest.raises(ArgumentError, match="from_predictions"):
        exemplars(published)
    with pytest.raises(ArgumentError, match="joint correctness"):
        churn(published)
