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

from typing import NamedTuple

import numpy as np

from regions.counting.tree.edges import edges_of
from regions.counting.tree.newton import UNIT, Workspace, sharpen, workspace
from regions.counting.tree.polytopes import DONE, DOUBT, PAUSE
from regions.counting.tree.signs import Around, around, enclose, place_of, sides_on, values_of
from regions.kernels import kernel

_WORK_AT_ONCE = 5_000_000
_SHARP = 1e-14
_EDGES = 8  # as many as vertices, times this: more are left to cutting


class Sections(NamedTuple):
    """A section of a section ...: what is known of each, from the cell on.

    Attributes
    ----------
    values : (levels, n, room) array
        The values at its vertices of the hyperplanes that cross it,
    errors : (levels, room) array
        bounds of all of them at each vertex.
    masks : (levels, room, words) array
        The facets that each vertex lies on.
    edges : (levels, most, 2) array
    ends, places : (levels, room, 2) arrays
        The vertices of its section: on which edge, where on it, and how far off at the most.
    todo : (levels, 4) array
        Next hyperplane, and the numbers of hyperplanes, vertices and edges.
    met : (n, 2) array
        Places on a segment where others cross it, with bounds.
    """

    values: np.ndarray
    errors: np.ndarray
    masks: np.ndarray
    edges: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    todo: np.ndarray
    met: np.ndarray


class _Scratch(NamedTuple):
    """What is known of the cell at hand.

    The bounds of one unit's values at its vertices, and which of these are in doubt for any unit.
    """

    own: np.ndarray
    doubtful: np.ndarray
    around: Around
    newton: Workspace


@kernel()
def _apart(places, found, place, off):
    """Note a place and its bound; return whether it certainly differs from those before."""
    for k in range(found):
        if not abs(places[k, 0] - place) > places[k, 1] + off + 4 * UNIT:
            return False
    places[found, 0], places[found, 1] = place, off
    return True


@kernel()
def _section(values, errors, nv, edges, count, ends, places):
    """List the vertices of a polytope's section by a hyperplane (see `Sections`).

    An end is given twice where it is a vertex of the section. Returns their number; -1 if there is
    no room for them.
    """
    size = 0
    for u in range(nv):
        if values[u] == 0.0:
            if size == ends.shape[0]:
                return -1
            ends[size, 0], ends[size, 1] = u, u
            places[size, 0] = places[size, 1] = 0.0
            size += 1
    for e in range(count):
        u, v = edges[e, 0], edges[e, 1]
        p, q = values[u], values[v]
        if not ((p > 0.0 and q < 0.0) or (p < 0.0 and q > 0.0)):
            continue
        if size == ends.shape[0]:
            return -1
        share, off = place_of(abs(p), errors[u], abs(q), errors[v])
        ends[size, 0], ends[size, 1] = u, v
        places[size, 0], places[size, 1] = share, off
        size += 1
    return size


@kernel()
def _points_on_segment(values, errors, ends, places, index, met):
    """Count where earlier lines cross line `index` inside a polygon; -1 if that is not certain.

    `values` holds the lines' values at the polygon's vertices, `errors` the bounds at the
    segment's two ends.
    """
    found, p_error, q_error = 0, errors[0], errors[1]
    a, b, c, e = ends[0, 0], ends[0, 1], ends[1, 0], ends[1, 1]
    first, second = places[0, 0], places[1, 0]
    for j in range(index):
        p, q = values[j, a], values[j, c]
        # a value is certain where those that it lies between are both zero, or are only one
        p_known = a == b or (p == 0.0 and values[j, b] == 0.0)
        q_known = c == e or (q == 0.0 and values[j, e] == 0.0)
        p += first * (values[j, b] - p)
        q += second * (values[j, e] - q)
        if not ((abs(p) > p_error or p_known) and (abs(q) > q_error or q_known)):
            return -1
        if p == 0.0 and q == 0.0:
            return -1
        if (p > 0.0 and q < 0.0) or (p < 0.0 and q > 0.0):
            place, off = place_of(abs(p), p_error, abs(q), q_error)
            if not _apart(met, found, place, off):
                return -1
            found += 1
    return found


@kernel()
def _points_between(values, errors, count, met):
    """Return 1 + the number of places where `count` forms change sign on a segment."""
    for j in range(count):
        place, off = place_of(abs(values[j, 0]), errors[0], abs(values[j, 1]), errors[1])
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
            u, v = ends[k, 0], ends[k, 1]
            start, end = values[j, u], values[j, v]
            value = start + places[k, 0] * (end - start)
            if not (abs(value) > errors[k] or u == v or (start == 0.0 and end == 0.0)):
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
def _below(masks, ends, size, rank, out, edges):
    """Fill a section's masks and edges; return the number of edges, -1 if there is no room."""
    for k in range(size):
        for w in range(masks.shape[1]):
            out[k, w] = masks[ends[k, 0], w] & masks[ends[k, 1], w]
    return edges_of(out, size, rank, edges)


