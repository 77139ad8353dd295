"""Tests and intervals against scipy and statsmodels, and error rates under true nulls."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from recall_examples import DENSE, RATIO_50
from scipy import stats
from statsmodels.stats.multitest import multipletests

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.recall.balance import Scale, balances
from regions.recall.inference import adjust, infer, sign_flip
from regions.recall.ratio import Contrast, Ratio


def test_t_tests_are_scipys(table):
    alphas = regions.intensification(table, "ols").per_model
    for alternative in ("two-sided", "less", "greater"):
        result = regions.intensification(table, "ols", alternative=alternative, correction="none")
        expected = [stats.ttest_1samp(a, 1, alternative=alternative) for a in alphas]
        assert result.statistic == pytest.approx([e.statistic for e in expected])
        assert result.pvalue == pytest.approx([e.pvalue for e in expected])
    expected = [e.confidence_interval(0.9) for e in expected]
    interval = [stats.ttest_1samp(a, 1).confidence_interval(0.9) for a in alphas]
    assert result.confidence_interval(0.9).low == pytest.approx([i.low for i in interval])
    simultaneous = [stats.ttest_1samp(a, 1).confidence_interval(1 - 0.05 / 3) for a in alphas]
    found = result.confidence_interval(0.95, simultaneous=True)
    assert found.high == pytest.approx([i.high for i in simultaneous])


def test_signed_rank_is_scipys(table):
    result = regions.intensification(table, "ols", test="wilcoxon")
    expected = [stats.wilcoxon(a - 1).pvalue for a in result.per_model]
    assert result.pvalue == pytest.approx(expected)


def test_pooled_slope_and_error_are_those_of_statsmodels(table):
    # smf.ols("y ~ 0 + x"): slope; the leave-one-cluster-out jackknife by refitting it
    found = balances(table.counts, Scale())
    model = np.repeat(np.arange(table.n_models), table.n_classes)
    frame = pd.DataFrame({"x": found.x.ravel(), "y": found.y[1].ravel(), "model": model})
    result = regions.intensification(table, "ols", aggregate="pooled")
    fit = smf.ols("y ~ 0 + x", frame).fit()
    assert result.estimate[1] == pytest.approx(fit.params["x"])
    assert result.description.r_squared[1] == pytest.approx(fit.rsquared)
    refits = [
        sm.OLS(part["y"], part["x"]).fit().params.iloc[0]
        for part in (frame[frame["model"] != m] for m in range(table.n_models))
    ]
    error = np.sqrt((table.n_models - 1) * np.var(refits))
    assert result.standard_error[1] == pytest.approx(error)
    clustered = smf.ols("y ~ 0 + x", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["model"]}
    )
    assert result.standard_error[1] == pytest.approx(clustered.bse["x"], rel=0.05)


def test_jackknife_of_a_mean_is_the_textbook_error():
    values = np.random.default_rng(0).normal(size=(2, 9))
    contrast = Contrast(Ratio(values, np.ones_like(values)), np.zeros(2))
    assert contrast.model_variance() == pytest.approx(values.var(1, ddof=1) / 9)
    assert contrast.pseudo_values() == pytest.approx(values)
    result = infer(contrast, [], "t", "two-sided")
    assert result.pvalue == pytest.approx(stats.ttest_1samp(values, 0, axis=1).pvalue)


def test_adjustment_is_that_of_statsmodels():
    pvalues = np.array([0.001, 0.04, np.nan, 0.03, 0.2])
    known = np.isfinite(pvalues)
    for ours, theirs in (("holm", "holm"), ("bonferroni", "bonferroni"), ("bh", "fdr_bh")):
        adjusted = adjust(pvalues, ours)
        assert np.isnan(adjusted[2])
        assert adjusted[known] == pytest.approx(multipletests(pvalues[known], method=theirs)[1])


def test_five_models_cannot_be_significant_by_sign_flips():
    values = np.array([0.1, 0.2, 0.15, 0.3, 0.05])
    assert sign_flip(values, "two-sided") == pytest.approx(2 / 32)
    assert sign_flip(values, "greater") == pytest.approx(1 / 32)
    dense = [*DENSE, DENSE[0], DENSE[1]]
    pruned = [*RATIO_50, RATIO_50[1], RATIO_50[2]]
    five = regions.RecallTable.from_counts(dense, {50: pruned}, 1000)
    result = regions.intensification(five, "ols", test="sign_flip")
    assert (result.per_model > 1).all()
    assert result.pvalue[0] == pytest.approx(0.0625) and result.verdict == ("?",)


@pytest.mark.parametrize("models", [6, 12])
def test_sign_flips_are_all_enumerated(models):
    values = np.random.default_rng(models).normal(0.3, 1, models)
    signs = np.array(np.meshgrid(*[[-1, 1]] * models)).reshape(models, -1)
    means = (signs * values[:, None]).mean(0)
    expected = 2 * min(
        (means >= values.mean() - 1e-12).mean(), (means <= values.mean() + 1e-12).mean()
    )
    assert sign_flip(values, "two-sided") == pytest.approx(min(1, expected))


def test_new_images_need_the_two_way_variance():
    frame = calibration.coverage_runs("shared images .7", 5000, 100)
    rates = frame.groupby("population")["covered"].mean()
    # the model jackknife alone misses what all models share
    assert rates["independent"] < 0.92
    assert 0.9 <= rates["examples"] <= 1
    assert frame["estimate"].mean() == pytest.approx(1, abs=0.015)
    assert frame["naive"].mean() < 0.95


def test_five_true_nulls_are_seldom_rejected():
    frame = calibration.family_runs(20000, 150).groupby("correction")["any_rejected"].mean()
    # 1,000 runs: .24 uncorrected, .044 corrected
    assert frame["none"] > 0.12
    assert frame["holm"] <= 0.1 and frame["bonferroni"] <= frame["holm"] + 1e-12


@pytest.mark.parametrize("estimator", ["ols", "moments", "split_half", "cross_model"])
def test_images_as_a_sample_never_narrow_the_interval(estimator):
    table = calibration.simulate_shared(np.random.default_rng(1), 0.5, 0.3)
    corrected = estimator in ("moments", "split_half")
    fixed = regions.intensification(
        table, estimator, population="independent" if corrected else "test_set"
    )
    sampled = regions.intensification(table, estimator, population="examples")
    assert sampled.standard_error[0] >= fixed.standard_error[0]
    assert 29 <= sampled.df[0] <= 29 + 49 and "new test images" in sampled.summary()
