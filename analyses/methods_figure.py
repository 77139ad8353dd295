"""Table and figure of `analyses.methods_table`."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regions.figures import MARKERS, PALETTE, figure_style, mean_intervals, share_legend

SHARES = {
    "accuracy_before": "accuracy before",
    "accuracy_after": "accuracy after",
    "zero_rows": "zero rows",
    "zero_columns": "zero columns",
    "dead_units": "dead units",
    "rank": "rank",
}
PANELS = {"error_after": "test error after training (%)", "log2_bound": "bound on regions (log2)"}
SHOWN = 3  # densities in the figure: the table has all


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per budget and arm: means over seeds with 95 % intervals.

    All but the bound (log2) are percentages: of images, of rows, columns and units of all layers
    together, of the full rank, and of the dense network's weights.
    """
    keys = ["budget", "arm"]
    percent = _percent(frame).sort_values("budget", ascending=False, kind="stable")
    table = percent.groupby(keys, sort=False)["density"].mean().map("{:.3g}".format).reset_index()
    table["lr"] = percent.groupby(keys, sort=False)["lr"].first().to_numpy()
    for name, label in {**SHARES, "log2_bound": "log2 bound"}.items():
        found = mean_intervals(percent, name, keys)
        half = found["high"] - found["mean"]
        table[label] = [f"{m:.1f} ± {h:.1f}" for m, h in zip(found["mean"], half, strict=True)]
    return table


def _percent(frame: pd.DataFrame) -> pd.DataFrame:
    shares = [*SHARES, "density"]
    percent = frame.assign(**(100 * frame[shares]).to_dict(orient="series"))
    return percent.assign(error_after=100 - percent["accuracy_after"])


def draw(frame: pd.DataFrame) -> Figure:
    """Draw test error and bound of every arm at three densities; bars are 95 % t intervals."""
    percent = _percent(frame)
    dense, pruned = percent[percent["budget"] == 1], percent[percent["budget"] < 1]
    names = list(pruned["arm"].unique())
    budgets = sorted(pruned["budget"].unique(), reverse=True)
    shown = [
        budgets[i] for i in np.unique(np.linspace(0, len(budgets) - 1, SHOWN).round()).astype(int)
    ]
    pruned = pruned[pruned["budget"].isin(shown)]
    aspect = (0.9 + 0.21 * len(names)) / (5.5 / len(PANELS))
    with figure_style("neurips", columns=len(PANELS), aspect=aspect):
        fig, axes = plt.subplots(1, len(PANELS), sharey=True, layout="constrained")
        for ax, (measure, label) in zip(axes, PANELS.items(), strict=True):
            ax.axvline(dense[measure].mean(), color="0.4", ls="--", lw=0.8, label="dense")
            _draw_measure(ax, pruned, measure, names)
            ax.set_xlabel(label)
        axes[0].set_xscale("log")
        axes[0].set_xticks([3, 10, 30, 100], ["3", "10", "30", "100"])
        axes[0].minorticks_off()
        axes[0].set_xlim(right=100)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.5, -0.5)
        share_legend(fig)
    return fig


def _draw_measure(ax: Axes, frame: pd.DataFrame, measure: str, names: list[str]) -> None:
    groups = list(frame.groupby("budget", sort=False))
    for index, (budget, rows) in enumerate(groups):
        found = mean_intervals(rows, measure, "arm").set_index("arm").reindex(names)
        places = np.arange(len(names)) + 0.22 * (index - (len(groups) - 1) / 2)
        low, high = found["low"].clip(0), found["high"]
        if measure.startswith("error"):
            high = high.clip(upper=100)
        ax.errorbar(
            found["mean"],
            places,
            xerr=np.array([found["mean"] - low, high - found["mean"]]),
            fmt=MARKERS[index],
            color=PALETTE[index],
            markersize=3.5,
            elinewidth=0.9,
            label=f"density {budget:g}",
        )
