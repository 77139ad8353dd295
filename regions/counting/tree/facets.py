"""Which halfspaces of a cell are facets, and how far a cell extends, by small linear programs.

The calls go on where they stopped: they return after bounded work, so that clocks are looked at.
"""

from __future__ import annotations

import numpy as np

from regions.counting.tree.certificates import dot, inside, nowhere_positive, upper
from regions.counting.tree.halfspace_kernel import DEEP, WORK, farthest, slacks
from regions.counting.tree.simplex import FAILED, OPTIMAL
from regions.kernels import kernel

REDUNDANT, FACET, UNKNOWN = 0, 1, 2
MARGIN = 1e-9  # by so much bounds are wider than the cell, so that they never stop a program


@kernel()
def corner_of(d):
    """Return room for the corner of a linear program."""
    return np.empty(d, np.int64), np.empty(d, np.int64), np.empty(d)


@kernel()
def tighten(rows, off, starts, low, high, points, cell):
    """Shrink the bounds of the cells from `cell` on to their own extent; return the next cell."""
    d = points.shape[1]
    gain, found, corner, work = np.zeros(d + 1), np.empty(d), corner_of(d), np.zeros(1)
    while cell < points.shape[0] and work[0] < WORK:
        if np.isnan(points[cell, 0]):
            cell += 1
            continue
        first, m = starts[cell], starts[cell + 1] - starts[cell]
        local, own, slack = rows[first : first + m], off[first : first + m], np.empty(m)
        slacks(local, m, points[cell], slack)
        for k in range(2 * d):
            axis, sign = k % d, 1.0 if k < d else -1.0
            gain[:] = 0.0
            gain[axis] = sign
            down, up = low[cell] - points[cell], high[cell] - points[cell]
            code, _ = farthest(local, slack, m, gain[:d], down, up, np.inf, found, corner, work)
            if code != OPTIMAL:
                continue
            edge = upper(gain, 1e-15, local, own, low[cell], high[cell], corner) + MARGIN
            if sign > 0 and edge < high[cell, axis]:
                high[cell, axis] = edge
            elif sign < 0 and -edge > low[cell, axis]:
                low[cell, axis] = -edge
        cell += 1
    return cell


@kernel()
def facets(rows, off, starts, points, domain, what, row):
    """Fill `what` for the halfspaces from `row` on; return the next row.

    A row is a FACET of its cell within the domain's bounds if a point behind it alone shows that,
    REDUNDANT if the rows left prove it, and else UNKNOWN. Only the rows before it that are not
    redundant count.
    """
    d = points.shape[1]
    found, corner, work = np.empty(d), corner_of(d), np.zeros(1)
    low, high = domain[4], domain[5]
    cell = np.searchsorted(starts, row, side="right") - 1
    while row < rows.shape[0] and work[0] < WORK:
        while starts[cell + 1] <= row:
            cell += 1
        point = points[cell]
        if np.isnan(point[0]):
            what[row] = UNKNOWN
            row += 1
            continue
        first, end = starts[cell], starts[cell + 1]
        local, own, slack = (
            np.empty((end - first, d + 1)),
            np.empty((end - first, 4)),
            np.empty(end - first),
        )
        m = 0
        for i in range(first, end):
            if i != row and (i > row or what[i] != REDUNDANT):
                local[m], own[m] = rows[i], off[i]
                m += 1
        slacks(local, m, point, slack)
        what[row] = _behind(
            -rows[row],
            off[row],
            local,
            own,
            slack,
            m,
            low,
            high,
            domain,
            point,
            found,
            corner,
            work,
        )
        row += 1
    return row


@kernel()
def _behind(gain, off_gain, rows, off, slack, m, low, high, domain, point, found, corner, work):
    """Tell whether the cell of `rows` goes on behind the hyperplane of a gain (see `facets`)."""
    d = point.size
    room = -min(dot(gain, point) + gain[d], 0.0)
    target = room + DEEP + 8.0 * off_gain[0]
    code, most = farthest(
        rows, slack, m, gain[:d], low - point, high - point, target, found, corner, work
    )
    if code == FAILED:
        return UNKNOWN
    if most - room > 4.0 * off_gain[0]:
        share = 1.0 - 0.5 * (most - room) / most
        for k in range(d):
            found[k] = point[k] + share * found[k]
        if dot(gain, found) + gain[d] > off_gain[0] and inside(rows, off, m, found, domain):
            return FACET
    elif code == OPTIMAL and nowhere_positive(gain, off_gain, rows, off, low, high, corner, domain):
        return REDUNDANT
    return UNKNOWN


@kernel()
def bound_facets(rows, off, starts, points, domain, cell, axis, what):
    """Fill `what`, (2 d,), with whether the bounds of one cell are facets, from `axis` on.

    Returns the next axis; lower bounds come first.
    """
    d = points.shape[1]
    gain, found, corner, work = np.zeros(d + 1), np.empty(d), corner_of(d), np.zeros(1)
    first, m = starts[cell], starts[cell + 1] - starts[cell]
    point, slack = points[cell], np.empty(m)
    local, own = rows[first : first + m], off[first : first + m]
    slacks(local, m, point, slack)
    size = max(np.abs(domain[4]).max(), np.abs(domain[5]).max())
    reach = np.array([(4 * d + 24) * 2.0**-53 * size, 0.0, 0.0, 0.0])
    while axis < 2 * d and work[0] < WORK:
        # without this bound, can the cell be left through it?
        k, sign, wider = axis % d, -1.0 if axis < d else 1.0, domain.copy()
        side = 0 if axis < d else 1
        gain[:] = 0.0
        gain[k] = sign
        # no smaller than the gain over the bound's own hyperplane
        gain[d] = -sign * domain[side, k]
        for other in (0, 2, 4):
            wider[other + side, k] = domain[4 + side, k] + 4.0 * sign
        what[axis] = _behind(
            gain, reach, local, own, slack, m, wider[4], wider[5], wider, point, found, corner, work
        )
        if what[axis] == FACET and not sign * (found[k] - domain[4 + side, k]) > 0.0:
            what[axis] = UNKNOWN
        axis += 1
    return axis
