"""Plots show the numbers they are given, with labels and intervals."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.errors import ArgumentError
from regions.recall import plot_balances, plot_classes, plot_intensification


@pytest.fixture
def ax():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def test_alpha_against_ratio(ax):
    table = calibration.simulate(
        np.random.default_rng(0), **calibration.CASES["P1"], ratios=(2.0, 10.0)
    )
    result = regions.intensification(table, null="logit_shift")
    assert result.plot(ax=ax) is ax
    line, caps = ax.containers[0].lines[:2]
    assert line.get_ydata() == pytest.approx(result.estimate)
    low = min(cap.get_ydata()[0] for cap in caps)
    assert low == pytest.approx(result.confidence_interval().low[0])
    assert "alpha" in ax.get_ylabel() and "ratio" in ax.get_xlabel()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "10"]


def test_bounds_are_drawn_as_such(ax, published):
    plot_intensification(regions.intensification(published), ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("bounds" in label for label in labels)


def test_balances_show_both_slopes(ax, published):
    result = regions.intensification(published, "cross_model")
    assert plot_balances(result, 50, ax=ax) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"uncorrected: {result.alpha_pooled[1]:.3f}" in labels
    assert f"cross-model: {result.estimate[1]:.3f}" in labels
    assert len(ax.collections[0].get_offsets()) == 30
    with pytest.raises(ArgumentError, match="no ratio 3"):
        plot_balances(result, 3, ax=ax)


def test_classes_are_ordered(ax, published):
    plot_classes(published, 50, ax=ax)
    names = [int(label.get_text()) for label in ax.get_yticklabels()]
    assert names[0] == 3 and names[-1] == 1  # cat is hardest, car easiest
