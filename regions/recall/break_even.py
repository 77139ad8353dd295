"""The compression ratio at which alpha crosses 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.recall.balance import Scale
from regions.recall.bootstrap import draw_models
from regions.recall.ols import ols
from regions.recall.table import RecallTable
from regions.results import Result, jsonable


@dataclass(frozen=True, kw_only=True, repr=False)
class BreakEven(Result):
    """Where the mean alpha first rises above 1.

    Attributes
    ----------
    ratio : float
        Compression ratio, interpolated in its logarithm; NaN if alpha does not cross 1.
    low, high : float
        Bootstrap percentile interval over models, of the draws that cross.
    crossing : float
        Share of the draws that cross.
    note : str
        Why `ratio` is NaN.
    """

    ratio: float
    low: float
    high: float
    confidence_level: float
    crossing: float
    n_models: int
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        return pd.DataFrame([vars(self)])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return jsonable(self)

    def summary(self) -> str:
        """Return the ratio in words."""
        if self.note:
            return f"Break-even ratio unknown: {self.note}."
        return (
            f"alpha (ols, mean over {self.n_models} models) crosses 1 at compression ratio "
            f"{self.ratio:.2f} [{self.low:.2f}, {self.high:.2f}] "
            f"({self.confidence_level:.0%} bootstrap over models; {self.crossing:.1%} of the "
            "draws cross)."
        )


def break_even(
    table: RecallTable,
    confidence_level: float = 0.95,
    n_boot: int = 2000,
    rng: Rng = 0,
) -> BreakEven:
    """Return the compression ratio at which the mean alpha (ols) rises above 1.

    Linear in log ratio between the last ratio below and the first above. Whole models are drawn.
    If fewer than half of the draws cross, there is no interval.
    """
    if n_boot < 1 or not 0 < confidence_level < 1:
        raise ArgumentError("n_boot must be at least 1 and confidence_level in (0, 1)")
    alphas = ols(table.counts, Scale()).averaged()
    logs = np.log(np.asarray(table.ratios))
    value = np.exp(_crossings(logs, alphas.value[None])[0])
    weights = draw_models(table.n_models, n_boot, np.random.default_rng(rng))
    drawn = np.exp(_crossings(logs, alphas.weighted(weights)))
    crossing = float(np.isfinite(drawn).mean())
    tail = (1 - confidence_level) / 2
    low, high = np.full(2, np.nan)
    if crossing >= 0.5 and table.n_models > 1:
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
    shown = ", ".join(f"{alpha:.3f}" for alpha in alphas.value)
    return BreakEven(
        ratio=float(value),
        low=float(low),
        high=float(high),
        confidence_level=confidence_level,
        crossing=crossing,
        n_models=table.n_models,
        note="" if np.isfinite(value) else f"alpha does not rise through 1: {shown}",
    )


def _crossings(logs: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Return the log ratio of the first rise through 1 in each row of (draws, ratios), or NaN."""
    below, above = alphas[:, :-1], alphas[:, 1:]
    rises = (below < 1) & (above >= 1)
    first = rises.argmax(-1) if rises.shape[1] else np.zeros(len(alphas), dtype=int)
    rows = np.flatnonzero(rises.any(-1))
    result = np.full(len(alphas), np.nan)
    step = first[rows]
    share = (1 - below[rows, step]) / (above[rows, step] - below[rows, step])
    result[rows] = logs[step] + share * (logs[step + 1] - logs[step])
    return result
