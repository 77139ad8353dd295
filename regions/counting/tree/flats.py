"""Counts the cells into which one layer cuts a polytope, without making them: flats are enough.

The cells that hyperplanes in general position cut out of a convex cell are as many as the flats
(intersections of hyperplanes, the whole space included) that meet its interior: every flat has
Moebius value +-1 [1]_. So the last layer needs no cells, only sections of sections, down to
segments. The hyperplanes' values at vertices are interpolated on the way, and each vertex carries
a bound of all its values' errors: what it does not certify is left to cutting, as is what is not
in general position.

.. [1] T. Zaslavsky, Facing up to arrangements, Memoirs AMS 154 (1975).
"""

from __future__ import annotations

import numpy as np

from regions.counting.tree.newton import UNIT, buffers, sharpen
from regions.counting.tree.polytopes import DONE, DOUBT, PAUSE, section_of
from regions.counting.tree.signs import enclose, place_of, side_of, values_of
from regions.kernels import kernel

_WORK_AT_ONCE = 5_000_000
_SHARP = 1e-14


@kernel()
def _apart(places, found, place, off):
    """Note a place and its bound; return whether it certainly differs from those before."""
    for k in range(found):
        if not abs(places[k, 0] - place) > places[k, 1] + off + 4 * UNIT:
            return False
    places[found, 0], places[found, 1] = place, off
    return True


@kernel()
def _place_between(p, p_error, q, q_error):
    """Return where a form with values of opposite signs vanishes between them, and a bound."""
    if p > 0:
        return place_of(p, p_error, -q, q_error)
    return place_of(-p, p_error, q, q_error)


@kernel()
def _value(row, ends, place):
    """Return a form's value at a section's vertex."""
    start = row[ends[0]]
    return start + place * (row[ends[1]] - start)


@kernel()
def _certain(value, error, row, ends):
    """Tell whether a value's sign is certain; at the cell's vertices it always is."""
    if abs(value) > error or ends[0] == ends[1]:
        return True
    return row[ends[0]] == 0.0 and row[ends[1]] == 0.0


@kernel()
def _points_on_segment(values, errors, ends, places, index, met):
    """Count where earlier lines cross line `index` inside a polygon; -1 if that is not certain.

    `values` holds the lines' values at the polygon's vertices, `errors` the bounds at the
    segment's two ends.
    """
    found = 0
    for j in range(index):
        row = values[j]
        p, q = _value(row, ends[0], places[0, 0]), _value(row, ends[1], places[1, 0])
        if not (_certain(p, errors[0], row, ends[0]) and _certain(q, errors[1], row, ends[1])):
            return -1
        if p == 0 and q == 0:
            return -1
        if p * q < 0:
            place, off = _place_between(p, errors[0], q, errors[1])
            if not _apart(met, found, place, off):
                return -1
            found += 1
    return found


@kernel()
def _points_between(values, errors, count, met):
    """Return 1 + the number of places where `count` forms change sign on a segment."""
    for j in range(count):
        place, off = _place_between(values[j, 0], errors[0], values[j, 1], errors[1])
        if not _apart(met, j, place, off):
            return -1
    return 1 + count


@kernel()
def _crossing(values, errors, index, ends, places, size, out):
    """Fill the values at a section's vertices of the earlier hyperplanes that cross it.

    Returns their number, or -1 if one contains the section, or a sign is not certain.
    """
    crossing = 0
    for j in range(index):
        least = most = 0.0
        for k in range(size):
            value = _value(values[j], ends[k], places[k, 0])
            if not _certain(value, errors[k], values[j], ends[k]):
                return -1
            out[crossing, k] = value
            least, most = min(least, value), max(most, value)
        if least < 0 < most:
            crossing += 1
        elif least == most:
            return -1
    return crossing


@kernel()
def _carried(errors, ends, places, size, reach, rounding, out):
    """Fill the bounds of all values at a section's vertices."""
    for k in range(size):
        u, v = ends[k, 0], ends[k, 1]
        out[k] = errors[u]
        if u != v:
            worse = max(errors[u], errors[v])
            out[k] = (worse + places[k, 1] * (reach + 2 * worse) + rounding) * (1 + 16 * UNIT)


@kernel()
def _flats(dimension, nv, count, reach, work):
    """Count the flats of `count` hyperplanes that meet a cell's interior; -1 if in doubt.

    A flat is the section of a section ...; each level of `work` holds the masks of one section's
    vertices, the values there of the hyperplanes that cross it, and their bounds.
    """
    values, errors, masks, ends, places, met, todo = work
    total, level, rounding = 1, 0, 8 * (dimension + 2) * UNIT
    todo[0, 0], todo[0, 1], todo[0, 2] = 0, count, nv
    if dimension == 1:
        return _points_between(values[0], errors[0], count, met)
    while level >= 0:
        index, left, nv = todo[level]
        if index == left:
            level -= 1
            continue
        todo[level, 0] += 1
        here, below, rank = values[level], level + 1, dimension - level
        end, place = ends[level], places[level]
        size = section_of(
            masks[level], nv, here[index], errors[level], rank, end, place, masks[below]
        )
        if size < rank or (rank == 2 and size != 2):
            return -1
        _carried(errors[level], end, place, size, reach, rounding, errors[below])
        if rank == 2:
            found = _points_on_segment(here, errors[below], end, place, index, met)
        else:
            found = _crossing(here, errors[below], index, end, place, size, values[below])
        if found < 0:
            return -1
        if rank == 2 or found <= 1:
            total += 1 + found
        else:
            total += 1
            todo[below, 0], todo[below, 1], todo[below, 2] = 0, found, size
            level = below
    return total


