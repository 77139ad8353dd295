"""Figures of the study of pruning and representations: by layer, layer by layer, accuracy."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.compression_verdicts import ARMS, REFERENCES
from regions.figures import (
    LINE_STYLES,
    MARKERS,
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)
from regions.representations.plots import plot_map

# the arms drawn by layer, with their colours; the reference is black
CURVES = {
    "finetuned": PALETTE[0],
    "pruned": PALETTE[4],
    "reinitialised": PALETTE[2],
    "random": PALETTE[1],
    "other": PALETTE[6],
}


def models_of(frame: pd.DataFrame) -> list[str]:
    """Return the models in the order of the study."""
    return list(dict.fromkeys(frame["model"]))


def densities_of(frame: pd.DataFrame) -> list[float]:
    """Return the densities of the pruned networks, from dense to sparse."""
    return sorted(set(frame.loc[~frame["arm"].isin(REFERENCES), "density"]), reverse=True)


def draw_layers(frame: pd.DataFrame) -> Figure:
    """Draw similarity to dense A by layer: models in rows, densities in columns."""
    measure = frame["measure"].iloc[0].upper()
    models, densities = models_of(frame), densities_of(frame)
    with figure_style("neurips", rows=len(models), columns=len(densities), aspect=0.8):
        fig, axes = plt.subplots(len(models), len(densities), sharey=True, squeeze=False)
        for row, model in zip(axes, models, strict=True):
            for ax, density in zip(row, densities, strict=True):
                part = frame.loc[frame["model"] == model]
                keep = part["density"].eq(density) | part["arm"].isin(REFERENCES)
                draw_panel(part.loc[keep], ax)
                ax.set(title=f"{model}, density {density:g}")
        fig.supylabel(f"{measure} with dense A", fontsize="medium")
        for ax in axes[-1]:
            ax.set_xlabel("ReLU layer (depth)")
        share_legend(fig, columns=3)
    return fig


def draw_panel(part: pd.DataFrame, ax: Any) -> Any:
    """Draw one model at one density: means over seeds, 95 % t intervals as bars."""
    order = {layer: index + 1 for index, layer in enumerate(dict.fromkeys(part["layer"]))}
    part = part.assign(depth=part["layer"].map(order))
    for index, (arm, colour) in enumerate(CURVES.items()):
        table = mean_intervals(part.loc[part["arm"] == arm], "value", "depth").sort_values("depth")
        at = table["depth"] + 0.1 * (index - 2)
        style = {"ls": LINE_STYLES[index], "marker": MARKERS[index], "ms": 2, "lw": 0.8}
        ax.plot(at, table["mean"], color=colour, label=ARMS[arm], **style)
        ax.vlines(at, table["low"], table["high"], color=colour, lw=0.6)
    for column, arm, label, style in [
        ("value", "untrained", "untrained (mean)", "-"),
        ("null_permuted", "other", "shuffled images (mean)", LINE_STYLES[2]),
    ]:
        means = part.loc[part["arm"] == arm].groupby("depth")[column].mean()
        ax.plot(means.index, means, color="0.65", ls=style, lw=1, label=label, zorder=1)
    ax.set_ylim(0, 1.03)
    step = max(1, len(order) // 6)
    ax.set_xticks(range(1, len(order) + 1, step))
    return ax


def draw_maps(frame: pd.DataFrame) -> Figure:
    """Draw layer by layer maps of the first seed at the middle density."""
    models, densities = models_of(frame), densities_of(frame)
    middle = densities[len(densities) // 2]
    arms = ("finetuned", "random", "other")
    with figure_style("neurips", rows=len(models), columns=len(arms), aspect=0.95):
        fig, axes = plt.subplots(len(models), len(arms), squeeze=False)
        for row, model in zip(axes, models, strict=True):
            for ax, arm in zip(row, arms, strict=True):
                density = 1.0 if arm in REFERENCES else middle
                draw_map(frame, model, arm, density, ax)
            row[0].set_ylabel(f"{model}: layer of dense A")
        for ax in axes[-1]:
            ax.set_xlabel("its layer")
        bar = axes[0, 0].collections[0]
        label = "SVCCA of channel means (first seed)"
        fig.colorbar(bar, ax=axes, label=label, location="bottom", shrink=0.5, aspect=40)
    return fig


def draw_map(frame: pd.DataFrame, model: str, arm: str, density: float, ax: Any) -> Any:
    """Draw one map: rows are layers of dense A, columns layers of the other network."""
    chosen = frame.loc[
        (frame["model"] == model)
        & (frame["arm"] == arm)
        & (frame["density"] == density)
        & (frame["seed"] == 0)
    ]
    names = list(dict.fromkeys(chosen["layer"]))
    matrix = chosen.pivot(index="layer", columns="layer_y", values="value")
    matrix = matrix.reindex(index=names, columns=names)
    plot_map(matrix, ax=ax, colour_bar=False)
    suffix = "" if arm in REFERENCES else f"\ndensity {density:g}"
    ax.set(title=f"{ARMS[arm]}{suffix}", xlabel="", ylabel="")
    at = np.arange(0, len(names), max(1, len(names) // 6))
    ax.set_xticks(at + 0.5, [str(i + 1) for i in at], rotation=0)
    ax.set_yticks(at + 0.5, [str(i + 1) for i in at], rotation=0)
    return ax


def draw_accuracy(networks: pd.DataFrame) -> Figure:
    """Draw test accuracy against density, one panel per model, the dense level dotted."""
    models = models_of(networks)
    columns = min(2, len(models))
    rows = -(-len(models) // columns)
    with figure_style("neurips", rows=rows, columns=columns, aspect=0.75):
        fig, axes = plt.subplots(rows, columns, squeeze=False)
        for ax, model in zip(axes.flat, models, strict=False):
            part = networks.loc[networks["model"] == model]
            draw_accuracies(part, densities_of(networks), ax)
            ax.set_title(model)
        for ax in axes.flat[len(models) :]:
            ax.remove()
        share_legend(fig, columns=3)
    return fig


def draw_accuracies(part: pd.DataFrame, densities: list[float], ax: Any) -> Any:
    """Draw the accuracy of one model's pruned networks against density."""
    shown = ["finetuned", "reinitialised", "random", "pruned"]
    part = part.assign(network=part["arm"].map(ARMS), accuracy=100 * part["accuracy"])
    named = part.loc[part["arm"].isin(shown)]
    order = [ARMS[arm] for arm in shown]
    plot_means(named, "density", "accuracy", "network", order=order, legend=False, ax=ax)
    dense = part.loc[part["arm"].isin(("dense", "other")), "accuracy"].mean()
    ax.axhline(dense, color="0.5", ls=LINE_STYLES[2], label="dense (mean)")
    ax.set(xscale="log", ylabel="test accuracy (%)", ylim=(0, 102), yticks=range(0, 101, 25))
    ax.set_xlabel("density (fraction of weights kept)")
    ax.set_xticks(densities, [f"{density:g}" for density in densities])
    ax.minorticks_off()
    return ax
