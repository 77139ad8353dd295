"""Which halfspaces of a cell are facets, and how far a cell extends, by small linear programs.

The calls go on where they stopped: they return after bounded work, so that clocks are looked at.
"""

from __future__ import annotations

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.tree.cell import (
    Cell,
    corner_of,
    inside,
    room_for,
    slacks,
    value_at,
    value_of,
)
from regions.counting.tree.certificates import nowhere_positive, upper
from regions.counting.tree.halfspace_kernel import DEEP, WORK
from regions.counting.tree.simplex import FAILED, OPTIMAL, farthest
from regions.kernels import kernel

REDUNDANT, FACET, UNKNOWN, UNTRIED = 0, 1, 2, 3
MARGIN = 1e-9  # by so much bounds are wider than the cell, so that they never stop a program


@kernel()
def _most(starts):
    """Return the largest number of rows of a cell."""
    most = 0
    for i in range(starts.size - 1):
        most = max(most, starts[i + 1] - starts[i])
    return most


@kernel(makes_arrays=True)
def _blank(most, d, low, high, domain):
    """Return a cell with room for so many rows."""
    return Cell(np.empty((most, d + 1)), np.empty((most, 4)), np.empty(most), low, high, domain)


@kernel()
def _copy_row(batch, row, cell, m):
    """Write a row of a batch as a cell's next one."""
    for k in range(batch.rows.shape[1]):
        cell.rows[m, k] = batch.rows[row, k]
    for k in range(4):
        cell.off[m, k] = batch.off[row, k]


@kernel(makes_arrays=True)
def tighten(batch, at):
    """Shrink the bounds of the cells from `at` on to their own extent; return the next cell."""
    d = batch.points.shape[1]
    most, gain, ahead = _most(batch.starts), np.zeros(d + 1), np.empty(d)
    room = room_for(most, d, corner_of(d), np.zeros(3))
    blank = _blank(most, d, gain, gain, batch.domain)
    while at < batch.points.shape[0] and room.work[0] < WORK:
        point, low, high = batch.points[at], batch.low[at], batch.high[at]
        m, first = batch.starts[at + 1] - batch.starts[at], batch.starts[at]
        at += 1
        if np.isnan(point[0]):
            continue
        cell = Cell(blank.rows, blank.off, blank.slack, low, high, batch.domain)
        for i in range(m):
            _copy_row(batch, first + i, cell, i)
        slacks(cell, m, point)
        for k in range(2 * d):
            axis, sign = k % d, 1.0 if k < d else -1.0
            gain[axis] = sign
            code, _ = farthest(cell, m, gain, low, high, point, np.inf, ahead, room)
            if code == OPTIMAL:
                edge = upper(gain, 1e-15, cell, low, high, room) + MARGIN
                if sign > 0 and edge < high[axis]:
                    high[axis] = edge
                elif sign < 0 and -edge > low[axis]:
                    low[axis] = -edge
            gain[axis] = 0.0
    return at


@kernel(makes_arrays=True)
def shed(batch, what, row):
    """Mark the halfspaces from `row` on as REDUNDANT or UNKNOWN; return the next row.

    `what` is UNTRIED at first. A row is redundant if those found so far that are not prove it;
    otherwise the first one on the way out of the cell joins these (Clarkson's method).
    """
    d, most = batch.points.shape[1], _most(batch.starts)
    room, found, gain = room_for(most, d, corner_of(d), np.zeros(3)), np.empty(d), np.empty(d + 1)
    low, high = batch.domain[4], batch.domain[5]
    cell = _blank(most, d, low, high, batch.domain)
    at = np.searchsorted(batch.starts, row, side="right") - 1
    while row < batch.rows.shape[0] and room.work[0] < WORK:
        while batch.starts[at + 1] <= row:
            at += 1
        point, first, end = batch.points[at], batch.starts[at], batch.starts[at + 1]
        if what[row] != UNTRIED or np.isnan(point[0]):
            what[row] = UNKNOWN if what[row] == UNTRIED else what[row]
            row += 1
            continue
        m = 0
        for i in range(first, end):
            if what[i] == UNKNOWN:
                _copy_row(batch, i, cell, m)
                m += 1
        slacks(cell, m, point)
        for k in range(d + 1):
            gain[k] = -batch.rows[row, k]
        answer = _behind(gain, batch.off[row], cell, m, point, found, room)
        met = row
        if answer == FACET:
            met = _first_met(batch, first, end, what, point, found, row)
            room.work[0] += (end - first) * d
        what[met] = REDUNDANT if answer == REDUNDANT else UNKNOWN
    return row


