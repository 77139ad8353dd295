"""Intensification class by class against the definition."""

import numpy as np
import pytest
from scipy import stats

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.errors import ArgumentError
from regions.recall import class_intensification


def test_class_intensification(published):
    frame = class_intensification(published, "test_set").query("ratio == 50")
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


def test_counts_have_no_test_of_new_images(published, predicted):
    frame = class_intensification(published)
    assert frame[["low", "high", "pvalue", "pvalue_adjusted"]].isna().to_numpy().all()
    assert frame["change"].notna().all() and frame["population"].eq("").all()
    assert class_intensification(predicted)["population"].eq("examples").all()
    with pytest.raises(ArgumentError, match="needs predictions"):
        class_intensification(published, "examples")
    with pytest.raises(ArgumentError, match="population is 'all'"):
        class_intensification(published, "all")


def rejections(runs, image, seed, models=30):
    """Return how often any class is found to change while alpha is 1, of images and of models."""
    found = []
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        table = calibration.simulate_shared(rng, image, 0.1, models=models)
        sampled = class_intensification(table)["pvalue_adjusted"]
        fixed = class_intensification(table, "test_set")["pvalue_adjusted"]
        found.append(((sampled < 0.05).any(), (fixed < 0.05).any()))
    return np.mean(found, axis=0)


def test_level_where_models_share_images():
    sampled, fixed = rejections(60, 0.6, 41)
    # binomial: 60 at .05 give at most .17 in 99.9 %; models alone are the control
    assert sampled <= 0.15 and fixed > 0.2


@pytest.mark.study
@pytest.mark.parametrize("models", [10, 30])
@pytest.mark.parametrize("image", [0.0, 0.3, 0.6])
def test_level_of_classes(image, models):
    assert rejections(500, image, 42, models)[0] <= 0.075
