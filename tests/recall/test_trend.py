"""Trends against scipy's tests, and their level."""

from itertools import pairwise

import numpy as np
import pytest
from recall_simulations import independent, recalls
from scipy import stats

import regions
from regions.errors import ArgumentError
from regions.recall import trend

RATIOS = (2.0, 4.0, 10.0, 20.0)


def table_of(rng, alphas, accuracies, models=30, n=60, kappa=0.6):
    """Draw counts of models that share their dense networks over the ratios."""
    p = recalls(1.0, 0.8)[0]
    q = np.stack([recalls(a, acc)[1] for a, acc in zip(alphas, accuracies, strict=True)])
    drawn = independent(rng, 1, models, n, p, p)
    dense, shape = drawn.dense[0], (len(q), models, 10)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q[:, None], shape)
    together = kappa * np.minimum(p, q) + (1 - kappa) * p * q
    both = rng.binomial(dense, together / p)
    pruned = both + rng.binomial(n - dense, np.clip((q - together) / (1 - p), 0, 1))
    parts = (dict(zip(RATIOS, part, strict=True)) for part in (pruned, both))
    return regions.RecallTable.from_counts(dense, next(parts), n, next(parts))


def test_trend_is_scipys(table):
    alphas = regions.intensification(table, "ols").per_model
    found = trend(table, "ols")
    page = stats.page_trend_test(alphas.T)
    assert (found.page_statistic, found.page_pvalue) == (page.statistic, page.pvalue)
    assert found.friedman_statistic == stats.friedmanchisquare(*alphas).statistic
    steps = [stats.ttest_rel(a, b, alternative="less").pvalue for a, b in pairwise(alphas)]
    assert found.steps["pvalue"].to_numpy() == pytest.approx(steps)
    assert found.steps["pvalue_adjusted"].to_numpy() == pytest.approx(
        np.minimum(1, 2 * np.array(steps))
    )
    # one least-squares slope per model
    slopes = np.polyfit(np.log2(table.ratios), alphas, 1)[0]
    test = stats.ttest_1samp(slopes, 0, alternative="greater")
    assert (found.slope, found.pvalue) == pytest.approx((slopes.mean(), test.pvalue))
    assert "these same test images" in found.summary() and "Page" in found.summary()


def test_corrected_trends_have_no_ranks(table, published):
    found = trend(table)
    assert np.isnan([found.page_pvalue, found.friedman_statistic]).all()
    assert "Page" not in found.summary() and "images of its own" in found.summary()
    with pytest.raises(ArgumentError, match="joint correctness is unknown"):
        trend(published)


def rejections(models, runs, seed):
    """Return how often a trend is found while alpha is 1 and accuracy falls."""
    rng = np.random.default_rng(seed)
    flat, falling = (1.0,) * 4, (0.84, 0.78, 0.65, 0.5)
    found = []
    for _ in range(runs):
        table = table_of(rng, flat, falling, models, kappa=0.95)
        corrected, ranked = trend(table), trend(table, "ols")
        steps = (corrected.steps["pvalue_adjusted"] < 0.05).any()
        found.append((corrected.pvalue < 0.05, steps, ranked.page_pvalue < 0.05))
    return np.mean(found, axis=0)


def test_level_while_accuracy_falls():
    slope, steps, page = rejections(100, 100, 3)
    # binomial: 100 runs at .05 give at most .13 in 99.9 %
    assert max(slope, steps) <= 0.13
    # the ranks of uncorrected slopes are the control
    assert page > 0.2


def test_a_rise_is_found():
    table = table_of(np.random.default_rng(1), (1.0, 1.1, 1.2, 1.3), (0.8, 0.76, 0.7, 0.66))
    found = trend(table)
    assert found.pvalue < 1e-4 and found.slope == pytest.approx(0.09, abs=0.03)


@pytest.mark.study
@pytest.mark.parametrize("models", [10, 30])
def test_level_of_trends(models):
    slope, steps, _ = rejections(models, 1000, [models, 4])
    assert 0.03 < slope < 0.07 and steps < 0.07