@kernel()
def _largest_count(hyperplanes, dimension):
    total, term = 1.0, 1.0
    for j in range(min(hyperplanes, dimension)):
        term *= (hyperplanes - j) / (j + 1)
        total += term
    return total


@kernel()
def _crossed(all_forms, twins, known, polytopes, dimension, cell, doubts, values, errors, places):
    """Fill the values at a cell's vertices of the units that cut it, and the vertices' bounds.

    Returns (units, reach, doubts): how many, by how much a value differs between two vertices at
    the most, and the number of vertices in doubt.
    """
    vertices, masks, starts, facets, planes = polytopes
    first, nv, forms = starts[cell], starts[cell + 1] - starts[cell], all_forms[cell]
    here, mask = vertices[first : first + nv], masks[first : first + nv]
    crossing, reach, own, box = 0, 0.0, np.empty(nv), np.empty((2, dimension + 1))
    enclose(here, nv, dimension, box)
    marked, waiting = np.zeros(nv, dtype=np.bool_), 0
    for k in range(nv):
        errors[k] = 0.0
    for unit in range(forms.shape[0]):
        if twins[unit] >= 0 or side_of(forms[unit], box, dimension) != 0:
            continue
        for attempt in range(2):
            least, most, left = values_of(
                forms[unit], here, nv, dimension, known, cell, unit, (values[crossing], own, doubts)
            )
            if left == 0 or attempt == 1:
                break
            for k in doubts[:left]:
                sharpen(here[k], mask[k], facets[cell], planes, all_forms, dimension, places)
        for k in doubts[:left]:
            marked[k] = True
        if left == 0 and least < 0 < most:
            crossing += 1
            reach = max(reach, most - least)
            for k in range(nv):
                errors[k] = max(errors[k], own[k])
    for k in range(nv):
        if marked[k]:
            doubts[waiting] = k
            waiting += 1
    return crossing, reach, waiting


@kernel()
def _sharpened(polytopes, forms, cell, dimension, places):
    """Place a cell's vertices more sharply; return whether it made a difference."""
    vertices, masks, starts, facets, planes = polytopes
    better = False
    for k in range(starts[cell], starts[cell + 1]):
        before = vertices[k, dimension + 1]
        if before > _SHARP:
            sharpen(vertices[k], masks[k], facets[cell], planes, forms, dimension, places)
            better = better or vertices[k, dimension + 1] < before / 8
    return better


@kernel()
def count_flats(
    forms, twins, known, polytopes, dimension, room, most_flats, counts, cursor, doubts
):
    """Fill the number of cells into which one layer cuts every cell of a batch.

    -1 where the hyperplanes are not certainly in general position inside the cell, or more than
    `most_flats` flats are possible. Returns DONE, PAUSE after much work, or DOUBT where the
    vertices `doubts` of the cell at the cursor are in doubt: call again. The cursor holds the next
    cell and the number of doubts.
    """
    masks, starts = polytopes[1], polytopes[2]
    cells, n = forms.shape[0], forms.shape[1]
    levels, done, places = dimension + 1, 0, buffers(dimension)
    values = np.empty((levels, n, room))
    errors = np.empty((levels, room))
    level_masks = np.empty((levels, room, masks.shape[1]), dtype=np.uint64)
    ends = np.empty((levels, room, 2), dtype=np.int64)
    todo = np.empty((levels, 3), dtype=np.int64)
    work = (values, errors, level_masks, ends, np.empty((levels, room, 2)), np.empty((n, 2)), todo)
    while cursor[0] < cells:
        if done > _WORK_AT_ONCE:
            return PAUSE
        cell = cursor[0]
        first, nv = starts[cell], starts[cell + 1] - starts[cell]
        crossing, reach, cursor[1] = _crossed(
            forms, twins, known, polytopes, dimension, cell, doubts, values[0], errors[0], places
        )
        if cursor[1] > 0:
            return DOUBT
        cursor[0] += 1
        done += n * nv
        if _largest_count(crossing, dimension) > most_flats:
            counts[cell] = -1
            continue
        for k in range(nv):
            for w in range(masks.shape[1]):
                level_masks[0, k, w] = masks[first + k, w]
        counts[cell] = _flats(dimension, nv, crossing, reach, work)
        if counts[cell] < 0 and _sharpened(polytopes, forms, cell, dimension, places):
            cursor[0] -= 1
            continue
        done += 10 * max(counts[cell], 0)
    return DONE
