"""Axes-level pictures: balances with both slopes, alpha against ratio, change per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from regions.recall.balance import Scale, balances
from regions.recall.checks import check_ratio
from regions.recall.curve import BLUE, GREY, ORANGE, axes_of
from regions.recall.result import IntensificationResult, check_result
from regions.recall.sample import why_not_sampled
from regions.recall.table import RecallTable, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> result = regions.intensification(table)
    >>> [text.get_text() for text in plot_balances(result, 10).get_legend().get_texts()][0]
    'no change: 1'
    """
    check_result(result)
    row = check_ratio(ratio, result.ratios, "result")
    ax = axes_of(ax)
    found = balances(result.table.counts, result.options.scale)
    look = {"s": 6, "alpha": 0.5, "color": BLUE, "linewidths": 0, "rasterized": True}
    ax.scatter(found.x.ravel(), found.y[row].ravel(), **{**look, **kwargs})
    ends = np.array([found.x.min(), found.x.max()])
    pooled = result.alpha_pooled[row]
    ax.plot(ends, ends, color=GREY, lw=0.8, ls=":", label="no change: 1")
    if np.isfinite(pooled):
        ax.plot(ends, pooled * ends, color=ORANGE, ls="--", label=f"uncorrected: {pooled:.3f}")
    _estimate_line(ax, result, row, ends)
    ax.set(
        xlabel="dense recall balance\n(recall / accuracy - 1)",
        ylabel="pruned recall balance\n(recall / accuracy - 1)",
    )
    ax.legend()
    return ax


def _estimate_line(ax: Axes, result: IntensificationResult, row: int, ends: np.ndarray) -> None:
    name = result.options.estimator.name.replace("_", "-")
    if result.bounds is not None and np.isfinite(result.bounds[:, row]).all():
        low, high = result.bounds[:, row].min(), result.bounds[:, row].max()
        grid = np.linspace(ends[0], ends[1], 50)
        label = f"corrected: {low:.3f} to {high:.3f}"
        ax.fill_between(grid, low * grid, high * grid, color="black", alpha=0.3, lw=0, label=label)
    elif np.isfinite(result.estimate[row]):
        value = result.estimate[row]
        ax.plot(ends, value * ends, color="black", label=f"{name}: {value:.3f}")


def plot_intensification(
    result: IntensificationResult, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Draw alpha against the compression ratio; see `IntensificationResult.plot`.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> plot_intensification(regions.intensification(table)).get_xlabel()
    'compression ratio (log scale)'
    """
    check_result(result)
    return result.plot(ax, **kwargs)


def plot_classes(table: RecallTable, ratio: float, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Draw the mean recall balance of each class, dense and pruned, ordered by the dense one.

    Bars are 95 % t intervals over models (each arm by itself); none where models are copies.

    Parameters
    ----------
    ratio : float
        One of the ratios of the table.
    **kwargs
        Passed to both `Axes.errorbar` calls.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> plot_classes(table, 10).get_ylabel()
    'class'
    """
    check_table(table)
    row = check_ratio(ratio, table.ratios)
    ax = axes_of(ax)
    found = balances(table.select([ratio]).counts, Scale())
    order, models = np.argsort(found.x.mean(0)), table.n_models
    told = not why_not_sampled(table, [row])
    quantile = stats.t.ppf(0.975, models - 1) / np.sqrt(models) if models > 1 else np.nan
    height = np.arange(len(order))
    arms = (
        ("dense", found.x, BLUE, "o", 0.14),
        (f"ratio {ratio:g}", found.y[0], ORANGE, "s", -0.14),
    )
    for name, values, color, marker, offset in arms:
        error = quantile * values.std(0, ddof=1) if told else None
        bars = None if error is None else error[order]
        look = {"fmt": marker, "color": color, "capsize": 2, "ms": 3.5, **kwargs}
        ax.errorbar(values.mean(0)[order], height + offset, xerr=bars, label=name, **look)
    ax.axvline(0, color=GREY, lw=0.8)
    ax.set_yticks(height, [str(table.classes[index]) for index in order])
    shown = "mean and 95 % interval" if told else "mean (models are no sample: no interval)"
    ax.set(xlabel=f"recall balance (recall / accuracy - 1),\n{shown}", ylabel="class")
    ax.legend()
    return ax
