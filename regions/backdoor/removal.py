"""Removes units in the order of their scores for as long as a clean set allows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regions.errors import ArgumentError


def remove_until(
    scores: np.ndarray, accuracy: Callable[[np.ndarray], float], tolerance: float = 0.02
) -> np.ndarray:
    """Return which units go: the longest run of highest scores that costs at most `tolerance`.

    Units are removed one after another, highest score first (the first one on ties), and the last
    set before `accuracy` first falls by more than `tolerance` is returned.

    Parameters
    ----------
    scores : array of shape (units,)
    accuracy : callable
        Boolean array of removed units -> accuracy on clean images, a fraction.
    tolerance : float
        Largest fall that is accepted.

    Examples
    --------
    >>> import numpy as np
    >>> costs = np.array([0.0, 0.015, 0.0, 0.5])
    >>> remove_until(np.array([1.0, 3.0, 2.0, 0.0]), lambda removed: 1 - costs[removed].sum())
    array([ True,  True,  True, False])
    """
    if scores.ndim != 1 or not np.isfinite(scores).all() or not 0 <= tolerance < 1:
        raise ArgumentError(
            f"expected finite scores, one per unit, and a tolerance in [0, 1); got shape "
            f"{scores.shape} and {tolerance}"
        )
    removed = np.zeros(len(scores), dtype=bool)
    least = accuracy(removed) - tolerance
    for unit in np.argsort(-scores, kind="stable"):
        removed[unit] = True
        if accuracy(removed) < least - 1e-12:
            removed[unit] = False
            return removed
    return removed


def first_removed(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` units of highest score (the first ones on ties) as a boolean array.

    Examples
    --------
    >>> import numpy as np
    >>> first_removed(np.array([0.1, 3.0, 2.0]), 2)
    array([False,  True,  True])
    """
    removed = np.zeros(len(scores), dtype=bool)
    removed[np.argsort(-scores, kind="stable")[:count]] = True
    return removed
