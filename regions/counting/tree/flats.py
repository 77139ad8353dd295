"""Counts the cells into which one layer cuts a polytope, without making them: flats are enough.

The cells that hyperplanes in general position cut out of a convex cell are as many as the flats
(intersections of hyperplanes, the whole space included) that meet its interior: every flat has
Moebius value +-1 [1]_. So the last layer needs no cells, only sections of sections, down to
segments; values at vertices are interpolated on the way.

.. [1] T. Zaslavsky, Facing up to arrangements, Memoirs AMS 154 (1975).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from regions.counting.tree.polytopes import TOLERANCE, section_of, values_of

_SAME = 1e-9


@njit(cache=True)
def _points_on_segment(values, ends, shares, index, places):
    """Count where earlier lines cross line `index` inside a polygon; -1 if not in general position.

    `values` holds the lines' values at the polygon's vertices.
    """
    found = 0
    for j in range(index):
        row = values[j]
        p = row[ends[0, 0]] + shares[0] * (row[ends[0, 1]] - row[ends[0, 0]])
        q = row[ends[1, 0]] + shares[1] * (row[ends[1, 1]] - row[ends[1, 0]])
        if abs(p) <= _SAME or abs(q) <= _SAME:
            return -1
        if p * q < 0:
            place = p / (p - q)
            for k in range(found):
                if abs(places[k] - place) <= _SAME:
                    return -1
            places[found] = place
            found += 1
    return found


@njit(cache=True)
def _points_between(values, count, places):
    """Return 1 + the number of places where `count` forms change sign on a segment."""
    for j in range(count):
        places[j] = values[j, 0] / (values[j, 0] - values[j, 1])
        for k in range(j):
            if abs(places[k] - places[j]) <= _SAME:
                return -1
    return 1 + count


@njit(cache=True)
def _crossing(values, index, nv, ends, shares, size, out):
    """Fill the values at a section's vertices of the earlier hyperplanes that cross it.

    Returns their number, or -1 if one contains the section.
    """
    crossing = 0
    for j in range(index):
        least = most = 0.0
        for k in range(size):
            start = values[j, ends[k, 0]]
            value = start + shares[k] * (values[j, ends[k, 1]] - start)
            if abs(value) <= TOLERANCE:
                value = 0.0
            out[crossing, k] = value
            least, most = min(least, value), max(most, value)
        if least < 0 < most:
            crossing += 1
        elif least == most:
            return -1
    return crossing


@njit(cache=True)
def _flats(dimension, nv, count, work):
    """Count the flats of `count` hyperplanes that meet a cell's interior; -1 if in doubt.

    A flat is the section of a section ...; each level of `work` holds the masks of one section's
    vertices and the values there of the hyperplanes that cross it.
    """
    values, masks, ends, shares, places, todo = work
    total, level = 1, 0
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, count, nv
    if dimension == 1:
        return _points_between(values[0], count, places)
    while level >= 0:
        index, left, nv = todo[level]
        if index == left:
            level -= 1
            continue
        todo[level, 0] += 1
        here, below, rank = values[level], level + 1, dimension - level
        size = section_of(
            masks[level], nv, here[index], rank, ends[level], shares[level], masks[below]
        )
        if size < rank or (rank == 2 and size != 2):
            return -1
        if rank == 2:
            found = _points_on_segment(here, ends[level], shares[level], index, places)
        else:
            found = _crossing(here, index, nv, ends[level], shares[level], size, values[below])
        if found < 0:
            return -1
        if rank == 2 or found <= 1:
            total += 1 + found
        else:
            total += 1
            todo[below, 0], todo[below, 1], todo[below, 2] = 0, found, size
            level = below
    return total


@njit(cache=True)
def _largest_count(hyperplanes, dimension):
    total, term = 1.0, 1.0
    for j in range(min(hyperplanes, dimension)):
        term *= (hyperplanes - j) / (j + 1)
        total += term
    return total


@njit(cache=True)
def count_flats(forms, tolerance, polytopes, dimension, room, most_flats, counts):
    """Fill the number of cells into which one layer cuts every cell of a batch.

    -1 where the hyperplanes are not in general position inside the cell, rounding leaves that
    open, or more than `most_flats` flats are possible.
    """
    vertices, masks, starts = polytopes
    cells, n = forms.shape[0], forms.shape[1]
    levels = dimension + 1
    values = np.empty((levels, n, room))
    level_masks = np.empty((levels, room, masks.shape[1]), dtype=np.uint64)
    ends = np.empty((levels, room, 2), dtype=np.int64)
    todo = np.empty((levels, 3), dtype=np.int64)
    work = (values, level_masks, ends, np.empty((levels, room)), np.empty(n), todo)
    for cell in range(cells):
        first, nv = starts[cell], starts[cell + 1] - starts[cell]
        if nv > room:
            counts[cell] = -1
            continue
        here = vertices[first : first + nv]
        crossing = 0
        for unit in range(n):
            least, most = values_of(
                forms[cell, unit], here, nv, tolerance[cell, unit], values[0, crossing]
            )
            if least < 0 < most:
                crossing += 1
        if _largest_count(crossing, dimension) > most_flats:
            counts[cell] = -1
            continue
        level_masks[0, :nv] = masks[first : first + nv]
        counts[cell] = _flats(dimension, nv, crossing, work)
