"""Which of many affine maps are the same, exactly."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import numpy as np

from regions.counting.undecided import Undecided
from regions.exact.scaled import Scaled


def distinct_maps(
    maps: np.ndarray,
    errors: np.ndarray,
    exact: Callable[[int], Scaled] | None,
    left: Undecided,
) -> np.ndarray:
    """Return for each of n maps the number of the distinct map that it is, counted from 0.

    Maps are told apart in float64 where intervals around one of their coefficients do not meet;
    those whose intervals all meet are compared exactly.

    Parameters
    ----------
    maps, errors : (n, coefficients) arrays
        In float64, and how far each coefficient can be off.
    exact : callable or None
        Returns a map exactly. Without it maps that float64 cannot tell apart count as one, and
        are added to what is `left` undecided.
    left : Undecided

    Examples
    --------
    >>> maps, off = np.array([[1.0], [2.0], [1.0]]), np.zeros((3, 1))
    >>> one, two, three = distinct_maps(maps, off, lambda i: Scaled.of(maps[i]), Undecided())
    >>> bool(one == three), bool(one == two)
    (True, False)
    """
    found = np.zeros(len(maps), dtype=np.int64)
    count = 0
    for group in _groups(maps, errors):
        names = np.zeros(len(group), dtype=np.int64)
        if len(group) > 1 and not errors[group].any():
            names = np.unique(maps[group], axis=0, return_inverse=True)[1].ravel()
        elif len(group) > 1 and exact is not None:
            keys: dict[tuple, int] = {}
            names = np.array([keys.setdefault(_key(exact(int(i))), len(keys)) for i in group])
        elif len(group) > 1:
            left.add(Undecided(len(group) - 1, float(errors[group].max())))
        found[group] = count + names
        count += int(names.max()) + 1
    return found


def _groups(maps: np.ndarray, errors: np.ndarray) -> list[np.ndarray]:
    """Return sets of maps such that intervals around maps of two sets are apart somewhere."""
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = maps - 1.0001 * errors, maps + 1.0001 * errors
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    waiting = [(np.arange(len(maps)), 0)] if len(maps) else []
    done = []
    while waiting:
        group, column = waiting.pop()
        if len(group) == 1 or column == maps.shape[1]:
            done.append(group)
            continue
        order = group[np.argsort(low[group, column], kind="stable")]
        reach = np.maximum.accumulate(high[order, column])
        cuts = np.flatnonzero(low[order[1:], column] > reach[:-1]) + 1
        waiting += [(part, column + 1) for part in np.split(order, cuts)]
    return done


def _key(numbers: Scaled) -> tuple:
    """Return something that is equal for equal numbers only."""
    numbers = numbers.reduced()
    ints = numbers.ints.ravel().tolist()
    common = gcd(numbers.divisor, *ints)
    exponent = numbers.exponent if any(ints) else 0
    return tuple(number // common for number in ints), exponent, numbers.divisor // common
