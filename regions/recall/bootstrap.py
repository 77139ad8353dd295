"""Bootstrap over models: whole models are drawn, with all their classes and ratios."""

from __future__ import annotations

import numpy as np

from regions.recall.ratio import Ratio


def bootstrap_intervals(
    ratio: Ratio, rows: np.ndarray, draws: int, level: float, rng: np.random.Generator
) -> np.ndarray:
    """Return percentile intervals of the ratios, (rows, 2); NaN where `rows` is false."""
    tail = (1 - level) / 2
    values = ratio.weighted(draw_models(ratio.models, draws, rng))
    interval = np.full((len(rows), 2), np.nan)
    interval[rows] = np.quantile(values[:, rows], [tail, 1 - tail], axis=0).T
    return interval


def draw_models(models: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each model is drawn: (draws, models)."""
    return rng.multinomial(models, np.full(models, 1 / models), size=draws).astype(float)
