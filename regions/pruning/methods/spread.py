"""Keeps large weights that are spread evenly over rows and thinly over columns."""

from __future__ import annotations

from heapq import heappop, heappush
from math import sqrt
from typing import Any

import numpy as np

from regions.errors import BudgetError

_WORTH = 16  # a sort of all entries costs as much as this share of them one by one


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
    order = np.argsort(-energy, axis=0, kind="stable")
    if first is not None:
        wanted = allowed & first & ~mask.any(axis=1, keepdims=True)
        reached = int(np.count_nonzero(mask) + np.count_nonzero(wanted.any(axis=1)))
        _fill(energy, mask, columns, order, wanted, 1, min(count, reached))
    for quota in (count // len(rows), count // len(rows) + 1, weights.shape[1]):
        _fill(energy, mask, columns, order, allowed, quota, count)
    return mask


def _value(energy: Any) -> Any:
    """Return energy^(3/4), rounded alike on every machine."""
    root = np.sqrt(energy)
    return root * np.sqrt(root)


def _fill(
    energy: np.ndarray,
    mask: np.ndarray,
    columns: np.ndarray,
    order: np.ndarray,
    allowed: np.ndarray,
    quota: int,
    count: int,
) -> None:
    """Add the entries of largest gain until `count` are kept; at most `quota` in a row.

    The best entry of a column is that of most energy whose row has room, whatever the column
    holds. Until a first row is full, the choice is a sort of all gains, which is worth it where
    many are taken; the rest is taken one by one.
    """
    while (left := int(count - np.count_nonzero(mask))) > 0:
        room = quota - mask.sum(axis=1)
        free = allowed & ~mask & (room > 0)[:, None]
        if not free.any():
            return
        chosen = np.zeros(0, dtype=int)
        if left * _WORTH > np.count_nonzero(free):
            chosen = _until_full(energy, columns, order, free, room, left)
        if len(chosen) * _WORTH < left:
            _one_by_one(energy, mask, columns, order, free, room, left)
            return
        mask.reshape(-1)[chosen] = True
        np.add.at(columns, chosen % len(columns), energy.reshape(-1)[chosen])


def _until_full(
    energy: np.ndarray,
    columns: np.ndarray,
    order: np.ndarray,
    free: np.ndarray,
    room: np.ndarray,
    left: int,
) -> np.ndarray:
    """Return the next places of the greedy choice, until one is due in a row that is full."""
    added = np.take_along_axis(np.where(free, energy, 0.0), order, axis=0)
    values = _value(np.cumsum(np.concatenate([columns[None], added]), axis=0))
    gains = np.empty_like(energy)
    np.put_along_axis(gains, order, np.diff(values, axis=0), axis=0)
    places = np.flatnonzero(free)
    losses = -gains.reshape(-1)[places]
    if left < len(places):
        best = losses <= np.partition(losses, left - 1)[left - 1]
        places, losses = places[best], losses[best]
    places = places[np.argsort(losses, kind="stable")[:left]]
    rows = places // len(columns)
    by_row = np.argsort(rows, kind="stable")
    before = np.searchsorted(rows[by_row], rows[by_row])
    full = np.sort(by_row[np.arange(len(rows)) - before >= room[rows[by_row]]])
    return places[: full[0]] if full.size else places


def _one_by_one(
    energy: np.ndarray,
    mask: np.ndarray,
    columns: np.ndarray,
    order: np.ndarray,
    free: np.ndarray,
    room: np.ndarray,
    left: int,
) -> None:
    """Add up to `left` free entries, one candidate per column at a time."""
    at, column = order.T.reshape(-1), np.repeat(np.arange(len(columns)), len(order))
    known = free[at, column]
    at, column = at[known], column[known]
    present, starts = np.unique(column, return_index=True)
    ends = dict(zip(present.tolist(), [*starts[1:].tolist(), len(at)], strict=True))
    rows, energies = at.tolist(), energy[at, column].tolist()
    spare, held = room.tolist(), columns.tolist()
    heap: list[tuple[float, int, int, int]] = []

    def push(column: int, place: int) -> None:
        end = ends[column]
        while place < end and spare[rows[place]] <= 0:
            place += 1
        if place < end:
            root, more = sqrt(held[column]), sqrt(held[column] + energies[place])
            gain = more * sqrt(more) - root * sqrt(root)
            heappush(heap, (-gain, rows[place], column, place))

    for first, place in zip(present.tolist(), starts.tolist(), strict=True):
        push(first, place)
    while heap and left > 0:
        _, row, best, place = heappop(heap)
        if spare[row] > 0:
            mask[row, best] = True
            spare[row] -= 1
            held[best] += energies[place]
            left -= 1
        push(best, place + 1)
    columns[:] = held