@kernel()
def _first_met(batch, first, end, what, point, found, row):
    """Return the untried halfspace that the ray from a point to another leaves first."""
    met, best = row, np.inf
    for i in range(first, end):
        if what[i] != UNTRIED:
            continue
        here, there = value_of(batch.rows, i, point), value_of(batch.rows, i, found)
        if here - there > 0.0 and here < best * (here - there):
            met, best = i, here / (here - there)
    return met


@kernel(makes_arrays=True)
def seen(batch, what, at):
    """Mark as FACET the halfspaces that rays show to be facets, of cells from `at` on.

    From the witness a ray goes straight to every hyperplane that no ray has met yet. What it meets
    first is a facet if a point behind it, before what is met next, is surely inside all others.
    Returns the next cell.
    """
    d, most = batch.points.shape[1], _most(batch.starts)
    room, found = room_for(most, d, corner_of(d), np.zeros(3)), np.empty(d)
    cell = _blank(most, d, batch.domain[4], batch.domain[5], batch.domain)
    while at < batch.points.shape[0] and room.work[0] < WORK:
        point, first = batch.points[at], batch.starts[at]
        m = batch.starts[at + 1] - first
        at += 1
        if np.isnan(point[0]):
            continue
        for i in range(m):
            _copy_row(batch, first + i, cell, i)
        slacks(cell, m, point)
        for i in range(m):
            if what[first + i] == FACET:
                continue
            met, near, far = _way_out(cell, m, i)
            room.work[0] += 2 * m * d
            # bounds may stop the ray as well: `behind` looks at them
            step = near + 0.5 * min(far - near, near)
            for k in range(d):
                found[k] = point[k] - step * cell.rows[i, k]
            if met >= 0 and _behind_alone(cell, m, met, found):
                what[first + met] = FACET
    return at


@kernel()
def _way_out(cell, m, i):
    """Return (row, step, next step): what a ray against a row's slopes meets first, and next."""
    d, met, near, far = cell.rows.shape[1] - 1, -1, np.inf, np.inf
    for j in range(m):
        rate = 0.0
        for k in range(d):
            rate += cell.rows[j, k] * cell.rows[i, k]
        if rate > 0.0:
            step = cell.slack[j] / rate
            if step < near:
                met, near, far = j, step, near
            elif step < far:
                far = step
    return met, near, far


@kernel()
def _behind_alone(cell, m, row, point):
    """Tell whether a point is surely behind a row, and surely inside all others and the domain."""
    for k in range(point.size):
        if not cell.domain[0, k] < point[k] < cell.domain[1, k]:
            return False
    for j in range(m):
        value = value_of(cell.rows, j, point)
        if not (-value if j == row else value) > cell.off[j, 0]:
            return False
    return True


