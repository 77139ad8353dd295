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
    entries = _by_column(energy, allowed)
    if first is not None:
        wanted = first & ~mask.any(axis=1, keepdims=True)
        reached = int(np.count_nonzero(mask) + np.count_nonzero((allowed & wanted).any(axis=1)))
        _fill(energy, mask, columns, entries[:, wanted[*entries]], 1, min(count, reached))
    for quota in (count // len(rows), count // len(rows) + 1, weights.shape[1]):
        _fill(energy, mask, columns, entries[:, ~mask[*entries]], quota, count)
    return mask


def _by_column(energy: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return rows and columns of the entries, column by column, those of most energy first."""
    columns, rows = np.nonzero(allowed.T)
    order = np.lexsort((-energy[rows, columns], columns))
    return np.stack([rows[order], columns[order]])


def _fill(
    energy: np.ndarray,
    mask: np.ndarray,
    columns: np.ndarray,
    entries: np.ndarray,
    quota: int,
    count: int,
) -> None:
    """Add the entries of largest gain until `count` are kept; at most `quota` in a row.

    The best entry of a column is that of most energy whose row has room, whatever the column
    holds: one candidate per column is enough.
    """
    taken, left = mask.sum(axis=1).tolist(), count - np.count_nonzero(mask)
    if left <= 0:
        return
    rows, energies = entries[0].tolist(), energy[*entries].tolist()
    held = columns.tolist()
    present, starts = np.unique(entries[1], return_index=True)
    ends = dict(zip(present.tolist(), [*starts[1:].tolist(), len(rows)], strict=True))
    heap: list[tuple[float, int, int, int]] = []

    def push(column: int, place: int) -> None:
        while place < ends[column] and taken[rows[place]] >= quota:
            place += 1
        if place < ends[column]:
            before = held[column]
            gain = (before + energies[place]) ** _POWER - before**_POWER
            heapq.heappush(heap, (-gain, rows[place], column, place))

    for column, place in zip(present.tolist(), starts.tolist(), strict=True):
        push(column, place)
    while heap and left > 0:
        _, row, column, place = heapq.heappop(heap)
        if taken[row] < quota:
            mask[row, column] = True
            taken[row] += 1
            held[column] += energies[place]
            left -= 1
        push(column, place + 1)
    columns[:] = held
