"""What an estimate is given for, and what is said where there is none."""

import numpy as np
import pytest

import regions
from analyses.benchmarks import recall_calibration as calibration


def test_no_estimate_without_a_reason():
    equal = [[50, 50, 50]] * 4
    other = [[40, 30, 20]] * 4
    table = regions.RecallTable.from_counts(equal, {2: other}, 100, {2: other})
    for estimator in ("ols", "moments", "split_half", "cross_model"):
        for aggregate in ("mean", "pooled") if estimator == "ols" else (None,):
            result = regions.intensification(table, estimator, aggregate=aggregate)
            assert np.isnan(result.estimate[0]) and np.isnan(result.pvalue[0])
            assert result.verdict == ("?",) and "no estimate" in result.warnings[0]
    dead = regions.RecallTable.from_counts([[50, 60]] * 3, {2: [[0, 0]] * 3}, 100)
    result = regions.intensification(dead, "ols")
    assert np.isnan(result.estimate[0]) and "accuracy 0" in result.warnings[0]


def test_one_model_has_no_test():
    table = regions.RecallTable.from_counts([[90, 70]], {2: [[70, 50]]}, 100, {2: [[70, 50]]})
    for estimator in ("ols", "moments"):
        result = regions.intensification(table, estimator)
        assert np.isnan([result.pvalue[0], result.standard_error[0], result.effect_size[0]]).all()
        assert np.isnan(result.confidence_interval()).all() and result.verdict == ("?",)
        assert any("1 model(s): no verdict" in note for note in result.warnings)


def test_two_models_have_no_verdict(published):
    table = regions.RecallTable.from_counts(
        published.dense[:2], {50: published.pruned[1, :2]}, 1000
    )
    result = regions.intensification(table, "ols")
    assert result.verdict == ("?",) and any("no verdict" in note for note in result.warnings)


def test_low_reliability_is_said():
    table = calibration.simulate(np.random.default_rng(0), **calibration.CASES["MNIST-0"])
    result = regions.intensification(table)
    assert result.reliability < 0.7 and any("reliability" in note for note in result.warnings)


def test_bootstrap_of_models(table):
    result = regions.intensification(table, n_boot=2000)
    low, high = result.bootstrap_interval.T
    interval = result.confidence_interval()
    width = interval.high - interval.low
    assert high - low == pytest.approx(width, rel=0.25)
    assert (low < result.estimate).all() and (result.estimate < high).all()


def test_effect_size_is_hedges(table):
    result = regions.intensification(table, "ols")
    deviations = result.per_model - 1
    d = deviations.mean(1) / deviations.std(1, ddof=1)
    assert result.effect_size == pytest.approx(d * (1 - 3 / (4 * 29 - 1)))


def test_text_names_what_the_numbers_rest_on(table):
    for options in ({}, {"paper": True}, {"estimator": "cross_model", "null": "logit_shift"}):
        result = regions.intensification(table, **options)
        text = result.summary()
        for word in ("Sample unit", "Population", "Estimator", "correction", "Reliability",
                     "Pairing", "Null"):  # fmt: skip
            assert word in text
        frame = result.to_frame()
        assert len(frame) == 3 and {"estimator", "population", "correction"} <= set(frame.columns)
        assert result.to_dict()["rows"][0]["ratio"] == 2.0
    few = regions.RecallTable.from_counts(table.dense[:4], {2: table.pruned[0, :4]}, 100)
    assert any("only 4 models" in n for n in regions.intensification(few, "ols").warnings)
