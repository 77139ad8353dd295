"""Binomial coefficients and Zaslavsky's count of the cells of a hyperplane arrangement."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from math import prod

import numpy as np
from scipy.special import gammaln

_CACHE = 128

# (number of hyperplanes, dimension of the space that they cut)
Arrangement = tuple[int, int]


@lru_cache(maxsize=_CACHE)
def binomials(n: int, top: int) -> tuple[int, ...]:
    """Return C(n, j) for j = 0..min(n, top), exactly."""
    row = [1]
    for j in range(min(n, top)):
        row.append(row[-1] * (n - j) // (j + 1))
    return tuple(row)


@lru_cache(maxsize=_CACHE)
def partial_sums(n: int, top: int) -> tuple[int, ...]:
    """Return Z(n, d) for d = 0..min(n, top), exactly."""
    return tuple(accumulate(binomials(n, top)))


@lru_cache(maxsize=_CACHE)
def log_binomials(n: int, top: int) -> np.ndarray:
    """Return the natural logarithms of C(n, j) for j = 0..min(n, top), read-only."""
    j = np.arange(min(n, top) + 1)
    row = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
    row.setflags(write=False)
    return row


@lru_cache(maxsize=_CACHE)
def log_partial_sums(n: int, top: int) -> np.ndarray:
    """Return the natural logarithms of Z(n, d) for d = 0..min(n, top), read-only."""
    row = np.logaddexp.accumulate(log_binomials(n, top))
    row.setflags(write=False)
    return row


def zaslavsky(hyperplanes: int, dim: int) -> int:
    """Return the largest number of cells that hyperplanes can cut R^dim into.

    Z(m, d) = sum_{j=0}^{min(m, d)} C(m, j), reached exactly in general position (Zaslavsky,
    Memoirs of the AMS 154, 1975).

    >>> zaslavsky(5, 2), zaslavsky(6, 3), zaslavsky(3, 10)
    (16, 42, 8)
    """
    return partial_sums(hyperplanes, dim)[-1]


def product(arrangements: Iterable[Arrangement]) -> int:
    """Return the product of Z(m, d) over arrangements."""
    return prod(zaslavsky(m, d) for m, d in arrangements)


def log_product(arrangements: Iterable[Arrangement]) -> float:
    """Return the natural logarithm of the product of Z(m, d) over arrangements."""
    return float(sum(log_partial_sums(m, d)[-1] for m, d in arrangements))
