"""A picture of an allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_densities(frame: pd.DataFrame, label: str, ax: Axes | None = None) -> Axes:
    """Draw density per layer on a log scale, layers kept whole left out; bars span the plateau.

    Parameters
    ----------
    frame : DataFrame
        `Allocation.to_frame`.
    label : str
        For the densities, in the legend.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    axes = plt.gca() if ax is None else ax
    frame = frame.loc[(frame["role"] != "whole") & (frame["count"] > 0)]
    blue, orange, *_ = sns.color_palette("colorblind")
    low, high = frame["plateau_low"], frame["plateau_high"]
    axes.vlines(frame["layer"], low, high, color=blue, alpha=0.35, lw=5, label="plateau")
    axes.plot(frame["layer"], frame["density"], "o", color=blue, label=label)
    axes.plot(frame["layer"], frame["uniform_density"], "_", color=orange, ms=14, label="uniform")
    axes.set(yscale="log", xlabel="layer", ylabel="density (fraction kept)")
    axes.margins(x=0.15)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return axes
