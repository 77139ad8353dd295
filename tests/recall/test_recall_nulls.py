"""What alpha to expect if nothing class-specific happens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.errors import ArgumentError
from regions.recall import ESTIMATORS, logit_shift


def table_of(dense, pruned, models=3, n=10**9):
    dense, pruned = ([(np.array(recall) * n).round()] * models for recall in (dense, pruned))
    both = {4: np.minimum(dense, pruned)}
    return regions.RecallTable.from_counts(dense, {4: pruned}, n, both)


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
    others = {"proportional", "additive", "flips", "logit_shift"} - {null}
    for estimator in ("moments", "cross_model"):
        result = regions.intensification(table, estimator, null)
        assert result.excess[0] == pytest.approx(0, abs=1e-7)
        for other in others:
            assert abs(regions.intensification(table, estimator, other).excess[0]) > 0.01


def test_closed_forms():
    accuracy = RECALL.mean()
    additive = regions.intensification(table_of(RECALL, RECALL - 0.2), "moments", "additive")
    assert additive.null_value[0] == pytest.approx(accuracy / (accuracy - 0.2))
    flips = regions.intensification(table_of(RECALL, 0.7 * RECALL + 0.075), "moments", "flips")
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


def test_recalls_of_zero_and_one_stay():
    recall = np.array([1.0, 0.9, 0.5, 0.0])
    shifted = logit_shift(recall, 0.45)
    assert shifted[[0, 3]].tolist() == [1, 0] and shifted.mean() == pytest.approx(0.45)
    # the class of recall 1 alone holds a quarter
    assert np.isnan(logit_shift(recall, 0.2)).all() and np.isnan(logit_shift(recall, 1.0)).all()
    many = logit_shift(np.array([recall, [0.2, 0.4, 0.6, 0.8]]), np.array([0.45, 0.7]))
    assert many[0] == pytest.approx(shifted) and many[1].mean() == pytest.approx(0.7)


def test_a_prediction_of_measured_recalls_is_that_of_the_true_ones():
    # 20 images a class: the plain prediction of each model's own recalls is far off
    from recall_simulations import contrasts, independent

    from regions.recall.balance import Scale, balances
    from regions.recall.moments import predicted_moments
    from regions.recall.nulls import Additive, Flips, LogitShift

    rng = np.random.default_rng(12)
    p = np.linspace(0.75, 0.99, 10)
    q = logit_shift(p, 0.7)
    counts = independent(rng, 400, 30, 20, p, q)
    found = balances(counts, Scale())
    x = p / p.mean() - 1
    for null in (LogitShift(), Additive(), Flips()):
        true = x @ (null.recalls(p, np.array(0.7), np.full(10, 0.1)) / 0.7 - 1)
        corrected = predicted_moments(null.recalls, counts, Scale()).numerator
        error = corrected.mean() - true
        assert abs(error) < 4 * corrected.mean(1).std() / 20 + 0.01 * true
    plain = (found.x * LogitShift().balances(found)).sum(-1)
    true = x @ (q / 0.7 - 1)
    assert abs(np.nanmean(plain) - true) > 0.2 * true
    assert contrasts([counts], ESTIMATORS["moments"](), LogitShift())[0].value.mean() < 0.1


@pytest.mark.parametrize("null", ["logit_shift", "additive", "flips", "proportional"])
def test_uncorrected_slopes_have_no_predicted_null(published, null):
    with pytest.raises(ArgumentError, match="diluted by measurement noise"):
        regions.intensification(published, "ols", null)


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


@pytest.mark.parametrize("estimator", ["moments", "split_half", "cross_model"])
def test_flips_predict_nothing_of_networks_that_only_guess(estimator):
    dense = np.array([[90, 10], [95, 8], [85, 12], [88, 12]])
    kept = np.array([[80, 8], [90, 6], [80, 10], [82, 11]])

    def line(dense):
        table = regions.RecallTable.from_counts(dense, {2: kept}, 100, {2: kept})
        return regions.intensification(table, estimator, "flips").summary().splitlines()[1]

    assert dense.mean() == 50
    assert "no estimate: null 'flips' is undefined where dense networks only guess" in line(dense)
    # one image more, and it is defined
    assert "adjusted p" in line(dense + np.array([[0, 0], [0, 0], [0, 0], [1, 0]]))
