"""Estimator "ols": the slope through the origin, as published; diluted by measurement noise."""

from __future__ import annotations

import numpy as np

from regions.recall.balance import Balances, Scale, balances
from regions.recall.counts import Counts
from regions.recall.ratio import Ratio

# balances of a test set of N images differ by about 1 / N; squares far below that are rounding
_NOTHING = 1e-20


def ols(counts: Counts, scale: Scale) -> Ratio:
    """Return sum_c W_c x_c y_c / sum_c W_c x_c^2 for each model, as a ratio of sums over models.

    Source: Good et al. 2022, arXiv 2206.02976: alpha_t(m) for one model, the slopes printed in
    its scatter plots for all models together.
    """
    found = balances(counts, scale)
    return slopes(found, found.y)


def slopes(found: Balances, y: np.ndarray) -> Ratio:
    """Return the slope through the origin of balances `y`, (ratios, models, classes), on x."""
    x, weights = found.x, found.slope
    squares = np.broadcast_to((weights * x * x).sum(-1), y.shape[:2])
    return Ratio((weights * x * y).sum(-1), squares.copy())


def per_model(ratio: Ratio) -> np.ndarray:
    """Return each model's own slope, (ratios, models); NaN where all its recalls are equal."""
    squares = ratio.denominator
    return ratio.numerator / np.where(squares > _NOTHING, squares, np.nan)


def mean_of(values: np.ndarray) -> Ratio:
    """Return the mean over models of (ratios, models) values as a ratio of sums."""
    return Ratio(values, np.ones_like(values))
