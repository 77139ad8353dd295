"""What independent representations score: expectations under shuffled samples."""

from __future__ import annotations

import numpy as np

from regions.errors import ArgumentError

_NODES = 512


def wachter_edges(rank_x: int, rank_y: int, n: int) -> tuple[float, float]:
    """Return the ends of the limiting distribution of rho^2 for independent layers.

    With a = rank_x / (n - 1) and b = rank_y / (n - 1):
    (sqrt(a (1 - b)) -+ sqrt(b (1 - a)))^2.

    Source: Wachter, The limiting empirical measure of multiple discriminant ratios, 1980
    (doi 10.1214/aos/1176345134).

    >>> [round(edge, 4) for edge in wachter_edges(50, 50, 500)]
    [0.0, 0.3606]
    """
    a, b = _ratios(rank_x, rank_y, n)
    outer, inner = np.sqrt(a * (1 - b)), np.sqrt(b * (1 - a))
    return float((outer - inner) ** 2), float(min(1.0, (outer + inner) ** 2))


def null_mean_correlation(rank_x: int, rank_y: int, n: int) -> float:
    """Return the mean canonical correlation of independent layers (Wachter's law, n large).

    The continuous part has density sqrt((u - x)(x - l)) / (2 pi min(a, b) x (1 - x)) in
    x = rho^2 between the edges l and u; a share (a + b - 1) / min(a, b) of the coefficients is
    1 where a + b > 1.

    >>> round(null_mean_correlation(50, 50, 500), 4)
    0.2715
    """
    a, b = _ratios(rank_x, rank_y, n)
    if max(a, b) >= 1:
        return 1.0
    low, high = wachter_edges(rank_x, rank_y, n)
    half = (high - low) / 2
    angle = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    x = low + half * (1 + np.cos(angle))
    inside = (half * np.sin(angle)) ** 2 / (2 * np.pi * min(a, b) * np.sqrt(x) * (1 - x))
    ones = max(0.0, (a + b - 1) / min(a, b))
    return float(inside.mean() * np.pi + ones)


def null_mean_squared(rank_x: int, rank_y: int, n: int) -> float:
    """Return max(rank) / (n - 1): the exact mean of rho^2 when samples are shuffled.

    >>> null_mean_squared(50, 100, 501)
    0.2
    """
    a, b = _ratios(rank_x, rank_y, n)
    return float(min(1.0, max(a, b)))


def null_nuclear(values_x: np.ndarray, values_y: np.ndarray, n: int) -> float:
    """Return one draw of the normalised nuclear norm of X^H Y when Y's samples are shuffled.

    The alignment of two unrelated orthonormal bases is close to Gaussian with variance
    1 / (n - 1) while the ranks are far below n; above that the draw is a little too high.
    """
    generator = np.random.default_rng(0)
    x, y = values_x / np.linalg.norm(values_x), values_y / np.linalg.norm(values_y)
    aligned = generator.standard_normal((len(x), len(y))) / np.sqrt(n - 1)
    return float(min(1.0, np.linalg.svd(x[:, None] * aligned * y, compute_uv=False).sum()))


def adjusted(value: float, null: float) -> float:
    """Return (value - null) / (1 - null): 0 at independence, 1 at equality.

    For the mean of rho^2 this is the adjusted R^2, a little too low away from independence.

    >>> round(adjusted(0.2975, 50 / 999), 4)
    0.2605
    """
    return (value - null) / (1 - null)


def _ratios(rank_x: int, rank_y: int, n: int) -> tuple[float, float]:
    if min(rank_x, rank_y) < 1 or n < 2:
        raise ArgumentError(
            f"ranks {rank_x} and {rank_y} with n = {n}; expected ranks of at least 1 and n >= 2"
        )
    return min(1.0, rank_x / (n - 1)), min(1.0, rank_y / (n - 1))
