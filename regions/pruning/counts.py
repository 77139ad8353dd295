"""How many weights each layer keeps: whole numbers that meet a total exactly."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

import numpy as np

from regions.errors import BudgetError


def nearest(density: float, size: int) -> int:
    """Return the whole number nearest to density * size; halves go up.

    >>> nearest(0.25, 10), nearest(0.001, 100)
    (3, 0)
    """
    return min(size, floor(density * size + 0.5))


def apportion(
    shares: Mapping[str, float],
    most: Mapping[str, int],
    total: int,
    least: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Return whole numbers proportional to `shares` that sum to `total` within least and most.

    Shares are scaled until the clipped values sum to the total, then rounded by largest remainder
    (ties: the earlier layer).

    Examples
    --------
    >>> apportion({"a": 1.0, "b": 1.0, "c": 2.0}, {"a": 9, "b": 9, "c": 3}, 10)
    {'a': 4, 'b': 3, 'c': 3}
    """
    low = np.array([0 if least is None else least[name] for name in shares], dtype=np.int64)
    high = np.array([most[name] for name in shares], dtype=np.int64)
    if not low.sum() <= total <= high.sum():
        raise BudgetError(
            f"{total} weights cannot be shared by the layers {list(shares)}, which together take "
            f"at least {low.sum()} and at most {high.sum()}"
        )
    real = np.clip(_scale(np.array(list(shares.values()), float), low, high, total), low, high)
    return dict(zip(shares, _round(real, high, total), strict=True))


def _scale(shares: np.ndarray, low: np.ndarray, high: np.ndarray, total: int) -> np.ndarray:
    """Return `shares` times the factor at which the clipped values sum to `total`."""
    shares = np.maximum(shares, np.finfo(float).tiny)
    # the clipped sum is piecewise linear in the factor, with kinks where a share meets a limit
    kinks = np.unique(np.concatenate([low / shares, high / shares]))
    sums = np.array([np.clip(shares * kink, low, high).sum() for kink in kinks])
    above = min(int(np.searchsorted(sums, total)), sums.size - 1)
    if above == 0 or sums[above] == total:
        return shares * kinks[above]
    weight = (total - sums[above - 1]) / (sums[above] - sums[above - 1])
    return shares * (kinks[above - 1] + weight * (kinks[above] - kinks[above - 1]))


def _round(real: np.ndarray, high: np.ndarray, total: int) -> list[int]:
    whole = np.floor(real + 1e-9).astype(np.int64)
    missing = int(total - whole.sum())
    for index in np.argsort(-(real - whole), kind="stable"):
        if missing > 0 and whole[index] < high[index]:
            whole[index] += 1
            missing -= 1
    return [int(count) for count in whole]