@kernel()
def _flats(dimension, count, reach, work):
    """Count the flats of `count` hyperplanes that meet a cell's interior; -1 if in doubt."""
    values, errors, masks, edges, ends, places, todo, met = work
    level, rounding = 0, 8 * (dimension + 2) * UNIT
    if count <= 1:
        return 1 + count
    if dimension == 1:
        return _points_between(values[0], errors[0], count, met)
    # the first hyperplane of each section is one flat: there is no earlier one to meet
    total, todo[0, 0], todo[0, 1] = 2, 1, count
    todo[0, 3] = edges_of(masks[0], todo[0, 2], dimension, edges[0])
    if todo[0, 3] < 0:
        return -1
    while level >= 0:
        index, left, nv, number = todo[level]
        if index == left:
            level -= 1
            continue
        todo[level, 0] += 1
        here, below, rank = values[level], level + 1, dimension - level
        end, place = ends[level], places[level]
        size = _section(here[index], errors[level], nv, edges[level], number, end, place)
        if size < rank or (rank == 2 and size != 2):
            return -1
        _carried(errors[level], end, place, size, reach, rounding, errors[below])
        if rank == 2:
            found = _points_on_segment(here, errors[below], end, place, index, met)
        else:
            found = _crossing(here, errors[below], index, end, place, size, values[below])
        if found < 0:
            return -1
        total += 1
        if rank == 2 or found <= 1:
            total += found
            continue
        made = _below(masks[level], end, size, rank - 1, masks[below], edges[below])
        if made < 0:
            return -1
        total += 1
        todo[below, 0], todo[below, 1], todo[below, 2], todo[below, 3] = 1, found, size, made
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
def _crossed(units, twins, known, polytopes, dimension, cell, doubts, work, scratch):
    """Fill the values at a cell's vertices of the units that cut it, and the vertices' bounds.

    Returns (units, reach, doubts): how many, by how much a value differs between two vertices at
    the most, and the number of vertices in doubt.
    """
    vertices, masks, starts, facets, planes = polytopes
    first, nv, forms = starts[cell], starts[cell + 1] - starts[cell], units.table[cell]
    here, mask = vertices[first : first + nv], masks[first : first + nv]
    values, errors, own, marked = work.values[0], work.errors[0], scratch.own, scratch.doubtful
    crossing, reach, waiting = 0, 0.0, 0
    enclose(here, nv, dimension, scratch.around.box)
    sides_on(units, cell, scratch.around)
    for k in range(nv):
        errors[k], marked[k] = 0.0, False
    for unit in range(forms.shape[0]):
        if twins[unit] >= 0 or scratch.around.sides[unit] != 0:
            continue
        for attempt in range(2):
            least, most, left = values_of(
                forms[unit], here, nv, dimension, known, cell, unit, (values[crossing], own, doubts)
            )
            if left == 0 or attempt == 1:
                break
            for k in doubts[:left]:
                sharpen(
                    here[k], mask[k], facets[cell], planes, units.table, dimension, scratch.newton
                )
        for k in doubts[:left]:
            marked[k] = True
        if left == 0 and least < 0 < most:
            crossing += 1
            reach = max(reach, most - least)  # pyright: ignore[reportOperatorIssue]
            for k in range(nv):
                errors[k] = max(errors[k], own[k])
    for k in range(nv):
        if marked[k]:
            doubts[waiting] = k
            waiting += 1
    return crossing, reach, waiting


@kernel()
def _sharpened(polytopes, table, cell, dimension, newton):
    """Place a cell's vertices more sharply; return whether it made a difference."""
    vertices, masks, starts, facets, planes = polytopes
    better = False
    for k in range(starts[cell], starts[cell + 1]):
        before = vertices[k, dimension + 1]
        if before > _SHARP:
            sharpen(vertices[k], masks[k], facets[cell], planes, table, dimension, newton)
            better = better or vertices[k, dimension + 1] < before / 8
    return better


@kernel(makes_arrays=True)
def count_flats(
    units, twins, known, polytopes, dimension, room, most_flats, counts, cursor, doubts
):
    """Fill the number of cells into which one layer cuts every cell of a batch.

    -1 where the hyperplanes are not certainly in general position inside the cell, or more than
    `most_flats` flats are possible. Returns DONE, PAUSE after much work, or DOUBT where the
    vertices `doubts` of the cell at the cursor are in doubt: call again. The cursor holds the next
    cell and the number of doubts.
    """
    masks, starts = polytopes[1], polytopes[2]
    cells, n = units.table.shape[0], units.table.shape[1]
    levels, done = dimension + 1, 0
    work = Sections(
        np.empty((levels, n, room)),
        np.empty((levels, room)),
        np.empty((levels, room, masks.shape[1]), dtype=np.uint64),
        np.empty((levels, _EDGES * room, 2), dtype=np.int64),
        np.empty((levels, room, 2), dtype=np.int64),
        np.empty((levels, room, 2)),
        np.empty((levels, 4), dtype=np.int64),
        np.empty((n, 2)),
    )
    scratch = _Scratch(
        np.empty(room),
        np.empty(room, dtype=np.bool_),
        around(dimension, n),
        workspace(dimension),
    )
    while cursor[0] < cells:
        if done > _WORK_AT_ONCE:
            return PAUSE
        cell = cursor[0]
        first, nv = starts[cell], starts[cell + 1] - starts[cell]
        crossing, reach, cursor[1] = _crossed(
            units, twins, known, polytopes, dimension, cell, doubts, work, scratch
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
                work.masks[0, k, w] = masks[first + k, w]
        work.todo[0, 2] = nv
        counts[cell] = _flats(dimension, crossing, reach, work)
        if counts[cell] < 0 and _sharpened(polytopes, units.table, cell, dimension, scratch.newton):
            cursor[0] -= 1
            continue
        done += 10 * max(counts[cell], 0)
    return DONE
