"""Curves show a value with the interval that belongs to it, and say which null is drawn."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from small_networks import noise
from torch import nn

import regions
from regions.representations.plots import plot_curves


@pytest.fixture
def ax():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def drawn(ax):
    """Return the markers' heights, the bars' ends and the legend's words."""
    bars = [path.vertices[:, 1] for path in ax.collections[0].get_paths()]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    return np.asarray(ax.lines[0].get_ydata()), np.array(bars), words


@pytest.mark.parametrize("measure", ["cka", "cka_debiased", "procrustes"])
def test_each_marker_is_the_value_that_its_bar_belongs_to(measure, networks, ax):
    options = {"measure": measure, "blocks": 20, "tap": "linear"}
    found = regions.compare_layers(*networks, noise(80, 6), **options)
    found.plot(ax=ax)
    markers, bars, words = drawn(ax)
    frame = found.to_frame()
    assert bars == pytest.approx(frame[["low", "high"]].to_numpy())
    assert markers == pytest.approx(bars.mean(axis=1))
    assert words[0] == "bias-corrected, bars: 95%"
    if measure in ("cka", "procrustes"):
        # the control: at 80 images the value before correction is another one
        assert np.abs(markers - frame["value"].to_numpy()).max() > 0.005


def test_without_intervals_the_value_itself_is_drawn(networks, ax):
    found = regions.compare_layers(*networks, noise(300, 6), measure="svcca", blocks=10)
    found.plot(ax=ax)
    markers, bars, words = drawn(ax)
    assert markers == pytest.approx(found.to_frame()["value"].to_numpy())
    assert np.isnan(bars).all() and words == ["if independent (formula)"]


def test_a_curve_with_some_intervals_says_so(networks, ax):
    frame = regions.compare_layers(
        *networks, noise(300, 6), measure="cka", blocks=10, tap="linear"
    ).to_frame()
    frame.loc[0, ["corrected", "low", "high"]] = np.nan
    plot_curves(frame.assign(curve="pruned"), ax=ax)
    markers, bars, words = drawn(ax)
    assert markers[0] == frame["value"][0]
    assert markers[1:] == pytest.approx(bars[1:].mean(axis=1))
    assert words[0] == "pruned (bias-corrected where there is a bar, bars: 95%)"


def test_the_legend_says_which_null_is_drawn(networks, ax):
    found = regions.compare_layers(*networks, noise(300, 6), measure="cka", permutations=3)
    found.plot(ax=ax)
    frame = found.to_frame()
    assert np.asarray(ax.lines[-1].get_ydata()) == pytest.approx(frame["null_permuted"].to_numpy())
    assert drawn_words(ax)[-1] == "images shuffled"


def test_a_legend_of_two_nulls_names_both(ax):
    maps = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 5))
    found = regions.compare_layers(maps, maps, noise(300, 36).reshape(-1, 1, 6, 6), measure="cka")
    found.plot(ax=ax)
    frame = found.to_frame()
    shuffled = frame["null_permuted"].notna()
    assert shuffled.any() and not shuffled.all()
    expected = frame["null_permuted"].fillna(frame["null"]).to_numpy()
    assert np.asarray(ax.lines[-1].get_ydata()) == pytest.approx(expected)
    assert drawn_words(ax)[-1] == "images shuffled (maps), formula elsewhere"


def drawn_words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def heights(ax):
    lines = [np.atleast_1d(line.get_ydata()) for line in ax.lines]
    bars = [path.vertices[:, 1] for found in ax.collections for path in found.get_paths()]
    return np.concatenate([*lines, *bars]).astype(float)


@pytest.mark.parametrize(
    ("measure", "options"),
    [
        ("cka", {"blocks": 2}),
        ("cka_debiased", {"blocks": 5}),
        ("procrustes", {"kind": "angular_distance"}),
        ("procrustes", {"kind": "squared_distance", "blocks": 5}),
    ],
)
def test_nothing_is_drawn_outside_of_the_axes(measure, options, networks, ax):
    """Distances and their nulls exceed 1, debiased values and wide intervals fall below 0."""
    found = regions.compare_layers(*networks, noise(60, 6), measure=measure, **options)
    found.plot(ax=ax)
    drawn_at, (low, high) = heights(ax), ax.get_ylim()
    assert low <= np.nanmin(drawn_at) <= np.nanmax(drawn_at) < high
    ax.clear()
    found.plot(kind="map", ax=ax)
    low, high = ax.collections[0].get_clim()
    assert low <= np.nanmin(found.matrix) <= np.nanmax(found.matrix) <= high
    assert (low, high) == (0, 1) or measure != "cka"


def test_held_out_correlations_below_zero_are_seen(ax):
    rng = np.random.default_rng(4)
    found = regions.cca(rng.standard_normal((200, 30)), rng.standard_normal((200, 30)), cv=2)
    assert found.coefficients.min() < 0
    found.plot(ax=ax)
    assert ax.get_ylim()[0] < found.coefficients.min()


def test_the_axis_is_named_after_the_measure(networks, ax):
    frame = regions.compare_layers(*networks, noise(300, 6), measure="cka").to_frame()
    assert plot_curves(frame, hue=None, ax=ax).get_ylabel() == "cka"
    both = pd.concat([frame.assign(curve=m, measure=m) for m in ("cka", "procrustes")])
    assert plot_curves(both, ax=ax).get_ylabel() == "similarity"


@pytest.mark.parametrize("hue", ["seed", 3])
def test_a_hue_that_is_no_column_is_refused(hue, networks):
    frame = regions.compare_layers(*networks, noise(300, 6), measure="cka").to_frame()
    with pytest.raises(regions.errors.ArgumentError, match=r"expected a column.*layer, measure"):
        plot_curves(frame, hue=hue)
