"""A picture of an allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from regions.allocation.allocation import Allocation


def plot_allocation(allocation: Allocation, ax: Axes | None = None) -> Axes:
    """Draw density per layer on a log scale; bars span the plateau, the line is uniform."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    axes = plt.gca() if ax is None else ax
    frame = allocation.to_frame()
    blue, orange, *_ = sns.color_palette("colorblind")
    known = frame[frame["density"] > 0]
    axes.vlines(
        known["layer"], known["plateau_low"], known["plateau_high"], color=blue, alpha=0.35, lw=5
    )
    axes.plot(known["layer"], known["density"], "o", color=blue, label=allocation.objective)
    axes.plot(frame["layer"], frame["uniform_density"], "_", color=orange, ms=14, label="uniform")
    axes.set(yscale="log", xlabel="layer", ylabel="density (fraction of weights kept)")
    axes.legend()
    return axes
