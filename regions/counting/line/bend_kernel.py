"""The compiled part of looking closely at units: their values at every knot, and their signs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.kernels import kernel

compiled = kernel(makes_arrays=True, nogil=True)


class Straight(NamedTuple):
    """The affine maps of some units between neighbouring knots, and their signs at the knots.

    Attributes
    ----------
    at_first, at_last : (units, m - 1) arrays
        What the map of every gap says at the piece's two ends.
    values : (units, m) array
        Values at the knots.
    signs : (units, m) int8 array
        -1 or 1 where they are certain, else 0.
    steepest : (units,) array
        Bounds of a unit's slopes.
    rounded : (units,) array
        Bounds of the rounding errors made here, in values.
    """

    at_first: np.ndarray
    at_last: np.ndarray
    values: np.ndarray
    signs: np.ndarray
    steepest: np.ndarray
    rounded: np.ndarray


@compiled
def _add_up(row, places, end, start, gap, out):
    """Write what the map of every gap says at an end, given that of the gap there.

    Sums carry the errors of their additions, as if in twice the precision.
    """
    total, rest = start, 0.0
    out[gap] = start
    step = 1 if gap == 0 else -1
    for k in range(len(row)):
        i = gap + k * step if step == 1 else gap - 1 - k
        term = row[i] * (end - places[i + 1]) * step
        new = total + term
        back = new - total
        rest += (total - (new - back)) + (term - back)
        total = new
        out[i + 1 if step == 1 else i] = total + rest


@compiled
def straighten(ends, kinks, places, spread, errors):
    """Return what units do between the knots, from their ends, (2, units), and kinks.

    Parameters
    ----------
    ends : (2, units) array
    kinks : (units, m - 2) array
    places, spread : (m,) arrays
        Where the knots are, and how far the exact ones may be from there.
    errors : (units,) array
        How far values may be from the exact ones, all along the piece.
    """
    units, inner = kinks.shape
    m = inner + 2
    at_first, at_last = np.empty((units, m - 1)), np.empty((units, m - 1))
    values, signs = np.empty((units, m)), np.zeros((units, m), np.int8)
    steepest, rounded = np.empty(units), np.empty(units)
    x0, x1 = places[0], places[m - 1]
    span = x1 - x0
    for u in range(units):
        row, first, last = kinks[u], ends[0, u], ends[1, u]
        high, total = max(abs(first), abs(last)), 0.0
        for i in range(inner):
            high += abs(row[i]) * (places[i + 1] - x0) * (x1 - places[i + 1]) / span
            total += abs(row[i])
        _add_up(row, places, x0, first, 0, at_first[u])
        _add_up(row, places, x1, last, m - 2, at_last[u])
        slope = 0.0
        for g in range(m - 1):
            slope = max(slope, abs(at_last[u, g] - at_first[u, g]))
        around = 32 * UNIT * (abs(first) + abs(last) + total * span)
        steepest[u] = (slope + around) / span
        rounded[u] = 32 * UNIT * high + 1e-300
        values[u, 0], values[u, m - 1] = first, last
        for i in range(1, m - 1):
            share = (places[i] - x0) / span
            other = (x1 - places[i]) / span
            values[u, i] = other * at_first[u, i] + share * at_last[u, i]
        close = errors[u] + rounded[u]
        for i in range(m):
            tolerance = close + steepest[u] * spread[i]
            if values[u, i] > tolerance:
                signs[u, i] = 1
            elif values[u, i] < -tolerance:
                signs[u, i] = -1
        if total != total or steepest[u] != steepest[u]:
            signs[u] = 0
    return Straight(at_first, at_last, values, signs, steepest, rounded)
