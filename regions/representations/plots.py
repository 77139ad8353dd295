"""Axes-level plots of similarities: coefficients, curves over layers, layer by layer maps."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from regions.errors import ArgumentError
from regions.figures import LINE_STYLES, MARKERS, PALETTE


def plot_coefficients(
    rho: np.ndarray, measure: str, value: float, null: float, ax: Axes | None = None
) -> Axes:
    """Draw the canonical correlations, largest first, with their mean and the null value."""
    ax = plt.gca() if ax is None else ax
    ax.plot(np.arange(1, len(rho) + 1), rho, marker="o", color=PALETTE[0], label="coefficients")
    if np.isfinite(value):
        mean = f"{measure} = {value:.2f}"
        ax.axhline(value, color=PALETTE[1], ls=LINE_STYLES[1], label=mean)
        ax.axhline(null, color="0.5", ls=LINE_STYLES[2], label="if independent")
    limits = _limits([*rho, value, null])
    ax.set(xlabel="direction", ylabel="canonical correlation", ylim=limits)
    ax.legend()
    return ax


def plot_curves(frame: pd.DataFrame, hue: str | None = "curve", ax: Axes | None = None) -> Axes:
    """Draw similarity against layer, one line per curve, intervals as bars, nulls as dashes.

    A marker with a bar is the bias-corrected value that the bar belongs to; the legend names the
    level of the bars. The null is that of shuffled images where it is known; the legend says which
    is drawn.

    Parameters
    ----------
    frame
        One row per layer and curve: `layer`, `value`, `null` and, where known, `null_permuted`,
        `corrected`, `low`, `high`, `level`, `measure`; as `compare_curves` returns it.
    hue
        The column that names the curves; None for a single one.

    Raises
    ------
    ArgumentError
        If `hue` is no column of the frame.
    """
    if hue is not None and not (isinstance(hue, str) and hue in frame):
        raise ArgumentError(
            f"hue is {hue!r}; expected a column that names the curves, or None for a single one; "
            f"the frame has {', '.join(map(str, frame))} (axes are given as ax=)"
        )
    ax = plt.gca() if ax is None else ax
    layers = list(dict.fromkeys(frame["layer"]))
    curves: list[Hashable] = [None] if hue is None else list(dict.fromkeys(frame[hue]))
    for index, curve in enumerate(curves):
        part = frame if hue is None else frame.loc[frame[hue] == curve]
        part = part.set_index("layer").reindex(layers)
        _draw_curve(ax, part, None if curve is None else str(curve), index, len(curves))
    nulls, which = _nulls(frame)
    means = [nulls[frame["layer"] == layer].mean() for layer in layers]
    ax.plot(range(len(layers)), means, color="0.5", ls=LINE_STYLES[2], label=which)
    ax.set_xticks(range(len(layers)), layers, rotation=90 if len(layers) > 6 else 0)
    shown = [name for name in ("value", "corrected", "low", "high") if name in frame]
    limits = _limits([*frame[shown].to_numpy(dtype=float).ravel(), *means])
    measures = list(dict.fromkeys(frame["measure"])) if "measure" in frame else []
    name = measures[0] if len(measures) == 1 else "similarity"
    ax.set(xlabel="layer", ylabel=name, ylim=limits)
    ax.legend()
    return ax


def _draw_curve(ax: Axes, part: pd.DataFrame, label: str | None, index: int, count: int) -> None:
    at = np.arange(len(part)) + 0.06 * (index - (count - 1) / 2)
    colour = PALETTE[index % len(PALETTE)]
    look = {"marker": MARKERS[index % len(MARKERS)], "ls": LINE_STYLES[index % len(LINE_STYLES)]}
    shown = part["value"]
    if "corrected" in part and bool(part["corrected"].notna().any()):
        known = part["corrected"].notna()
        what = "bias-corrected" if bool(known.all()) else "bias-corrected where there is a bar"
        what += _level(part)
        shown = part["corrected"].fillna(shown)
        label = what if label is None else f"{label} ({what})"
    ax.plot(at, shown, color=colour, label=label, **look)
    if "low" in part:
        ax.vlines(at, part["low"], part["high"], color=colour, linewidth=1.0)


def _level(part: pd.DataFrame) -> str:
    """Return in words which interval the bars are."""
    levels = sorted(part["level"].dropna().unique()) if "level" in part else []
    return ", bars: " + " and ".join(f"{level:.0%}" for level in levels) if levels else ""


def _nulls(frame: pd.DataFrame) -> tuple[pd.Series, str]:
    """Return what independence looks like in each row, and in words where that is from."""
    analytic = frame.loc[:, "null"].astype(float)
    if "null_permuted" not in frame or frame.loc[:, "null_permuted"].isna().all():
        return analytic, "if independent (formula)"
    shuffled = frame.loc[:, "null_permuted"].astype(float)
    if (shuffled.isna() & analytic.notna()).any():
        return shuffled.fillna(analytic), "images shuffled (maps), formula elsewhere"
    return shuffled, "images shuffled"


def _limits(values: Any) -> tuple[float, float]:
    """Return the ends of an axis for similarities: 0 and 1, and what lies beyond them.

    Debiased and held-out values can be negative, and distances above 1.
    """
    values = np.asarray(values, dtype=float)
    low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=1.0)
    return float(low) - 0.02 if low < 0 else 0.0, float(high) + 0.05


def plot_map(matrix: pd.DataFrame, ax: Axes | None = None, colour_bar: bool = True) -> Axes:
    """Draw a layer by layer map: rows are layers of one network, columns of the other.

    Cells without a value (degenerate or not comparable) stay grey.
    """
    ax = plt.gca() if ax is None else ax
    ax.set_facecolor("0.85")
    values = matrix.astype(float)
    sns.heatmap(
        values,
        ax=ax,
        vmin=np.nanmin(values, initial=0.0),
        vmax=np.nanmax(values, initial=1.0),
        cmap="viridis",
        square=True,
        annot=len(matrix) <= 6,
        fmt=".2f",
        annot_kws={"size": 6},
        cbar=colour_bar,
        cbar_kws={"label": "similarity"},
    )
    ax.set(xlabel=matrix.columns.name or "layer", ylabel=matrix.index.name or "layer")
    return ax
