"""A name with options and the choice that holds them are the same analysis."""

import json

import numpy as np
import pytest

import regions
from regions.errors import ArgumentError
from regions.recall import (
    ESTIMATORS,
    NULLS,
    OLS,
    CrossModel,
    Estimator,
    Moments,
    SplitHalf,
)
from regions.recall.nulls import Additive, LogitShift
from regions.recall.options import Options


def same(a, b):
    assert a.options == b.options
    for name in ("estimate", "null_value", "standard_error", "pvalue_adjusted"):
        assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
    assert a.summary() == b.summary()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("null", [name for name in NULLS if name != "control"])
def test_names_are_the_choices_of_the_registries(predicted, estimator, null):
    if estimator == "ols" and null != "one":  # its own alpha is diluted, their reference is not
        with pytest.raises(ArgumentError, match="no counterpart for estimator 'ols'"):
            regions.intensification(predicted, estimator, null)
        return
    named = regions.intensification(predicted, estimator, null, groups=5)
    chosen = ESTIMATORS[estimator](), NULLS[null]()
    same(named, regions.intensification(predicted, *chosen, groups=5))
    assert named.options.to_dict()["estimator"] == estimator
    assert named.to_frame()["null"].eq(null).all()
    json.dumps(named.to_dict())


@pytest.mark.parametrize(
    ("words", "choice"),
    [
        ({"estimator": "ols", "aggregate": "pooled"}, OLS(aggregate="pooled")),
        ({"estimator": "split_half", "splits": 3}, SplitHalf(splits=3)),
        ({"estimator": OLS(), "aggregate": "pooled"}, OLS(aggregate="pooled")),
    ],
)
def test_options_of_the_estimator_are_its_fields(predicted, words, choice):
    same(
        regions.intensification(predicted, **words),
        regions.intensification(predicted, estimator=choice),
    )
    plain = regions.intensification(predicted, type(choice)())
    assert (plain.estimate != regions.intensification(predicted, choice).estimate).all()


def test_an_estimator_of_the_users_own_is_one(predicted):
    class Doubled(Moments):
        name = "doubled"

        def ratios(self, groups, scale, rng):
            return [part + part for part in super().ratios(groups, scale, rng)]

    found = regions.intensification(predicted, Doubled())
    assert found.estimate == pytest.approx(regions.intensification(predicted).estimate)
    assert found.to_frame()["estimator"].eq("doubled").all()
    assert isinstance(Doubled(), Estimator)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"estimator": OLS}, "estimator is <class"),
        ({"estimator": Additive()}, "estimator is Additive"),
        ({"null": Moments()}, "null is Moments"),
        ({"estimator": "cross-model"}, "did you mean 'cross_model'"),
        ({"splits": 3}, "estimator 'moments' does not know the option.* splits"),
        ({"estimator": CrossModel(), "splits": 3}, "CrossModel does not know"),
        ({"estimator": "split_half", "splits": 0}, "splits is 0"),
        ({"estimator": "ols", "aggregate": "median"}, "aggregate is 'median'"),
        ({"test": "z"}, "test is 'z'"),
        ({"population": "test_set"}, "no measurement noise to correct"),
        ({"population": "all"}, "population is 'all'"),
        ({"paper": True, "estimator": OLS(aggregate="pooled")}, "fixes 'estimator'"),
        ({"paper": True, "null": LogitShift()}, "fixes 'null'"),
    ],
)
def test_what_is_no_choice_is_refused(predicted, words, message):
    with pytest.raises(ArgumentError, match=message):
        regions.intensification(predicted, **words)


def test_the_mean_of_unstable_ratios_is_refused():
    assert OLS(aggregate="mean").averaged and not OLS(aggregate="pooled").averaged
    for estimator in (Moments, SplitHalf, CrossModel):
        assert not estimator(aggregate="pooled").averaged
        with pytest.raises(ArgumentError, match="only for estimator"):
            estimator(aggregate="mean")


def test_options_are_flat_in_files():
    flat = Options.of(estimator="split_half", splits=4, null="flips", test="wilcoxon").to_dict()
    assert flat["estimator"] == "split_half" and flat["splits"] == 4 and flat["null"] == "flips"
    assert (
        Options.of(**{k: v for k, v in flat.items() if k != "splits"}, splits=4).to_dict() == flat
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "odr"}, "estimator is 'odr'"),
        ({"null": "zero"}, "null is 'zero'"),
        ({"correction": "hs"}, "correction is 'hs'"),
        ({"aggregate": "mean"}, "only for estimator"),
        ({"population": "examples"}, "needs predictions"),
        ({"population": "examples", "test": "wilcoxon"}, 'needs test="t"'),
        ({"null": "control"}, "needs ratio 1"),
        ({"confidence_level": 1.0}, "confidence_level"),
        ({"level": 0.9}, r"option\(s\) level; its options are: aggregate; beside them: correction"),
        ({"paper": True, "estimator": "cross_model"}, "paper=True fixes 'estimator'"),
        ({"paper": True, "test": "wilcoxon"}, "paper=True fixes 'test'"),
    ],
)
def test_wrong_options(table, options, message):
    with pytest.raises(ArgumentError, match=message):
        regions.intensification(table, **options)
