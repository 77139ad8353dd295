"""Which halfspaces of a cell are facets, and how far a cell extends, by small linear programs."""

from __future__ import annotations

import numpy as np
from numba import njit

from regions.counting.tree.halfspace_kernel import BEYOND, DEEP, farthest, slacks

_REDUNDANT = 1e-12


@njit(cache=True)
def tighten(rows, starts, low, high, points):
    """Shrink the bounds of every cell to its own extent, by linear programs."""
    d = points.shape[1]
    gain, found = np.zeros(d), np.empty(d)
    for cell in range(points.shape[0]):
        first, m = starts[cell], starts[cell + 1] - starts[cell]
        local, slack = rows[first : first + m], np.empty(m)
        slacks(local, m, points[cell], slack)
        for k in range(2 * d):
            axis, sign = k % d, 1.0 if k < d else -1.0
            gain[:] = 0.0
            gain[axis] = sign
            down, up = low[cell] - points[cell], high[cell] - points[cell]
            value = farthest(local, slack, m, gain, down, up, np.inf, found)
            if np.isnan(value):
                continue
            edge = points[cell, axis] + sign * (value + BEYOND)
            if sign > 0:
                high[cell, axis] = min(high[cell, axis], edge)
            else:
                low[cell, axis] = max(low[cell, axis], edge)


@njit(cache=True)
def facets(rows, starts, low, high, points, needed):
    """Fill `needed` with whether each halfspace is a facet of its cell within the bounds."""
    d = points.shape[1]
    found = np.empty(d)
    for cell in range(points.shape[0]):
        first, m = starts[cell], starts[cell + 1] - starts[cell]
        local, slack, names = np.empty((m, d + 1)), np.empty(m), np.arange(first, first + m)
        local[:] = rows[first : first + m]
        slacks(local, m, points[cell], slack)
        down, up = low - points[cell], high - points[cell]
        left, k = m, 0
        while k < left:
            # without this row, can the cell be left through it?
            gain, room, name = local[k].copy(), slack[k], names[k]
            local[k], slack[k], names[k] = local[left - 1], slack[left - 1], names[left - 1]
            target = room + DEEP
            value = farthest(local, slack, left - 1, -gain[:d], down, up, target, found)
            # a row left out wrongly would let cells grow; one too many only costs time
            needed[name] = not value <= room + _REDUNDANT
            if needed[name]:
                local[left - 1], slack[left - 1], names[left - 1] = local[k], slack[k], names[k]
                local[k], slack[k], names[k] = gain, room, name
                k += 1
            else:
                left -= 1


@njit(cache=True)
def bound_facets(rows, starts, low, high, points, needed):
    """Fill `needed`, (cells, 2 d), with whether each lower, then upper, bound is a facet."""
    d = points.shape[1]
    gain, found = np.zeros(d), np.empty(d)
    for cell in range(points.shape[0]):
        first, m = starts[cell], starts[cell + 1] - starts[cell]
        local, slack = rows[first : first + m], np.empty(m)
        slacks(local, m, points[cell], slack)
        down, up = low - points[cell], high - points[cell]
        for k in range(2 * d):
            # without this bound, can the cell be left through it?
            axis, sign = k % d, -1.0 if k < d else 1.0
            room = -down[axis] if k < d else up[axis]
            gain[:] = 0.0
            gain[axis] = sign
            wider_down, wider_up = down.copy(), up.copy()
            if k < d:
                wider_down[axis] -= 1.0
            else:
                wider_up[axis] += 1.0
            target = room + DEEP
            value = farthest(local, slack, m, gain, wider_down, wider_up, target, found)
            needed[cell, k] = not value <= room + _REDUNDANT
