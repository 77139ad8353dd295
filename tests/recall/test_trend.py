"""Trends against scipy's tests."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import regions
from regions.recall import trend


def test_trend_is_scipys(table):
    alphas = regions.intensification(table, "ols").per_model
    found = trend(table)
    page = stats.page_trend_test(alphas.T)
    assert (found.page_statistic, found.page_pvalue) == (page.statistic, page.pvalue)
    assert found.friedman_statistic == stats.friedmanchisquare(*alphas).statistic
    steps = [stats.ttest_rel(a, b, alternative="less").pvalue for a, b in pairwise(alphas)]
    assert found.steps["pvalue"].to_numpy() == pytest.approx(steps)
    assert found.steps["pvalue_adjusted"].to_numpy() == pytest.approx(
        np.minimum(1, 2 * np.array(steps))
    )
