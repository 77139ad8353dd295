"""Alpha of an `IntensificationResult` against the ratio, with intervals, bounds and null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.recall.balance import balances
from regions.recall.nulls import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes


BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def axes_of(ax: Axes | None) -> Axes:
    """Return the given axes, or the current ones."""
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise ArgumentError(f"ax is {ax!r}; expected matplotlib Axes, such as plt.gca()")
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.gca()


def draw_result(
    result: Any, ax: Axes | None, label: str | None, dodge: float, **kwargs: Any
) -> Axes:
    """Draw alpha and its intervals against the ratios times `dodge`; bounds without a marker."""
    ax = axes_of(ax)
    interval, ratios = result.confidence_interval(), np.array(result.ratios)
    level = f"{100 * result.options.confidence_level:g} % interval"
    name = label or result.options.estimator.name.replace("_", "-")
    look: dict[str, Any] = {"capsize": 2, "color": BLUE, **kwargs}
    if result.bounds is None:
        value = result.estimate
        error = np.array([value - interval.low, interval.high - value])
        look = {"fmt": "o-", **look}
        ax.errorbar(dodge * ratios, value, yerr=error, label=f"{name}, {level}", **look)
    else:
        low, high = result.bounds.min(0), result.bounds.max(0)
        ax.vlines(
            dodge * ratios, low, high, color=look["color"], lw=5, alpha=0.5, label=f"{name}: bounds"
        )
        middle = (interval.low + interval.high) / 2
        error = (interval.high - interval.low) / 2
        said = f"{name}: from the {level} of one bound to the other's"
        look = {**look, "fmt": "none"}
        ax.errorbar(dodge * ratios, middle, yerr=error, label=said, **look)
    return _with_ratios(ax, result.ratios, "intensification ratio alpha")


def draw_differences(result: Any, ax: Axes | None) -> Axes:
    """Draw the difference of two arms with its intervals against the ratios."""
    ax, interval = axes_of(ax), result.confidence_interval()
    error = np.array([result.difference - interval.low, interval.high - result.difference])
    label = f"a - b, {100 * result.options.confidence_level:g} % interval"
    look = {"fmt": "o-", "capsize": 2, "color": BLUE, "label": label}
    ax.errorbar(result.ratios, result.difference, yerr=error, **look)
    ax.axhline(0, color=GREY, lw=0.8, ls="--", label="no difference")
    return with_legend(_with_ratios(ax, result.ratios, "difference of alpha"))


def draw_alphas(ax: Axes | None, ratios: Any, alphas: np.ndarray, color: str) -> Axes:
    """Draw alphas (ratios, models), one line per model, and the line of no change."""
    ax = axes_of(ax)
    one = alphas.shape[1] == 1
    look = {"lw": 1.5 if one else 0.8, "alpha": 1.0 if one else 0.6, "ms": 5 if one else 3}
    ax.plot(ratios, alphas, "o-", color=color, **look)
    ax.axhline(1, color=GREY, lw=0.8, ls=":")
    return _with_ratios(ax, ratios, "intensification ratio alpha")


def _with_ratios(ax: Axes, ratios: Any, label: str) -> Axes:
    ax.set_xscale("log", base=2)
    ax.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios], minor=False)
    ax.minorticks_off()
    ax.set(xlabel="compression ratio (log scale)", ylabel=label)
    return ax


def draw_null(result: Any, ax: Axes, label: str, color: Any = GREY, linestyle: str = "--") -> None:
    """Draw what the null of a result expects, and its range over models where it has one."""
    ax.plot(
        result.ratios, result.null_value, color=color, ls=linestyle, marker="", lw=1, label=label
    )
    if isinstance(result.options.null, Prediction):
        found = balances(result.table.counts, result.options.scale)
        alphas = found.slopes(result.options.null.balances(found)).per_model()
        span = alphas.min(-1), alphas.max(-1)
        said = f"{label}, range over models"
        ax.fill_between(result.ratios, *span, color=color, alpha=0.2, lw=0, label=said)


def with_legend(ax: Axes) -> Axes:
    """Return the axes with a legend."""
    ax.legend(loc="best", fontsize="small")
    return ax
