"""Worked examples and published numbers, to the last printed digit."""

import numpy as np
import pytest
from recall_examples import DENSE, RATIO_2, RATIO_50
from scipy import stats

import regions
from regions.recall import class_intensification, equivalence, trend
from regions.recall.balance import Scale, balances

ESTIMATORS = ("ols", "moments", "split_half", "cross_model")


def one_model(dense, pruned, n):
    return regions.RecallTable.from_counts([dense], {10: [pruned]}, n)


def alpha(table, **options):
    return regions.intensification(table, "ols", **options).estimate[0]


def test_worked_example_of_the_paper():
    # A = .8, R = (.9, .7); pruned A = .6, R = (.7, .5): Bn 1/8 -> 1/6, so I = alpha = 4/3
    table = one_model([90, 70], [70, 50], 100)
    assert alpha(table) == pytest.approx(4 / 3, abs=1e-12)
    assert class_intensification(table)["intensification"].tolist() == pytest.approx([4 / 3] * 2)
    found = balances(table.counts, Scale())
    assert abs(found.x.sum()) < 1e-15 and abs(found.y.sum()) < 1e-15
    result = regions.intensification(table, "ols")
    assert result.description.beta_mean[0] == pytest.approx(1.0)
    assert result.alpha_mean[0] == pytest.approx(result.alpha_pooled[0])


def test_proportional_and_additive_loss():
    dense = [9500, 9000, 8500, 8000]
    assert alpha(one_model(dense, [4750, 4500, 4250, 4000], 10000)) == pytest.approx(1, abs=1e-12)
    table = one_model(dense, [8500, 8000, 7500, 7000], 10000)
    assert alpha(table) == pytest.approx(0.875 / 0.775, abs=1e-12)
    assert regions.intensification(table, "ols").excess[0] == pytest.approx(
        0.875 / 0.775 - 1, abs=1e-12
    )
    # a predicted alpha has no noise; on 10^9 images neither has the corrected one
    exact = one_model(np.array(dense) * 10**5, np.array(dense) * 10**5 - 10**8, 10**9)
    result = regions.intensification(exact, "moments", "additive")
    assert result.null_value[0] == pytest.approx(0.875 / 0.775, abs=1e-7)
    assert result.bounds[1] == pytest.approx(result.null_value, abs=1e-7)


@pytest.mark.parametrize(
    ("shift", "expected", "recalls"),
    [(0.5, 1.522888, (0.920154, 0.845172, 0.774623, 0.708125)), (1.0, 2.235337, None)],
)
def test_equal_loss_of_log_odds(shift, expected, recalls):
    dense = np.array([0.95, 0.9, 0.85, 0.8])
    pruned = 1 / (1 + np.exp(shift) * (1 - dense) / dense)
    if recalls is not None:
        assert pruned == pytest.approx(recalls, abs=1e-6)
    n = 10**12
    table = one_model((dense * n).round(), (pruned * n).round(), n)
    assert alpha(table) == pytest.approx(expected, abs=1e-6)
    result = regions.intensification(table, "moments", "logit_shift")
    assert abs(result.bounds[1] - result.null_value)[0] < 1e-9


def test_unequal_classes():
    n = (1000, 200, 100)
    table = one_model((950, 160, 60), (930, 130, 35), n)
    assert table.accuracy_dense[0] == pytest.approx(0.9)
    assert table.accuracy_pruned[0, 0] == pytest.approx(0.842308, abs=1e-6)
    found = balances(table.counts, Scale("accuracy", "equal"))
    assert found.x.sum() == pytest.approx(-0.388889, abs=1e-6)
    assert abs(found.x @ found.centre)[0] < 1e-15
    assert alpha(table, weights="equal") == pytest.approx(1.785767, abs=1e-6)
    assert alpha(table) == pytest.approx(1.820396, abs=1e-6)
    assert alpha(table, center="balanced_accuracy") == pytest.approx(2.007422, abs=1e-6)
    notes = regions.intensification(table, paper=True).warnings
    assert any("class sizes differ" in note for note in notes)


CORRECTED = ("moments", "split_half", "cross_model")


@pytest.mark.parametrize(
    ("estimator", "null"),
    [("ols", "one"), *((e, n) for e in CORRECTED for n in ("one", "logit_shift", "flips"))],
)
def test_identical_predictions_give_one(estimator, null):
    table = regions.RecallTable.from_counts(DENSE, {2: DENSE}, 1000, {2: DENSE})
    result = regions.intensification(table, estimator, null)
    assert result.estimate[0] == pytest.approx(1, abs=1e-12)
    assert result.standard_error[0] == 0
    assert result.verdict == ("?",)
    assert result.pvalue[0] == 1
    assert "as their dense networks: alpha is 1 and there is nothing to test" in result.summary()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_copies_of_one_model_are_no_sample(estimator):
    dense, pruned = [DENSE[0]] * 4, [RATIO_50[0]] * 4
    both = np.minimum(dense, pruned)
    table = regions.RecallTable.from_counts(dense, {50: pruned}, 1000, {50: both})
    result = regions.intensification(table, estimator)
    assert np.isfinite(result.estimate[0]) and result.verdict == ("?",)
    assert np.isnan([result.standard_error, result.pvalue, *result.confidence_interval()]).all()
    assert "no interval and no test: copies of one model" in result.summary()
    # one image more in one model, and they differ
    other = regions.RecallTable.from_counts(
        dense, {50: [*pruned[1:], np.add(pruned[0], 1)]}, 1000, {50: both}
    )
    assert np.isfinite(regions.intensification(other, estimator).standard_error[0])
    assert not equivalence(table, 5.0, estimator="ols")["equivalent"][0]


def test_published_models(published):
    result = regions.intensification(published, paper=True)
    expected = [[0.902611, 0.966875, 0.893627], [1.635293, 1.909779, 1.754993]]
    assert result.per_model == pytest.approx(np.array(expected), abs=1e-6)
    assert result.estimate == pytest.approx(np.mean(expected, axis=1), abs=1e-6)
    assert result.options.confidence_level == 0.99
    # the paper's family has five ratios
    tests = [stats.ttest_1samp(row, 1) for row in expected]
    adjusted = [min(1, 5 * test.pvalue) for test in tests]
    assert result.pvalue_adjusted == pytest.approx(adjusted, rel=1e-4)
    intervals = [test.confidence_interval(0.99) for test in tests]
    assert result.confidence_interval().low == pytest.approx([i.low for i in intervals], abs=1e-4)


def test_published_models_against_hand_formulas(published):
    x = np.array(DENSE) / np.mean(DENSE, axis=1, keepdims=True) - 1
    y = np.array(RATIO_50) / np.mean(RATIO_50, axis=1, keepdims=True) - 1
    result = regions.intensification(published, "ols", aggregate="pooled")
    assert result.estimate[1] == pytest.approx((x * y).sum() / (x * x).sum(), abs=1e-12)
    cross = regions.intensification(published, "cross_model").estimate[1]
    pairs = [(m, k) for m in range(3) for k in range(3) if m != k]
    above = sum(x[m] @ y[k] for m, k in pairs)
    assert cross == pytest.approx(above / sum(x[m] @ x[k] for m, k in pairs), abs=1e-12)


def test_trend_and_equivalence_run_on_two_ratios(published):
    found = trend(published, "ols")
    assert np.isnan(found.page_pvalue) and found.steps["pvalue"][0] < 0.05
    frame = equivalence(published, 0.3, estimator="ols")
    assert frame["equivalent"].tolist() == [True, False]
    assert (np.array(RATIO_2) <= 1000).all()
