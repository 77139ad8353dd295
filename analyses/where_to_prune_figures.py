"""Figures of the study where to prune: accuracy, regret, objectives against accuracy, splits."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from analyses.where_to_prune_statistics import (
    OURS,
    QUANTITIES,
    share_of_first_layer,
    with_arms,
)
from regions.figures import MARKERS, PALETTE, figure_style, plot_means, share_legend

CURVES = {
    OURS: "balance (the default)",
    "disjoint disjoint": "disjoint paths",
    "erk repair": "ERK, repaired",
    "lamp repair": "LAMP, repaired",
    "uniform repair": "uniform, repaired",
    "parabola plain": "published (bound)",
    "uniform plain": "uniform",
}
SELECTIONS = ("plain", "repair", "disjoint", "default")


def draw_all(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Return the figures by name."""
    found = {
        "accuracy": draw(tables["accuracy"]),
        "objectives": draw_objectives(tables["objectives"]),
        "splits": draw_splits(tables["splits"]),
    }
    if not tables["regret"].empty:
        found["regret"] = draw_regret(tables["regret"])
    return found


def draw(frame: pd.DataFrame) -> Figure:
    """Draw test accuracy against density, and the difference to uniform densities, by arm."""
    percent = with_arms(frame)
    percent = percent[percent["arm"].isin(CURVES)]
    uniform = percent[percent["arm"] == "uniform plain"].set_index(["density", "seed"])["accuracy"]
    base = uniform.reindex(pd.MultiIndex.from_frame(percent[["density", "seed"]])).to_numpy()
    percent = percent.assign(gain=percent["accuracy"] - base, way=percent["arm"].map(CURVES))
    order = [label for arm, label in CURVES.items() if arm in set(percent["arm"])]
    with figure_style("neurips", "text", 1.15, columns=2):
        fig, (left, right) = plt.subplots(1, 2, layout="constrained")
        look = {"order": order, "legend": False, "interval": "bars", "ms": 3, "lw": 1}
        for ax, value in ((left, "accuracy"), (right, "gain")):
            plot_means(percent, "density", value, "way", ax=ax, **look)
            ax.set_xscale("log")
            ax.invert_xaxis()
            ax.set_xlabel("density (fraction of weights kept)")
        left.set_ylabel("test accuracy (%)")
        right.set_ylabel("points above uniform")
        share_legend(fig, columns=4)
    return fig


def draw_regret(regret: pd.DataFrame) -> Figure:
    """Draw the regret of each arm at each density: points below the best split of the scan."""
    table = regret.set_index("arm")
    with figure_style("neurips", "text", 0.022 * len(table) + 0.12):
        fig, ax = plt.subplots(layout="constrained")
        limit = float(np.nanquantile(np.abs(table.to_numpy()), 0.9))
        sns.heatmap(
            table, annot=True, fmt=".1f", cmap="RdBu_r", center=0.0, vmin=-limit, vmax=limit,
            annot_kws={"size": 5.5}, ax=ax,
            cbar_kws={"label": "regret (points)", "extend": "both"},
        )  # fmt: skip
        ax.set(xlabel="density (fraction of weights kept)", ylabel="")
        ax.tick_params(axis="y", labelsize=5.5, rotation=0)
    return fig


def draw_objectives(frame: pd.DataFrame) -> Figure:
    """Draw mean accuracy against what masks say, one dot per arm, at the middle density.

    Each panel gives Spearman's rank correlation over the dots: whether accuracy follows.
    """
    percent = with_arms(frame)
    densities = sorted(percent["density"].unique())
    density = densities[len(densities) // 2]
    part = percent[percent["density"] == density]
    part = part[~part["selection"].str.startswith("random")]
    part = part.assign(selection=part["selection"].str.split().str[0])
    dots = part.groupby(["allocation", "selection"])[[*QUANTITIES, "accuracy"]].mean().reset_index()
    with figure_style("neurips", "text", 1.1, rows=2, columns=4):
        fig, axes = plt.subplots(2, 4, sharey=True, layout="constrained")
        for ax, (name, label) in zip(axes.flat, QUANTITIES.items(), strict=True):
            _scatter(ax, dots, name)
            rho = stats.spearmanr(dots[name], dots["accuracy"]).statistic
            ax.set_title(f"rank correlation {rho:+.2f}", fontsize=6)
            ax.set_xlabel(label)
        for ax in axes[:, 0]:
            ax.set_ylabel(f"test accuracy (%)\nat density {density:g}")
        share_legend(fig)
    return fig


def _scatter(ax: Axes, dots: pd.DataFrame, name: str) -> None:
    for index, selection in enumerate(SELECTIONS):
        rows = dots[dots["selection"] == selection]
        look = {"color": PALETTE[index], "marker": MARKERS[index], "s": 10, "alpha": 0.8}
        ax.scatter(rows[name], rows["accuracy"], label=selection, **look)


def draw_splits(frame: pd.DataFrame) -> Figure:
    """Draw the share of the kept weights that the first pruned layer gets, by allocation."""
    table = share_of_first_layer(with_arms(frame))
    names = list(dict.fromkeys(table["allocation"]))
    with figure_style("neurips", "text", 0.5):
        fig, ax = plt.subplots(layout="constrained")
        for index, name in enumerate(names):
            rows = table[table["allocation"] == name].sort_values("density")
            look = {
                "color": PALETTE[index % len(PALETTE)],
                "marker": MARKERS[index // len(PALETTE)],
            }
            ax.plot(rows["density"], rows["share"], label=name, ms=3, **look)
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.set(
            xlabel="density (fraction of weights kept)",
            ylabel="kept weights in the\nfirst pruned layer (%)",
        )
        fig.legend(loc="outside right center", fontsize=6)
    return fig
