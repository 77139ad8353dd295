"""One cell given by halfspaces, as the compiled functions have it, and room to work on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.kernels import FAST, kernel


class Cell(NamedTuple):
    """The first so many rows are a cell's: ``rows @ (y, 1) >= 0`` within its bounds.

    Attributes
    ----------
    rows, off : (most, d + 1) and (most, 4) arrays
        Halfspaces, and what each can be off (see `certificates`).
    slack : (most,) array
        The rows' values at the point at hand.
    low, high : (d,) arrays
        Bounds that hold for the whole cell.
    domain : (6, d) array
        Bounds surely inside the domain, its exact sides (NaN where these are no float64), and
        bounds of it: lower and upper each.
    """

    rows: np.ndarray
    off: np.ndarray
    slack: np.ndarray
    low: np.ndarray
    high: np.ndarray
    domain: np.ndarray


class Corner(NamedTuple):
    """Where a linear program stopped: what stops it, and how fast the gain grows with each.

    `names` are those of rows or coordinates, `kinds` say which (see `simplex`); (d,) arrays.
    """

    names: np.ndarray
    kinds: np.ndarray
    prices: np.ndarray


class Room(NamedTuple):
    """Arrays that programs and chords work in.

    `work` says how much was done: multiplications in this call, about, and linear programs and
    their steps in all.
    """

    corner: Corner
    table: np.ndarray
    down: np.ndarray
    up: np.ndarray
    shift: np.ndarray
    basic: np.ndarray
    nonbasic: np.ndarray
    ahead: np.ndarray
    direction: np.ndarray
    rates: np.ndarray
    gain: np.ndarray
    total: np.ndarray
    before: np.ndarray
    work: np.ndarray


@kernel(makes_arrays=True)
def room_for(most, d, corner, work):
    """Return room for cells of so many rows; a program's corner, and all work, is left there."""
    work[0] = 0.0
    return Room(
        corner,
        np.empty((most + 1, d)),
        np.empty(most + d),
        np.empty(most + d),
        np.empty(most + d),
        np.empty(most, dtype=np.int64),
        np.empty(d, dtype=np.int64),
        np.empty(d),
        np.empty(d),
        np.empty(most),
        np.empty(d + 1),
        np.empty(d + 1),
        np.empty(d),
        work,
    )


@kernel(makes_arrays=True)
def corner_of(d):
    """Return room for the corner of a linear program."""
    return Corner(np.empty(d, dtype=np.int64), np.empty(d, dtype=np.int64), np.empty(d))


@kernel(**FAST)
def value_at(form, point):
    """Return a form's value at a point."""
    total = form[point.size]
    for k in range(point.size):
        total += form[k] * point[k]
    return total


@kernel(**FAST)
def value_of(rows, i, point):
    """Return a row's value at a point."""
    d, total = point.size, 0.0
    for k in range(d):
        total += rows[i, k] * point[k]
    return total + rows[i, d]


@kernel(**FAST)
def slacks(cell, m, point):
    """Fill `slack` with the value of every row at `point`."""
    for i in range(m):
        cell.slack[i] = max(value_of(cell.rows, i, point), 0.0)


@kernel(**FAST)
def inside(cell, m, point):
    """Tell whether a point certainly lies strictly inside all rows and the domain's bounds."""
    for k in range(point.size):
        if not cell.domain[0, k] < point[k] < cell.domain[1, k]:
            return False
    for i in range(m):
        if not value_of(cell.rows, i, point) > cell.off[i, 0]:
            return False
    return True


@kernel(**FAST)
def extent(form, low, high):
    """Return the least and the largest value of a form within bounds, up to rounding."""
    least = most = form[low.size]
    for k in range(low.size):
        one, two = form[k] * low[k], form[k] * high[k]
        least += min(one, two)
        most += max(one, two)
    return least, most
