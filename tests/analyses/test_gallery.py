"""What had been wrong with pictures of the gallery stays mended, whatever the numbers are."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import regions
from analyses import (
    backdoor,
    block_sparsity,
    compression_figures,
    degree_weighted,
    methods_figure,
    recall_published,
    spectral_pruning,
)
from analyses.count_regions_mnist import draw as draw_counts
from analyses.where_to_prune_figures import CURVES
from analyses.where_to_prune_figures import draw as draw_where
from regions.counting.pictures import _FILLS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def inside(figure: Figure) -> bool:
    """Tell whether all legends and titles lie within the figure."""
    figure.canvas.draw()
    parts = [*figure.legends, *(ax.title for ax in figure.axes if ax.get_title())]
    width, height = figure.bbox.size
    boxes = [part.get_window_extent() for part in parts]
    return all(b.x0 >= 0 and b.x1 <= width and b.y0 >= 0 and b.y1 <= height for b in boxes)


def recalls(low: float) -> regions.RecallTable:
    rng = np.random.default_rng(0)
    dense = rng.binomial(1000, np.linspace(0.95, 0.8, 10), (6, 10))
    pruned = {
        ratio: rng.binomial(dense, 1 - low * np.linspace(0, 1, 10) * ratio / 50)
        for ratio in recall_published.RATIOS
    }
    return regions.RecallTable.from_counts(dense, pruned, 1000)


def test_algorithms_of_recall_distortion_have_their_names_and_panels_one_scale():
    tables = {
        name: recalls(low)
        for name, low in zip("MP GP UP RP".split(), (0.1, 0.3, 0.5, 1), strict=True)
    }
    figure = recall_published.draw_slopes(tables)
    assert inside(figure)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["magnitude (MP)", "gradient (GP)", "undecayed (UP)"]
    for row in (figure.axes[:3], figure.axes[3:]):
        assert len({ax.get_ylim() for ax in row}) == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "as published, 99 % interval" in labels and len(set(labels)) == 5


def test_intervals_of_percentages_stay_in_percentages_and_lines_beside_each_other():
    rows = [
        {"method": method, "stage": stage, "removed": removed, "seed": seed,
         "accuracy": 0.97 + 0.03 * (seed % 2), "success": float(seed % 2)}
        for method in backdoor.METHODS
        for stage, removed in [("curve", 1), ("curve", 8), ("removed", 4), ("tuned", 4)]
        for seed in range(3)
    ]  # fmt: skip
    figure = backdoor.draw(pd.DataFrame(rows))
    assert inside(figure)
    for ax in figure.axes:
        assert not ax.collections or all(
            type(c).__name__ != "PolyCollection" for c in ax.collections
        )
    left = [ax for ax in figure.axes if ax.get_xlabel() == "units removed"]
    right = [ax for ax in figure.axes if ax.get_xlabel() != "units removed"]
    for axes, axis in ((left, 1), (right, 0)):
        for ax in axes:
            ends = [s[:, axis] for c in ax.containers for bar in c[2] for s in bar.get_segments()]
            assert np.min(ends) >= 0 and np.max(ends) <= 100
    first = [line.get_xdata()[0] for line in left[0].lines if len(line.get_xdata()) == 2]
    named = [at for at in first if 0 < at < 2]
    assert len(set(np.round(named, 6))) >= len(backdoor.CURVES)


def test_intervals_of_spectral_pruning_stay_in_percentages():
    arms = ["max", "mean", "magnitude", "random", "single weights"]
    rows = [
        {"arm": arm, "training": training, "density": density, "seed": seed,
         "accuracy": float(seed % 2), "gain": (seed % 2) - 0.5, "log2_bound": 20.0 * (seed % 2)}
        for arm in arms
        for training in ("trained", "brief")
        for density in (1 / 16, 1 / 4, 1.0)
        for seed in range(3)
    ]  # fmt: skip
    figure = spectral_pruning.draw(pd.DataFrame(rows))
    assert inside(figure)
    for ax, (low, high) in zip(figure.axes, ((0, 100), (-100, 100), (0, np.inf)), strict=True):
        ends = [s[:, 1] for c in ax.containers for bar in c[2] for s in bar.get_segments()]
        assert len(ends) and np.min(ends) >= low and np.max(ends) <= high


def test_the_table_of_methods_has_two_panels_in_a_size_that_is_read():
    names = [f"method {i}" for i in range(23)]
    rows = [
        {"arm": arm, "budget": budget, "seed": seed, "density": budget, "lr": 0.1,
         "accuracy_before": 0.5, "accuracy_after": 0.9 * budget + 0.01 * seed, "zero_rows": 0.1,
         "zero_columns": 0.1, "dead_units": 0.1, "rank": 0.5, "log2_bound": 100 * budget + seed}
        for arm in names
        for budget in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
        for seed in range(3)
    ]  # fmt: skip
    figure = methods_figure.draw(pd.DataFrame(rows))
    assert len(figure.axes) == 2 and inside(figure)
    assert len(figure.legends[0].get_texts()) == 1 + methods_figure.SHOWN
    figure.canvas.draw()
    texts = [
        label for ax in figure.axes for label in (*ax.get_yticklabels(), *ax.get_xticklabels())
    ]
    assert min(text.get_fontsize() for text in texts) >= 6
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    assert all(not one.overlaps(two) for one, two in itertools.pairwise(boxes))


def test_accuracy_has_a_colour_of_its_own_beside_counts():
    rows = [
        {"points": points, "density": density, "seed": seed, "regions": 2**points + seed,
         "accuracy": 0.9 * density, "status": "EXACT"}
        for points in (2, 3, 5)
        for density in (1.0, 0.1, 0.01)
        for seed in range(3)
    ]  # fmt: skip
    figure = draw_counts(pd.DataFrame(rows), None)
    left, right = ({to_rgb(line.get_color()) for line in ax.lines} for ax in figure.axes)
    assert len(left) == 1 and len(right) == 3 and not left & right


def test_shares_are_per_cent_in_every_picture_of_accuracy():
    seeds = range(3)
    blocks = [
        {"arm": arm, "density": density, "seed": seed, "accuracy_before": 0.5, "accuracy": 0.9,
         "log2_bound": 100.0}
        for arm in ("rows", "random")
        for density in (0.05, 0.5)
        for seed in seeds
    ]  # fmt: skip
    degrees = [
        {"penalty": penalty, "strength": strength, "seed": seed, "density": 0.5 / strength,
         "accuracy": 0.9, "degree_sd": 0.4, "dead": 0.2, "log2_bound": 100.0}
        for penalty in ("plain", "weighted")
        for strength in (1.0, 2.0)
        for seed in seeds
    ]  # fmt: skip
    networks = [
        {"model": "mlp", "arm": arm, "density": density, "seed": seed, "accuracy": 0.9}
        for arm, density in (("dense", 1.0), ("finetuned", 0.5), ("pruned", 0.5), ("pruned", 0.05))
        for seed in seeds
    ]  # fmt: skip
    ax = compression_figures.draw_accuracies(
        pd.DataFrame(networks), [0.5, 0.05], plt.figure().add_subplot()
    )
    figures = [
        block_sparsity.draw(pd.DataFrame(blocks)),
        degree_weighted.draw(pd.DataFrame(degrees)),
    ]
    shares = {"accuracy": {50, 90}, "dead": {20}}
    seen = 0
    for panel in [ax, *(ax for figure in figures for ax in figure.axes)]:
        for word, values in shares.items():
            if word in panel.get_ylabel():
                seen += 1
                assert "(%)" in panel.get_ylabel()
                lines = [line.get_ydata() for line in panel.lines if len(line.get_ydata())]
                assert {round(float(y)) for ys in lines for y in ys} <= values
    assert seen == 5


def test_ways_to_prune_differ_in_colour_and_in_marker():
    rows = [
        {"allocation": arm.rpartition(" ")[0], "selection": arm.rpartition(" ")[2],
         "density": density, "seed": seed, "accuracy": 0.9 - 0.1 * density,
         "validation": 0.9, "dense_accuracy": 0.95}
        for arm in CURVES
        for density in (0.01, 0.001)
        for seed in range(3)
    ]  # fmt: skip
    for ax in draw_where(pd.DataFrame(rows)).axes:
        looks = {line.get_label(): line for line in ax.lines if line.get_label()[0] != "_"}
        assert {*looks} == {*CURVES.values()}
        assert len({to_rgb(line.get_color()) for line in looks.values()}) == len(CURVES)
        assert len({line.get_marker() for line in looks.values()}) == len(CURVES)


def lab(colour: str) -> np.ndarray:
    """Return a colour as CIELAB has it (D65), where distances are what eyes see."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_no_two_classes_of_a_plane_have_nearly_the_same_colour():
    def apart(one: str, two: str) -> float:
        return float(np.linalg.norm(lab(one) - lab(two)))

    assert apart("#000000", "#FFFFFF") == pytest.approx(100, abs=0.1)
    assert apart("#BBCC33", "#AAAA00") < 14  # the control: what classes 5 and 8 had
    assert min(apart(*pair) for pair in itertools.combinations(_FILLS, 2)) > 20
