"""Intensification class by class against the definition."""

import numpy as np
import pytest
from scipy import stats

import regions
from regions.recall import (
    class_intensification,
)


def test_class_intensification(published):
    frame = class_intensification(published).query("ratio == 50")
    x = (published.dense / 1000) / published.accuracy_dense[:, None] - 1
    y = (published.pruned[1] / 1000) / published.accuracy_pruned[1][:, None] - 1
    change = (y - x) * np.sign(x.mean(0))
    assert frame["change"].to_numpy() == pytest.approx(change.mean(0))
    assert frame["pvalue"].to_numpy() == pytest.approx(stats.ttest_1samp(change, 0).pvalue)
    known = frame["intensification"].notna().to_numpy()
    assert known[[1, 3]].all()
    ratio = y.mean(0) / x.mean(0)
    assert frame["intensification"].to_numpy()[known] == pytest.approx(ratio[known])
    # alpha is the mean of I weighted by squared dense balances
    each = y[0] / x[0]
    assert np.average(each, weights=x[0] ** 2) == pytest.approx(
        regions.intensification(published, "ols").per_model[1, 0]
    )
