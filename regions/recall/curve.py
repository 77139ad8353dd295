"""Alpha against the compression ratio, drawn from plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def axes_of(ax: Axes | None) -> Axes:
    """Return the given axes, or the current ones."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.gca()


def plot_curve(
    ratios: Sequence[float],
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    label: str,
    dodge: float,
    ax: Axes | None,
    **kwargs: Any,
) -> Axes:
    """Draw values with their intervals against the ratios times `dodge`."""
    ax = axes_of(ax)
    look = {"fmt": "o-", "capsize": 2, "color": BLUE, **kwargs}
    error = np.array([value - low, high - value])
    ax.errorbar(dodge * np.array(ratios), value, yerr=error, label=label, **look)
    ax.set_xscale("log", base=2)
    ax.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios], minor=False)
    ax.minorticks_off()
    ax.set(xlabel="compression ratio (log scale)", ylabel="intensification ratio alpha")
    return ax


def plot_null(
    ratios: Sequence[float],
    value: np.ndarray,
    span: tuple[np.ndarray, np.ndarray] | None,
    label: str,
    ax: Axes,
) -> None:
    """Draw what a null expects, and its range over models where it has one."""
    value = np.broadcast_to(value, (len(ratios),))
    ax.plot(ratios, value, color=GREY, ls="--", marker="", label=label)
    if span is not None:
        ax.fill_between(ratios, *span, color=GREY, alpha=0.2, lw=0, label="its range over models")
