"""Comparisons of two arms: pairing is found out, not assumed."""

import numpy as np
import pytest
from recall_examples import draw_predictions
from scipy import stats

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.errors import ArgumentError
from regions.recall import OLS


def arm(seed, **changes):
    case = {**calibration.CASES["N2"], **changes}
    return calibration.simulate(np.random.default_rng(seed), **case, ratios=(2.0, 10.0))


@pytest.fixture(scope="module")
def different():
    return arm(1), arm(2, alpha=1.3)


@pytest.fixture(scope="module")
def shared():
    a = arm(1)
    pruned = dict(zip(a.ratios, np.maximum(a.pruned - 3, 0), strict=True))
    return a, regions.RecallTable.from_counts(a.dense, pruned, a.sizes)


def test_different_dense_networks_are_compared_by_welch(different):
    result = regions.compare_intensification(*different, estimator="ols", correction="none")
    assert (
        not result.paired and "Welch" in result.pairing and "differ in 30 of 30" in result.pairing
    )
    assert "Welch" in result.summary()
    x, y = (regions.intensification(table, "ols").per_model for table in different)
    expected = stats.ttest_ind(x, y, axis=1, equal_var=False)
    assert result.pvalue == pytest.approx(expected.pvalue)
    assert result.df == pytest.approx(expected.df)
    interval = expected.confidence_interval(0.95)
    assert result.confidence_interval().low == pytest.approx(interval.low)
    assert result.verdict == ("<", "<")


def test_pairing_different_networks_is_refused(different):
    with pytest.raises(ArgumentError, match="do not prune the same dense networks"):
        regions.compare_intensification(*different, paired=True)


def test_shared_dense_networks_are_compared_pairwise(shared):
    result = regions.compare_intensification(*shared, estimator="ols", correction="none")
    assert result.paired and "equal in both arms" in result.pairing
    x, y = (regions.intensification(table, "ols").per_model for table in shared)
    expected = stats.ttest_rel(x, y, axis=1)
    assert result.pvalue == pytest.approx(expected.pvalue)
    assert result.statistic == pytest.approx(expected.statistic)
    demanded = regions.compare_intensification(
        *shared, paired=True, estimator="ols", correction="none"
    )
    assert (demanded.pvalue == result.pvalue).all()
    unpaired = regions.compare_intensification(*shared, paired=False, estimator="ols")
    assert not unpaired.paired and "as asked" in unpaired.pairing
    assert (unpaired.pvalue > result.pvalue).all()


def test_models_are_matched_by_their_ids(shared):
    a, b = shared
    order = np.random.default_rng(0).permutation(a.n_models)
    moved = regions.RecallTable.from_counts(
        b.dense[order], dict(zip(b.ratios, b.pruned[:, order], strict=True)), b.sizes,
        model_ids=order,
    )  # fmt: skip
    expected = regions.compare_intensification(a, b, estimator="ols")
    for estimator in ("ols", "cross_model"):
        result = regions.compare_intensification(a, moved, estimator=estimator)
        assert result.paired
        plain = regions.compare_intensification(a, b, estimator=estimator)
        assert result.pvalue == pytest.approx(plain.pvalue)
    assert expected.paired


def test_equal_counts_of_different_predictions_are_not_the_same_network():
    labels, dense, pruned = draw_predictions()
    a = regions.RecallTable.from_predictions(labels, dense, pruned)
    moved, rng = np.arange(labels.size), np.random.default_rng(0)
    for label in range(4):
        places = np.flatnonzero(labels == label)
        moved[places] = rng.permutation(places)
    shuffled = {ratio: values[:, moved] for ratio, values in pruned.items()}
    b = regions.RecallTable.from_predictions(labels, dense[:, moved], shuffled)
    assert (a.dense == b.dense).all()
    assert not regions.compare_intensification(a, b).paired
    assert regions.compare_intensification(a, a).paired
    same = regions.compare_intensification(a, a)
    assert same.verdict == ("?", "?") and (same.pvalue == 1).all()


def test_results_are_accepted_and_keep_their_estimator(shared):
    a = regions.intensification(shared[0], "ols", correction="bonferroni")
    result = regions.compare_intensification(a, shared[1])
    assert result.options.estimator == OLS() and result.options.correction == "bonferroni"
    assert list(result.to_frame()["ratio"]) == [2.0, 10.0]
    assert result.to_dict()["pairing"] == result.pairing


def test_error_rate_of_welch_with_pooled_slopes():
    rejected = [
        regions.compare_intensification(
            arm(1000 + 2 * run), arm(1001 + 2 * run), correction="none", estimator="moments"
        ).pvalue
        < 0.05
        for run in range(150)
    ]
    # binomial: 300 tests at .05 give .02 to .09 in 99.9 % of cases
    assert 0.01 <= np.mean(rejected) <= 0.1


def test_bad_comparisons(different):
    a, b = different
    with pytest.raises(ArgumentError, match="no shared ratio"):
        regions.compare_intensification(a.select([2]), b.select([10]))
    with pytest.raises(ArgumentError, match="no option 'population'"):
        regions.compare_intensification(a, b, population="examples")
    few = regions.RecallTable.from_counts(a.dense[:1], {2: a.pruned[0, :1]}, 100)
    result = regions.compare_intensification(few, b, estimator="ols")
    assert np.isnan(result.pvalue[0]) and result.verdict == ("?",)


def test_the_comparison_names_its_levels(different):
    for level in (0.6, 0.99):
        result = regions.compare_intensification(
            *different, estimator="ols", confidence_level=level
        )
        text, frame = result.summary(), result.to_frame()
        assert f"intervals of level {level}, each for its ratio alone" in text
        assert f"Verdicts at level {1 - level:.4g} of the adjusted p: > above, < below" in text
        assert (frame["level"] == level).all()
        assert ((frame["verdict"] != "?") == (frame["pvalue_adjusted"] < 1 - level)).all()
