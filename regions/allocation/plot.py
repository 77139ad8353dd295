"""A picture of an allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from regions.allocation.allocation import Allocation


def plot_allocation(allocation: Allocation, ax: Axes | None = None) -> Axes:
    """Draw density per layer on a log scale, layers kept whole left out; bars span the plateau."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    axes = plt.gca() if ax is None else ax
    frame = allocation.to_frame()
    frame = frame[(frame["role"] != "whole") & (frame["count"] > 0)]
    blue, orange, *_ = sns.color_palette("colorblind")
    low, high = frame["plateau_low"], frame["plateau_high"]
    axes.vlines(frame["layer"], low, high, color=blue, alpha=0.35, lw=5, label="plateau")
    axes.plot(frame["layer"], frame["density"], "o", color=blue, label=allocation.objective)
    axes.plot(frame["layer"], frame["uniform_density"], "_", color=orange, ms=14, label="uniform")
    axes.set(yscale="log", xlabel="layer", ylabel="density (fraction kept)")
    axes.margins(x=0.15)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return axes
