"""Worst classes, their excess loss and the spread of recalls against the definitions."""

import numpy as np
import pytest

import regions
from regions.recall import (
    excess_loss,
    gini,
    worst_class,
)


def test_excess_loss_and_worst_class():
    table = regions.RecallTable.from_counts([[90, 80, 70]], {2: [[85, 60, 65]]}, 100)
    row = excess_loss(table).iloc[0]
    assert row["accuracy_loss"] == pytest.approx(0.1)
    assert row["worst_class"] == 1 and row["worst_excess"] == pytest.approx(0.1)
    assert row["unfairness"] == pytest.approx(0.15)
    frame = worst_class(table)
    assert frame["network"].tolist() == ["dense", "pruned"]
    assert frame["worst_class"].tolist() == [2, 1]
    assert frame["worst_recall"].tolist() == pytest.approx([0.7, 0.6])
    assert frame["range"].tolist() == pytest.approx([0.2, 0.25])


def test_gini_by_all_pairs():
    values = np.random.default_rng(0).random((3, 7))
    pairs = np.abs(values[:, :, None] - values[:, None, :]).mean((1, 2))
    assert gini(values) == pytest.approx(pairs / (2 * values.mean(1)))
    assert np.isnan(gini(np.zeros((1, 3)))[0])
