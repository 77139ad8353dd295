"""Keeps large weights that are spread evenly over rows and thinly over columns."""

from __future__ import annotations

import heapq

import numpy as np

from regions.errors import BudgetError

_POWER = 0.75


def spread(
    weights: np.ndarray,
    count: int,
    start: np.ndarray,
    allowed: np.ndarray,
    first: np.ndarray | None = None,
) -> np.ndarray:
    """Return a mask of `count` entries of `weights` that holds `start`.

    Greedy maximisation of F(mask) = sum over columns j of (sum over kept i of w_ij^2)^(3/4), with
    equal numbers of entries, give or take one, in all rows that `allowed` has entries in. The power
    1 would keep the largest weights wherever they are; the power 1/2 (a sum of column norms) would
    read a new column for any weight above .41 of the next one in a column already read; 3/4 asks
    for .77. F is monotone and submodular, so without the rows' quotas greedy choice reaches at
    least 1 - 1/e of its maximum (Nemhauser, Wolsey and Fisher 1978, doi:10.1007/BF01588971).

    Parameters
    ----------
    weights : array of shape (rows, columns)
    count : int
        Entries of the result.
    start, allowed : boolean arrays of the same shape
        Entries that are kept in any case; entries that may be added.
    first : boolean array, optional
        The first entry of each row is taken from these, where a row has any that is allowed.

    Raises
    ------
    BudgetError
        If fewer than `count` entries are allowed.

    Examples
    --------
    >>> import numpy as np
    >>> weights, none = np.array([[3.0, 2.9, 0.1], [3.1, 1.0, 0.2]]), np.zeros((2, 3), dtype=bool)
    >>> spread(weights, 2, none, ~none).tolist()
    [[False, True, False], [True, False, False]]
    """
    if np.count_nonzero(allowed | start) < count:
        raise BudgetError(
            f"{count} weights are to be kept between {weights.shape[1]} and {weights.shape[0]} "
            f"units, but only {np.count_nonzero(allowed | start)} of them may be; change the "
            "densities, or use repair=True"
        )
    energy, mask = np.square(weights), start.copy()
    rows = np.flatnonzero((allowed | start).any(axis=1))
    columns = np.where(mask, energy, 0.0).sum(axis=0)
    if first is not None:
        wanted = allowed & first & ~mask.any(axis=1, keepdims=True)
        reached = int(np.count_nonzero(mask) + np.count_nonzero(wanted.any(axis=1)))
        _fill(energy, mask, columns, wanted, 1, min(count, reached))
    for quota in (count // len(rows), count // len(rows) + 1, weights.shape[1]):
        _fill(energy, mask, columns, allowed & ~mask, quota, count)
    return mask


def _fill(
    energy: np.ndarray,
    mask: np.ndarray,
    columns: np.ndarray,
    wanted: np.ndarray,
    quota: int,
    count: int,
) -> None:
    """Add the entries of largest gain until `count` are kept; at most `quota` in a row."""
    taken, left = mask.sum(axis=1), count - np.count_nonzero(mask)
    i, j = np.nonzero(wanted & (taken < quota)[:, None])
    gains = (columns[j] + energy[i, j]) ** _POWER - columns[j] ** _POWER
    heap = list(zip((-gains).tolist(), i.tolist(), j.tolist(), strict=True))
    heapq.heapify(heap)
    while heap and left > 0:
        known, row, column = heapq.heappop(heap)
        if taken[row] >= quota:
            continue
        before = columns[column]
        gain = (before + energy[row, column]) ** _POWER - before**_POWER
        # gains only fall as columns fill up, so a stale entry goes back with its present gain
        if heap and gain < -heap[0][0] and gain < -known:
            heapq.heappush(heap, (-gain, row, column))
            continue
        mask[row, column] = True
        taken[row] += 1
        columns[column] += energy[row, column]
        left -= 1
