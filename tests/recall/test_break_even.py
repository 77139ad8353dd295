"""Where alpha crosses 1, against a closed form and simulated crossings."""

import numpy as np
import pytest
from test_trend import RATIOS, table_of

import regions
from regions.errors import ArgumentError
from regions.recall import break_even


def test_break_even_between_the_ratios_around_one(published):
    found = break_even(published, "ols", confidence_level=0.8)
    assert 2 < found.low < found.ratio < found.high < 50
    # three models say little
    assert break_even(published, "ols").low == 1.0
    means = published.select([2])
    assert np.isnan(break_even(means, "ols").ratio)
    assert "does not rise" in break_even(means, "ols").summary()
    # log-linear: at share s of the way in log ratio
    low, high = regions.intensification(published, "ols").alpha_mean
    share = (1 - low) / (high - low)
    assert found.ratio == pytest.approx(2 * 25**share, rel=1e-9)
    with pytest.raises(ArgumentError, match="joint correctness is unknown"):
        break_even(published)


def test_the_interval_inverts_the_test_at_its_ends(published):
    # alpha of each model, interpolated at the ends, is just not separable from 1
    from scipy import stats

    found = break_even(published, "ols", confidence_level=0.8)
    below, above = regions.intensification(published, "ols").per_model
    for end in (found.low, found.high):
        share = np.log(end / 2) / np.log(25)
        test = stats.ttest_1samp(below + share * (above - below), 1)
        assert test.pvalue == pytest.approx(0.2, abs=2e-3)


def test_an_interval_may_reach_beyond_the_table_and_needs_three_models(published):
    wide = break_even(published, "ols", confidence_level=0.9999)
    assert wide.low == 1.0 and wide.high == np.inf and wide.to_dict()["high"] == "inf"
    two = regions.RecallTable.from_counts(
        published.dense[:2], dict(zip((2, 50), published.pruned[:, :2], strict=True)), 1000
    )
    found = break_even(two, "ols")
    assert np.isfinite(found.ratio) and np.isnan([found.low, found.high]).all()


def held(models, runs, seed):
    """Return how often intervals hold the true crossing at 5, corrected and not."""
    rng = np.random.default_rng(seed)
    alphas = 1 + 0.2 * np.log2(np.array(RATIOS) / 5)
    found = []
    for _ in range(runs):
        table = table_of(rng, alphas, (0.8, 0.76, 0.72, 0.66), models, n=100)
        both = [break_even(table, name) for name in ("moments", "ols")]
        found.append([*(b.low <= 5 <= b.high for b in both), both[0].ratio, both[1].ratio])
    return np.array(found)


def test_coverage_of_the_crossing():
    found = held(20, 60, 8)
    corrected, plain = found[:, :2].mean(0)
    # binomial: 60 at .95 give at least .85 in 99.9 %; ols is the control
    assert corrected >= 0.85 and plain < 0.7
    assert np.median(found[:, 2]) == pytest.approx(5, rel=0.05)
    assert np.median(found[:, 3]) > 5.5


@pytest.mark.study
@pytest.mark.parametrize("models", [5, 10, 30])
def test_coverage_of_crossings(models):
    assert 0.93 <= held(models, 1000, [models, 9])[:, 0].mean() <= 0.975
