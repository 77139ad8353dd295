"""Axes-level pictures: balances with both slopes, alpha against ratio, change per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.recall.balance import balances
from regions.recall.class_level import class_intensification
from regions.recall.options import Options
from regions.recall.table import RecallTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from regions.recall.result import IntensificationResult

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#666666"
_NULL_LABELS = {
    "one": "null: 1",
    "proportional": "null: equal relative loss",
    "additive": "null: equal loss of recall",
    "logit_shift": "null: equal loss of log-odds",
    "flips": "null: label-blind flips",
    "control": "null: control arm",
}


def plot_balances(
    result: IntensificationResult, ratio: float, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Draw pruned against dense normalised recall balance, one point per model and class.

    The dashed line is the uncorrected pooled slope (the one printed in the paper's figures), the
    solid line the estimate of `result`, where it has one; a band where only bounds are known.

    Parameters
    ----------
    ratio : float
        One of the ratios of `result`.
    **kwargs
        Passed to `Axes.scatter`.
    """
    if float(ratio) not in result.ratios:
        raise ArgumentError(f"no ratio {ratio}; the result has {result.ratios}")
    row = result.ratios.index(float(ratio))
    ax = _axes(ax)
    found = balances(result.table.counts, result.options.scale)
    look = {"s": 6, "alpha": 0.5, "color": _BLUE, "linewidths": 0, "rasterized": True}
    ax.scatter(found.x.ravel(), found.y[row].ravel(), **{**look, **kwargs})
    ends = np.array([found.x.min(), found.x.max()])
    pooled = result.alpha_pooled[row]
    ax.plot(ends, ends, color=_GREY, lw=0.8, ls=":", label="no change: 1")
    ax.plot(ends, pooled * ends, color=_ORANGE, ls="--", label=f"uncorrected: {pooled:.3f}")
    _estimate_line(ax, result, row, ends)
    ax.set(
        xlabel="dense recall balance\n(recall / accuracy - 1)",
        ylabel="pruned recall balance\n(recall / accuracy - 1)",
    )
    ax.legend()
    return ax


def _estimate_line(ax: Axes, result: IntensificationResult, row: int, ends: np.ndarray) -> None:
    name = result.options.estimator.replace("_", "-")
    if result.bounds is not None:
        low, high = result.bounds[:, row].min(), result.bounds[:, row].max()
        grid = np.linspace(ends[0], ends[1], 50)
        label = f"corrected: {low:.3f} to {high:.3f}"
        ax.fill_between(grid, low * grid, high * grid, color="black", alpha=0.3, lw=0, label=label)
    elif np.isfinite(result.estimate[row]):
        value = result.estimate[row]
        ax.plot(ends, value * ends, color="black", label=f"{name}: {value:.3f}")


def plot_intensification(
    result: IntensificationResult,
    ax: Axes | None = None,
    label: str | None = None,
    color: str = _BLUE,
    show_null: bool = True,
    dodge: float = 1.0,
    **kwargs: Any,
) -> Axes:
    """Draw alpha against the compression ratio with its intervals, and what the null expects.

    Intervals are those of `result.confidence_interval()`, per ratio. The dashed line is the null;
    for a null that depends on the model, the band is the range over models of its alpha.

    Parameters
    ----------
    label : str, optional
        Of the line; by default the estimator.
    dodge : float
        Factor on the ratios drawn, so that several results do not hide each other.
    **kwargs
        Passed to `Axes.errorbar`.
    """
    ax = _axes(ax)
    interval = result.confidence_interval()
    value = result.estimate
    if result.bounds is not None:
        value = (interval.low + interval.high) / 2
    error = np.array([value - interval.low, interval.high - value])
    look = {"fmt": "o-", "capsize": 2, "color": color, **kwargs}
    shown = label or _estimator_label(result)
    ax.errorbar(dodge * np.array(result.ratios), value, yerr=error, label=shown, **look)
    if show_null:
        _draw_null(ax, result)
    ax.set_xscale("log", base=2)
    ax.set_xticks(result.ratios, [f"{ratio:g}" for ratio in result.ratios], minor=False)
    ax.minorticks_off()
    ax.set(xlabel="compression ratio (log scale)", ylabel="intensification ratio alpha")
    ax.legend(loc="upper left")
    return ax


def _estimator_label(result: IntensificationResult) -> str:
    level = f"{result.options.confidence_level:.0%} interval"
    if result.bounds is not None:
        return f"bounds with {level}"
    return f"{result.options.estimator.replace('_', '-')}, {level}"


def _draw_null(ax: Axes, result: IntensificationResult) -> None:
    options, label = result.options, _NULL_LABELS[result.options.null]
    value = np.broadcast_to(result.null_value, (len(result.ratios),))
    ax.plot(result.ratios, value, color=_GREY, ls="--", marker="", label=label)
    if options.null in ("one", "proportional", "control"):
        return
    low, high = _null_range(result.table, options)
    ax.fill_between(
        result.ratios, low, high, color=_GREY, alpha=0.2, lw=0, label="its range over models"
    )


def _null_range(table: RecallTable, options: Options) -> tuple[np.ndarray, np.ndarray]:
    from regions.recall.nulls import expected_balances
    from regions.recall.ols import per_model, slopes

    found = balances(table.counts, options.scale)
    alphas = per_model(slopes(found, expected_balances(found, table.sizes, options.null)))
    return alphas.min(-1), alphas.max(-1)


def plot_classes(table: RecallTable, ratio: float, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the mean recall balance of each class, dense and pruned, ordered by the dense one.

    Bars are 95 % t intervals over models (each arm by itself).

    Parameters
    ----------
    ratio : float
        One of the ratios of the table.
    **kwargs
        Passed to both `Axes.errorbar` calls.
    """
    from scipy import stats

    ax = _axes(ax)
    part = table.select([ratio])
    frame = class_intensification(part)
    found = balances(part.counts, Options().scale)
    order = np.argsort(frame["balance_dense"].to_numpy())
    models = table.n_models
    quantile = stats.t.ppf(0.975, models - 1) / np.sqrt(models) if models > 1 else np.nan
    height = np.arange(len(order))
    arms = (
        ("dense", found.x, _BLUE, "o", 0.14),
        (f"ratio {ratio:g}", found.y[0], _ORANGE, "s", -0.14),
    )
    for name, values, color, marker, offset in arms:
        error = quantile * values.std(0, ddof=1) if models > 1 else None
        bars = None if error is None else error[order]
        look = {"fmt": marker, "color": color, "capsize": 2, "ms": 3.5, **kwargs}
        ax.errorbar(values.mean(0)[order], height + offset, xerr=bars, label=name, **look)
    ax.axvline(0, color=_GREY, lw=0.8)
    ax.set_yticks(height, [str(table.classes[index]) for index in order])
    ax.set(xlabel="recall balance (recall / accuracy - 1),\nmean and 95 % interval", ylabel="class")
    ax.legend()
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.gca()
