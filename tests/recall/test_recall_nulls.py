"""What alpha to expect if nothing class-specific happens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.recall import logit_shift


def table_of(dense, pruned, models=3, n=10**9):
    dense, pruned = ([(np.array(recall) * n).round()] * models for recall in (dense, pruned))
    return regions.RecallTable.from_counts(dense, {4: pruned}, n)


RECALL = np.array([0.97, 0.9, 0.85, 0.6])


@pytest.mark.parametrize(
    ("null", "pruned"),
    [
        ("proportional", 0.7 * RECALL),
        ("additive", RECALL - 0.2),
        ("flips", 0.7 * RECALL + 0.3 / 4),
        ("logit_shift", 1 / (1 + 2.5 * (1 - RECALL) / RECALL)),
    ],
)
def test_each_null_predicts_its_own_alpha(null, pruned):
    table = table_of(RECALL, pruned)
    result = regions.intensification(table, "ols", null)
    assert result.excess[0] == pytest.approx(0, abs=1e-7)
    others = {"proportional", "additive", "flips", "logit_shift"} - {null}
    for other in others:
        assert abs(regions.intensification(table, "ols", other).excess[0]) > 0.01


def test_closed_forms():
    accuracy = RECALL.mean()
    additive = regions.intensification(table_of(RECALL, RECALL - 0.2), "ols", "additive")
    assert additive.null_value[0] == pytest.approx(accuracy / (accuracy - 0.2))
    flips = regions.intensification(table_of(RECALL, 0.7 * RECALL + 0.075), "ols", "flips")
    assert flips.null_value[0] == pytest.approx(0.7 * accuracy / (0.7 * accuracy + 0.075))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    st.lists(st.floats(0.02, 0.98), min_size=2, max_size=8),
    st.floats(0.02, 0.98),
)
def test_shifted_recalls_have_the_accuracy_and_one_log_odds_ratio(recalls, accuracy):
    shifted = logit_shift(np.array(recalls), accuracy)
    assert shifted.mean() == pytest.approx(accuracy, abs=1e-9)
    before, after = (np.log(r / (1 - r)) for r in (np.array(recalls), shifted))
    assert np.ptp(before - after) < 1e-6


def test_recalls_of_one_count_as_half_an_image_less():
    table = regions.RecallTable.from_counts(
        [[100, 90, 80]] * 3, {2: [[95, 80, 60], [94, 80, 60], [96, 80, 60]]}, 100
    )
    result = regions.intensification(table, "ols", "logit_shift")
    assert np.isfinite(result.null_value).all() and 1 < result.null_value[0] < 3
    assert np.isnan(logit_shift(np.array([0.5, 0.6]), 1.0)).all()


def test_difference_from_the_null_is_tested_model_by_model(published):
    from scipy import stats

    from regions.recall.balance import Scale, balances

    result = regions.intensification(published, "ols", "additive", correction="none")
    found = balances(published.counts, Scale())
    expected = found.accuracy_dense / found.accuracy_pruned
    test = stats.ttest_rel(result.per_model, expected, axis=1)
    assert result.pvalue == pytest.approx(test.pvalue)
    assert result.null_value == pytest.approx(expected.mean(1))


def test_control_arm(published):
    from scipy import stats

    arms = {1: published.pruned[0], 50: published.pruned[1]}
    table = regions.RecallTable.from_counts(published.dense, arms, 1000)
    for options in ({}, {"aggregate": "pooled"}):
        result = regions.intensification(table, "ols", "control", correction="none", **options)
        assert np.isnan(result.pvalue[0]) and result.null_value[1] == result.estimate[0]
    paired = stats.ttest_rel(result.per_model[1], result.per_model[0])
    result = regions.intensification(table, "ols", "control", correction="none")
    assert result.pvalue[1] == pytest.approx(paired.pvalue)


def test_the_null_is_not_diluted_where_the_slope_is_corrected():
    # all classes lose the same log-odds: the corrected excess is about 0, the naive one below
    rng = np.random.default_rng(6)
    p = np.linspace(0.75, 0.95, 10)
    q = logit_shift(p, 0.75)
    together = 0.7 * np.minimum(p, q) + 0.3 * p * q
    naive, corrected = [], []
    for _ in range(60):
        dense = rng.binomial(100, np.broadcast_to(p, (30, 10)))
        both = rng.binomial(dense, together / p)
        pruned = both + rng.binomial(100 - dense, (q - together) / (1 - p))
        table = regions.RecallTable.from_counts(dense, {4: pruned}, 100, {4: both})
        naive.append(regions.intensification(table, "ols", "logit_shift").excess[0])
        corrected.append(regions.intensification(table, "moments", "logit_shift").excess[0])
    assert np.mean(naive) < -0.05
    assert abs(np.mean(corrected)) < 0.3 * abs(np.mean(naive))
