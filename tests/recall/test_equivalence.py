"""Equivalence against statsmodels."""

import pytest
from statsmodels.stats.weightstats import DescrStatsW

import regions
from regions.errors import ArgumentError
from regions.recall import equivalence


def test_equivalence_is_that_of_statsmodels(table):
    frame = equivalence(table, 0.15, estimator="ols", correction="none")
    alphas = regions.intensification(table, "ols").per_model
    expected = [DescrStatsW(a).ttost_mean(0.85, 1.15)[0] for a in alphas]
    assert frame["pvalue"].to_numpy() == pytest.approx(expected)
    assert (frame["equivalent"] == (frame["pvalue"] < 0.05)).all()
    inside = (frame["low"] > 0.85) & (frame["high"] < 1.15)
    assert (inside == frame["equivalent"]).all()
    with pytest.raises(ArgumentError, match=r"margin is .* above 0"):
        equivalence(table, 0.0)


def test_two_models_are_never_equivalent(published):
    pruned = dict(zip(published.ratios, published.pruned[:, :2], strict=True))
    two = regions.RecallTable.from_counts(published.dense[:2], pruned, 1000)
    frame = equivalence(two, 50.0, estimator="ols")
    assert frame["pvalue"].isna().all() and not frame["equivalent"].any()
    # a third one, and so wide a margin is kept
    assert equivalence(published, 50.0, estimator="ols")["equivalent"].all()


@pytest.mark.parametrize(
    "option",
    [{"test": "wilcoxon"}, {"alternative": "less"}, {"confidence_level": 0.9}, {"n_boot": 9}],
)
def test_options_of_other_tests_are_refused(table, option):
    with pytest.raises(ArgumentError, match=f"no option '{next(iter(option))}'"):
        equivalence(table, 0.15, estimator="ols", **option)
