"""What independent representations score: expectations under shuffled samples."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real

import numpy as np

from regions.arguments import check_number, check_whole
from regions.errors import ArgumentError

_NODES = 512
_FEW = 10  # smaller ranks are too far from the limit of large ones
_ENTRIES = 5000  # of the random blocks in all: about one per cent of error
_FEWEST = 4
_MOST = 2**53  # samples


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
    """Return the mean canonical correlation of independent layers, k = min(rank_x, rank_y).

    For k >= 10 Wachter's law with the term of order 1 / k, within 0.3 %; for fewer directions a
    mean over seeded orthogonal blocks, within about 1 %. Wachter's continuous part has density
    sqrt((u - x)(x - l)) / (2 pi min(a, b) x (1 - x)) in x = rho^2 between the edges l and u; a
    share (a + b - 1) / min(a, b) of the coefficients is 1 where a + b > 1. The term of order
    1 / k is (sqrt(l) + sqrt(u)) / 4 - E sqrt(x) / 2 for x of the arcsine law on [l, u].

    Units that vary on a handful of samples only, on both sides, score less than this.

    >>> round(null_mean_correlation(50, 50, 500), 3)
    0.271
    """
    a, b = _ratios(rank_x, rank_y, n)
    return 1.0 if max(a, b) >= 1 else _mean_correlation(int(rank_x), int(rank_y), int(n))


@lru_cache(maxsize=4096)
def _mean_correlation(rank_x: int, rank_y: int, n: int) -> float:
    a, b = _ratios(rank_x, rank_y, n)
    fewest = min(rank_x, rank_y)
    if fewest < _FEW:
        aligned = null_nuclear(np.ones(rank_x), np.ones(rank_y), n)
        return float(aligned * np.sqrt(rank_x * rank_y) / fewest)
    low, high = wachter_edges(rank_x, rank_y, n)
    half = (high - low) / 2
    angle = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    x = low + half * (1 + np.cos(angle))
    inside = (half * np.sin(angle)) ** 2 / (2 * np.pi * min(a, b) * np.sqrt(x) * (1 - x))
    ones = max(0.0, (a + b - 1) / min(a, b))
    finite = (np.sqrt(low) + np.sqrt(high)) / 4 - np.sqrt(x).mean() / 2
    return float(inside.mean() * np.pi + ones + finite / fewest)


def null_mean_squared(rank_x: int, rank_y: int, n: int) -> float:
    """Return max(rank) / (n - 1): the exact mean of rho^2 when samples are shuffled.

    >>> null_mean_squared(50, 100, 501)
    0.2
    """
    a, b = _ratios(rank_x, rank_y, n)
    return float(min(1.0, max(a, b)))


def null_nuclear(values_x: np.ndarray, values_y: np.ndarray, n: int) -> float:
    """Return the mean normalised nuclear norm of X^H Y when Y's samples are shuffled.

    The two bases of n - 1 dimensions then meet in a block of a random orthogonal matrix. Seeded
    draws of such blocks are averaged: the first rows of Q, where Q R = [G; T], for Gaussian G
    and a triangle T whose product T^T T has the law of the products of the other rows.
    """
    x, y = sorted((np.asarray(values_x), np.asarray(values_y)), key=len, reverse=True)
    p, q = len(x), len(y)
    rest = n - 1 - p
    generator, draws = np.random.default_rng(0), max(_FEWEST, _ENTRIES // (p * q))
    block = generator.standard_normal((draws, p, q))
    below = generator.standard_normal((draws, min(rest, q), q))
    if rest > q:
        below = np.triu(below, 1)
        at = np.arange(q)
        below[:, at, at] = np.sqrt(generator.chisquare(rest - at, (draws, q)))
    aligned = np.linalg.qr(np.concatenate([block, below], axis=1))[0][:, :p]
    weighted = (x / np.linalg.norm(x))[:, None] * aligned * (y / np.linalg.norm(y))
    return float(min(1.0, np.linalg.svd(weighted, compute_uv=False).sum(axis=1).mean()))


def adjusted(value: float, null: float) -> float:
    """Return (value - null) / (1 - null): 0 at independence, 1 at equality.

    For the mean of rho^2 this is the adjusted R^2, a little too low away from independence.

    >>> round(adjusted(0.2975, 50 / 999), 4)
    0.2605
    """
    for name, number in (("value", value), ("null", null)):
        if not (isinstance(number, Real) and number != number):  # NaN: it is undefined
            check_number(number, name)
    if null >= 1:
        raise ArgumentError(f"null is {null!r}; independent layers score 1, so nothing is left")
    return (value - null) / (1 - null)


def _ratios(rank_x: int, rank_y: int, n: int) -> tuple[float, float]:
    check_whole(rank_x, "rank_x")
    check_whole(rank_y, "rank_y")
    check_whole(n, "n", least=2, most=_MOST)
    return min(rank_x, n - 1) / (n - 1), min(rank_y, n - 1) / (n - 1)