@kernel(makes_arrays=True)
def facets(batch, what, row):
    """Fill `what` for the halfspaces from `row` on, where it is not FACET; return the next row.

    A row is a FACET of its cell within the domain's bounds if a point behind it alone shows that,
    REDUNDANT if the rows left prove it, and else UNKNOWN. Only the rows before it that are not
    redundant count.
    """
    d, most = batch.points.shape[1], _most(batch.starts)
    room, found, gain = room_for(most, d, corner_of(d), np.zeros(3)), np.empty(d), np.empty(d + 1)
    cell = _blank(most, d, batch.domain[4], batch.domain[5], batch.domain)
    at = np.searchsorted(batch.starts, row, side="right") - 1
    while row < batch.rows.shape[0] and room.work[0] < WORK:
        while batch.starts[at + 1] <= row:
            at += 1
        if what[row] == FACET:
            row += 1
            continue
        point, m = batch.points[at], 0
        what[row] = UNKNOWN
        if not np.isnan(point[0]):
            for i in range(batch.starts[at], batch.starts[at + 1]):
                if i != row and (i > row or what[i] != REDUNDANT):
                    _copy_row(batch, i, cell, m)
                    m += 1
            slacks(cell, m, point)
            for k in range(d + 1):
                gain[k] = -batch.rows[row, k]
            what[row] = _behind(gain, batch.off[row], cell, m, point, found, room)
        row += 1
    return row


@kernel()
def _behind(gain, off_gain, cell, m, point, found, room):
    """Tell whether a cell goes on behind the hyperplane of a gain (see `facets`)."""
    d, low, high = point.size, cell.low, cell.high
    space = -min(value_at(gain, point), 0.0)
    target = space + DEEP + 8.0 * off_gain[0]
    code, most = farthest(cell, m, gain, low, high, point, target, room.ahead, room)
    if code == FAILED:
        return UNKNOWN
    if most - space > 4.0 * off_gain[0]:
        part = 1.0 - 0.5 * (most - space) / most
        for k in range(d):
            found[k] = point[k] + part * room.ahead[k]
        if value_at(gain, found) > off_gain[0] and inside(cell, m, found):
            return FACET
    elif code == OPTIMAL and nowhere_positive(gain, off_gain, cell, low, high, cell.domain, room):
        return REDUNDANT
    return UNKNOWN


@kernel(makes_arrays=True)
def bound_facets(batch, what, at):
    """Fill `what`, (cells, 2 d), with what the domain's bounds are for cells, from `at` on.

    Returns the next cell; lower bounds come first. Only what is UNTRIED is filled.
    """
    d, most, domain = batch.points.shape[1], _most(batch.starts), batch.domain
    room, gain, found = room_for(most, d, corner_of(d), np.zeros(3)), np.zeros(d + 1), np.empty(d)
    cell, wider = _blank(most, d, domain[4], domain[5], domain), domain.copy()
    size = max(np.abs(domain[4]).max(), np.abs(domain[5]).max())
    reach = np.array([(4 * d + 24) * UNIT * size, 0.0, 0.0, 0.0])
    open_ = Cell(cell.rows, cell.off, cell.slack, wider[4], wider[5], wider)
    while at < batch.points.shape[0] and room.work[0] < WORK:
        point, m = batch.points[at], batch.starts[at + 1] - batch.starts[at]
        for i in range(m):
            _copy_row(batch, batch.starts[at] + i, cell, i)
        slacks(cell, m, point)
        for axis in range(2 * d):
            if what[at, axis] != UNTRIED:
                continue
            what[at, axis] = UNKNOWN
            if np.isnan(point[0]):
                continue
            # without this bound, can the cell be left through it?
            k, sign, side = axis % d, -1.0 if axis < d else 1.0, 0 if axis < d else 1
            # no smaller than the gain over the bound's own hyperplane
            gain[k], gain[d] = sign, -sign * domain[side, k]
            for other in (0, 2, 4):
                wider[other + side, k] = domain[4 + side, k] + 4.0 * sign
            what[at, axis] = _behind(gain, reach, open_, m, point, found, room)
            if what[at, axis] == FACET and not sign * (found[k] - domain[4 + side, k]) > 0.0:
                what[at, axis] = UNKNOWN
            gain[k] = 0.0
            for other in (0, 2, 4):
                wider[other + side, k] = domain[other + side, k]
        at += 1
    return at
