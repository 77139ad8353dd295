"""Class impact against scipy's tests."""

import numpy as np
import pytest
from scipy import stats

import regions
from regions.recall import (
    class_impact,
)


def test_class_impact_is_welchs(published):
    frame = class_impact(published).query("ratio == 50").reset_index()
    before = published.dense / 1000 - published.accuracy_dense.mean()
    after = published.pruned[1] / 1000 - published.accuracy_pruned[1].mean()
    expected = stats.ttest_ind(after, before, equal_var=False).pvalue
    assert frame["pvalue"].to_numpy() == pytest.approx(expected)
    assert frame["pvalue_paired"].to_numpy() == pytest.approx(stats.ttest_rel(after, before).pvalue)
    adjusted = stats.false_discovery_control(expected)
    assert frame["pvalue_adjusted"].to_numpy() == pytest.approx(adjusted)
    lost = published.accuracy_dense.mean() - published.accuracy_pruned[1].mean()
    assert frame["impact_normalised"].to_numpy() == pytest.approx((after - before).mean(0) / lost)
    assert frame["impact"].sum() == pytest.approx(0, abs=1e-12)


def test_class_impact_of_constant_arms():
    # in class 0 the dense count never varies, in class 1 nothing does (scipy would warn)
    dense, pruned = [[90, 80, 70]] * 3, [[85, 75, 65], [84, 75, 66], [83, 75, 67]]
    table = regions.RecallTable.from_counts(dense, {2: pruned}, 100)
    pvalues = class_impact(table)["pvalue"].to_numpy()
    change = np.array([0.85, 0.84, 0.83]) - np.mean(pruned) / 100 - 0.1
    # Welch with one constant arm is the one-sample test
    assert pvalues[0] == pytest.approx(stats.ttest_1samp(change, 0).pvalue)
    assert np.isnan(pvalues[1]) and np.isfinite(pvalues[2])
