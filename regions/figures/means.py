"""Means over seeds with their t intervals, as numbers and as lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from regions.errors import ArgumentError
from regions.figures.style import LINE_STYLES, MARKERS, PALETTE


def mean_intervals(
    data: pd.DataFrame, value: str, by: str | Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Return mean, t interval and number of values of one column for each group.

    The interval is mean +- t_{n-1} s / sqrt(n): it assumes that rows within a group are
    independent (one row per seed) and roughly normal. With one row it is NaN.

    Returns
    -------
    pandas.DataFrame
        The columns `by`, then `mean`, `low`, `high`, `sd`, `n`, in order of first appearance.

    Examples
    --------
    >>> frame = pd.DataFrame({"method": ["a", "a", "a"], "accuracy": [1.0, 2.0, 3.0]})
    >>> mean_intervals(frame, "accuracy", "method").round(3).values.tolist()
    [['a', 2.0, -0.484, 4.484, 1.0, 3]]
    """
    keys = [by] if isinstance(by, str) else list(by)
    _require(data, [*keys, value], level)
    grouped = data.groupby(keys, sort=False, observed=True)[value]
    table = grouped.agg(mean="mean", sd="std", n="count").reset_index()
    count = table["n"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        quantile = stats.t.ppf(0.5 + level / 2, np.where(count > 1, count - 1, np.nan))
        half = quantile * table["sd"].to_numpy(dtype=float) / np.sqrt(count)
    table["low"], table["high"] = table["mean"] - half, table["mean"] + half
    return table.loc[:, [*keys, "mean", "low", "high", "sd", "n"]]


def plot_means(
    data: pd.DataFrame,
    x: str,
    y: str,
    hue: str | None = None,
    *,
    level: float = 0.95,
    order: Sequence[Hashable] | None = None,
    interval: str = "band",
    within: tuple[float, float] = (-np.inf, np.inf),
    dodge: float = 1.0,
    legend: bool = True,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the mean of `y` over seeds against `x`, one line per `hue`, with t intervals.

    Parameters
    ----------
    data
        Tidy frame, one row per seed, `x` and `hue`; groups with one row get no interval.
    level
        Coverage of the intervals.
    order
        The values of `hue` in the order of colours; also selects among them.
    interval
        "band" or "bars".
    within
        The least and the largest value that `y` can have, such as (0, 100): intervals are drawn
        up to there.
    dodge
        Factor on `x` from one line to the next, such as 1.05 on a logarithmic axis, so that lines
        do not hide each other.
    legend
        False where several panels get one legend from `share_legend`.
    **kwargs
        Passed to each `Axes.plot`.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 1, 2, 2], "y": [1.0, 3.0, 2.0, 4.0]})
    >>> ax = plot_means(frame, "x", "y", ax=plt.figure().add_subplot())
    >>> ax.lines[0].get_ydata()
    array([2., 3.])
    >>> plt.close(ax.figure)
    """
    if interval not in ("band", "bars"):
        raise ArgumentError(f"interval is {interval!r}; choose 'band' or 'bars'")
    ax = plt.gca() if ax is None else ax
    table = mean_intervals(data, y, [x] if hue is None else [x, hue], level).sort_values(x)
    table[["low", "high"]] = table[["low", "high"]].clip(*within)
    levels = [None] if hue is None else list(data[hue].unique() if order is None else order)
    for index, name in enumerate(levels):
        part = table if hue is None else table.loc[table[hue] == name]
        part = part.assign(**{x: part[x] * dodge ** (index - (len(levels) - 1) / 2)})
        look = {**_look(index), "label": None if name is None else str(name), **kwargs}
        _draw(ax, part, x, interval, look)
    ax.set(xlabel=x.replace("_", " "), ylabel=f"{y.replace('_', ' ')} (mean, {level:.0%} interval)")
    if hue is not None and legend:
        ax.legend(title=hue.replace("_", " "))
    return ax


def share_legend(fig: Figure, columns: int = 4) -> None:
    """Give all panels of `fig` one legend below them, without duplicates.

    Examples
    --------
    >>> fig, axes = plt.subplots(1, 2)
    >>> for ax in axes:
    ...     _ = ax.plot([1, 2], label="dense")
    >>> share_legend(fig)
    >>> len(fig.legends)
    1
    >>> plt.close(fig)
    """
    found: dict[str, Any] = {}
    for ax in fig.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    fig.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns)


def _look(index: int) -> dict[str, Any]:
    """Return colour, marker and line style of line `index`; combinations repeat after 49."""
    size = len(PALETTE)
    shifted = (index + index // size) % size
    return {"color": PALETTE[index % size], "marker": MARKERS[shifted], "ls": LINE_STYLES[shifted]}


def _draw(ax: Axes, part: pd.DataFrame, x: str, interval: str, look: dict[str, Any]) -> None:
    ax.plot(part[x], part["mean"], **look)
    known = part["low"].notna()
    at, mean, low, high = (part[name][known] for name in (x, "mean", "low", "high"))
    colour = look["color"]
    if interval == "bars":
        ends = np.array([mean - low, high - mean])
        width = look.get("lw")
        ax.errorbar(at, mean, yerr=ends, fmt="none", ecolor=colour, elinewidth=width, capsize=2)
    else:
        ax.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)


def _require(data: pd.DataFrame, columns: list[str], level: float) -> None:
    missing = [name for name in columns if name not in data.columns]
    if missing:
        raise ArgumentError(f"columns {missing} are not in the frame, which has {[*data.columns]}")
    if not 0 < level < 1:
        raise ArgumentError(f"level is {level}; expected a coverage between 0 and 1, such as 0.95")
