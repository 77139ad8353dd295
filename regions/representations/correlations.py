"""Canonical correlations, the numbers that sum them up, and what independent layers give."""

from __future__ import annotations

import numpy as np

from regions.choices import check_name
from regions.representations.factor import Factor
from regions.representations.measure import result_of, sample_status
from regions.representations.null import null_mean_correlation, null_mean_squared
from regions.representations.pair import Pair
from regions.representations.similarity import Similarity

STATISTICS = ("mean", "mean_squared", "yanai")


def check_statistic(statistic: str) -> None:
    """Raise ArgumentError unless `summarise` knows the statistic."""
    check_name("statistic", statistic, STATISTICS)


def summarise(rho: np.ndarray, sizes: tuple[int, int], statistic: str) -> float:
    """Return one number for the correlations of two sides with so many directions."""
    if statistic == "mean":
        return float(rho.sum() / min(sizes))
    divisor = min(sizes) if statistic == "mean_squared" else np.sqrt(sizes[0] * sizes[1])
    return float((rho**2).sum() / divisor)


def null_summary(rank_x: int, rank_y: int, n: int, statistic: str) -> float:
    """Return what `summarise` gives for independent layers."""
    if statistic == "mean":
        return null_mean_correlation(rank_x, rank_y, n)
    squared = null_mean_squared(rank_x, rank_y, n)
    if statistic == "mean_squared":
        return squared
    return squared * min(rank_x, rank_y) / float(np.sqrt(rank_x * rank_y))


def correlated(pair: Pair, name: str, x: Factor, y: Factor, statistic: str) -> Similarity:
    """Return the result of correlating the two sides' directions.

    The correlations are the singular values of Q_x^H Q_y, clipped to [0, 1].
    """
    aligned = pair.align(x, y)
    rho = np.clip(np.linalg.svd(aligned, compute_uv=False), 0.0, 1.0)
    return result_of(
        pair,
        name,
        summarise(rho, (x.rank, y.rank), statistic),
        value_all=summarise(rho, (pair.x.neurons, pair.y.neurons), statistic),
        coefficients=rho,
        rank_x=x.rank,
        rank_y=y.rank,
        status=sample_status(pair, x, y),
        details={"condition_x": x.condition, "condition_y": y.condition},
    )
