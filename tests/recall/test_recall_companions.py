"""Measures beside alpha, each against its definition or a library."""

import numpy as np
import pytest
from recall_examples import DENSE, RATIO_2, draw_predictions
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

import regions
from regions.errors import ArgumentError
from regions.recall import (
    churn,
    class_impact,
    class_intensification,
    excess_loss,
    exemplars,
    find_exemplars,
    gini,
    rank_stability,
    worst_class,
)


def test_exemplars_by_counting_votes():
    labels, dense, pruned = draw_predictions(models=5)
    table = regions.RecallTable.from_predictions(labels, dense, pruned)
    found = find_exemplars(table, 10)
    expected = [
        np.bincount(dense[:, i], minlength=4).argmax()
        != np.bincount(pruned[10][:, i], minlength=4).argmax()
        for i in range(labels.size)
    ]
    assert found.tolist() == expected and 0 < found.sum() < labels.size
    row = exemplars(table).iloc[1]
    assert row["share"] == pytest.approx(found.mean()) and row["images"] == found.sum()
    on = (pruned[10] == labels)[:, found].mean()
    assert row["pruned_on_exemplars"] == pytest.approx(on)
    assert row["dense_on_exemplars"] > row["pruned_on_exemplars"]
    with pytest.raises(ArgumentError, match="no ratio 3"):
        find_exemplars(table, 3)


def test_no_exemplars_among_identical_predictions():
    labels, dense, _ = draw_predictions()
    table = regions.RecallTable.from_predictions(labels, dense, {2: dense})
    row = exemplars(table).iloc[0]
    assert row["images"] == 0 and np.isnan(row["dense_on_exemplars"])
    assert churn(table)["churn"].max() == 0 and (churn(table)["pvalue"] == 1).all()


def test_images_are_needed_where_images_are_meant(published):
    with pytest.raises(ArgumentError, match="from_predictions"):
        exemplars(published)
    with pytest.raises(ArgumentError, match="joint correctness"):
        churn(published)


def test_churn_is_mcnemars():
    labels, dense, pruned = draw_predictions()
    table = regions.RecallTable.from_predictions(labels, dense, pruned)
    frame = churn(table).query("ratio == 10").reset_index()
    for m in range(len(dense)):
        d, p = dense[m] == labels, pruned[10][m] == labels
        counts = [[(d & p).sum(), (d & ~p).sum()], [(~d & p).sum(), (~d & ~p).sum()]]
        assert frame["lost"][m] == counts[0][1] and frame["gained"][m] == counts[1][0]
        exact = counts[0][1] + counts[1][0] < 25
        assert frame["pvalue"][m] == pytest.approx(mcnemar(counts, exact=exact).pvalue)
        assert frame["churn"][m] == (dense[m] != pruned[10][m]).mean()


def test_class_impact_is_welchs(published):
    frame = class_impact(published).query("ratio == 50").reset_index()
    before = published.dense / 1000 - published.accuracy_dense.mean()
    after = published.pruned[1] / 1000 - published.accuracy_pruned[1].mean()
    expected = stats.ttest_ind(after, before, equal_var=False).pvalue
    assert frame["pvalue"].to_numpy() == pytest.approx(expected)
    assert frame["pvalue_paired"].to_numpy() == pytest.approx(stats.ttest_rel(after, before).pvalue)
    adjusted = stats.false_discovery_control(expected)
    assert frame["pvalue_adjusted"].to_numpy() == pytest.approx(adjusted)
    lost = published.accuracy_dense.mean() - published.accuracy_pruned[1].mean()
    assert frame["impact_normalised"].to_numpy() == pytest.approx((after - before).mean(0) / lost)
    assert frame["impact"].sum() == pytest.approx(0, abs=1e-12)


def test_class_impact_of_constant_arms():
    # in class 0 the dense count never varies, in class 1 nothing does (scipy would warn)
    dense, pruned = [[90, 80, 70]] * 3, [[85, 75, 65], [84, 75, 66], [83, 75, 67]]
    table = regions.RecallTable.from_counts(dense, {2: pruned}, 100)
    pvalues = class_impact(table)["pvalue"].to_numpy()
    change = np.array([0.85, 0.84, 0.83]) - np.mean(pruned) / 100 - 0.1
    # Welch with one constant arm is the one-sample test
    assert pvalues[0] == pytest.approx(stats.ttest_1samp(change, 0).pvalue)
    assert np.isnan(pvalues[1]) and np.isfinite(pvalues[2])


def test_excess_loss_and_worst_class():
    table = regions.RecallTable.from_counts([[90, 80, 70]], {2: [[85, 60, 65]]}, 100)
    row = excess_loss(table).iloc[0]
    assert row["accuracy_loss"] == pytest.approx(0.1)
    assert row["worst_class"] == 1 and row["worst_excess"] == pytest.approx(0.1)
    assert row["unfairness"] == pytest.approx(0.15)
    frame = worst_class(table)
    assert frame["network"].tolist() == ["dense", "pruned"]
    assert frame["worst_class"].tolist() == [2, 1]
    assert frame["worst_recall"].tolist() == pytest.approx([0.7, 0.6])
    assert frame["range"].tolist() == pytest.approx([0.2, 0.25])


def test_gini_by_all_pairs():
    values = np.random.default_rng(0).random((3, 7))
    pairs = np.abs(values[:, :, None] - values[:, None, :]).mean((1, 2))
    assert gini(values) == pytest.approx(pairs / (2 * values.mean(1)))
    assert np.isnan(gini(np.zeros((1, 3)))[0])


def test_rank_stability(published):
    frame = rank_stability(published)
    taus = [stats.kendalltau(a, b).statistic for a, b in zip(DENSE, RATIO_2, strict=True)]
    assert frame["kendall"][0] == pytest.approx(np.mean(taus))
    same = regions.RecallTable.from_counts(DENSE, {2: DENSE, 4: [[500] * 10] * 3}, 1000)
    frame = rank_stability(same)
    assert frame["kendall"][0] == pytest.approx(1) and np.isnan(frame["kendall"][1])
    assert frame["undefined"].tolist() == [0, 3]


def test_class_intensification(published):
    frame = class_intensification(published).query("ratio == 50")
    x = (published.dense / 1000) / published.accuracy_dense[:, None] - 1
    y = (published.pruned[1] / 1000) / published.accuracy_pruned[1][:, None] - 1
    change = (y - x) * np.sign(x.mean(0))
    assert frame["change"].to_numpy() == pytest.approx(change.mean(0))
    assert frame["pvalue"].to_numpy() == pytest.approx(stats.ttest_1samp(change, 0).pvalue)
    known = frame["intensification"].notna().to_numpy()
    assert known[[1, 3]].all()
    ratio = y.mean(0) / x.mean(0)
    assert frame["intensification"].to_numpy()[known] == pytest.approx(ratio[known])
    # alpha is the mean of I weighted by squared dense balances
    each = y[0] / x[0]
    assert np.average(each, weights=x[0] ** 2) == pytest.approx(
        regions.intensification(published, "ols").per_model[1, 0]
    )
