"""Cuts cells given by their vertices, and counts the cells of one layer from flats alone.

A vertex carries homogeneous coordinates (y, t) and the set of facets it lies on, as bits; t = 0 is
a vertex at infinity. Two vertices span an edge if no third one lies on all the facets they share.

The cells that hyperplanes in general position cut out of a convex cell are as many as the flats
(intersections of hyperplanes, the whole space included) that meet its interior: every flat has
Moebius value +-1 [1]_. So the last layer needs no cells, only slices of slices, down to segments.

.. [1] T. Zaslavsky, Facing up to arrangements, Memoirs AMS 154 (1975).
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

TOLERANCE = 1e-12
_SAME = 1e-9
DONE, ROOM, DOUBT = 0, 1, 2


@intrinsic
def _ones(typingctx, word):
    """Return the number of set bits of a uint64, by the processor's own instruction."""

    def build(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


@njit(cache=True)
def _shared(a, b):
    count = 0
    for w in range(a.size):
        count += np.int64(_ones(a[w] & b[w]))  # type: ignore[call-arg]
    return count


@njit(cache=True)
def _alone(masks, nv, u, v):
    """Tell whether no third vertex lies on all facets that `u` and `v` share."""
    for k in range(nv):
        if k == u or k == v:
            continue
        inside = True
        for w in range(masks.shape[1]):
            if masks[u, w] & masks[v, w] & ~masks[k, w]:
                inside = False
                break
        if inside:
            return False
    return True


@njit(cache=True)
def _values(form, vertices, nv, tolerance, values):
    """Fill the form's values, zero within the tolerance; return whether both signs occur."""
    least = most = 0.0
    for k in range(nv):
        value = 0.0
        for j in range(form.size):
            value += form[j] * vertices[k, j]
        if abs(value) <= tolerance:
            value = 0.0
        values[k] = value
        least, most = min(least, value), max(most, value)
    return least, most


@njit(cache=True)
def _new_facet(masks, nv):
    """Return (word, bit) of a facet number that no vertex of the cell uses, or (-1, 0)."""
    for w in range(masks.shape[1]):
        used = np.uint64(0)
        for k in range(nv):
            used |= masks[k, w]
        if used != np.uint64(0xFFFFFFFFFFFFFFFF):
            return w, ~used & (used + np.uint64(1))
    return -1, np.uint64(0)


@njit(cache=True)
def _section(masks, nv, values, dimension, ends, shares, out_masks):
    """List the vertices of the cell's section by a hyperplane: (u, v, share) and their facets.

    The vertex lies at ``u + share * (v - u)``; u == v for a vertex of the cell itself. Returns
    their number, or -1 if `ends` is too short.
    """
    size, words, edge = 0, masks.shape[1], dimension - 1
    for u in range(nv):
        if values[u] < 0:
            continue
        if size + nv > ends.shape[0]:
            return -1
        if values[u] == 0:
            ends[size, 0], ends[size, 1], shares[size] = u, u, 0.0
            for w in range(words):
                out_masks[size, w] = masks[u, w]
            size += 1
            continue
        # on a simple vertex every dimension - 1 facets span an edge
        simple = _shared(masks[u], masks[u]) == dimension
        for v in range(nv):
            if values[v] >= 0 or _shared(masks[u], masks[v]) < edge:
                continue
            if simple or _alone(masks, nv, u, v):
                ends[size, 0], ends[size, 1] = u, v
                shares[size] = values[u] / (values[u] - values[v])
                for w in range(words):
                    out_masks[size, w] = masks[u, w] & masks[v, w]
                size += 1
    return size


@njit(cache=True)
def _fill_section(vertices, ends, shares, size, out):
    """Write the coordinates of the section's vertices to `out`."""
    last = vertices.shape[1] - 1
    for k in range(size):
        u, v, share = ends[k, 0], ends[k, 1], shares[k]
        largest = 0.0
        for j in range(last + 1):
            out[k, j] = vertices[u, j] + share * (vertices[v, j] - vertices[u, j])
            largest = max(largest, abs(out[k, j]))
        if out[k, last] < 0.5 and u != v:  # only in open domains
            for j in range(last + 1):
                out[k, j] /= largest


@njit(cache=True)
def cut(here, mask, nv, values, dimension, section, room):
    """Replace a polytope by its two sides, the positive one first.

    `here` and `mask` begin with its `nv` vertices and go on to the end of the buffer. `section` is
    (ends, shares, masks, vertices, spare vertices, spare masks). Returns the sizes of both sides;
    (-1, 0) if a buffer is too short (nothing changed), (-2, 0) if the cell is inconsistent or has
    too many facets.
    """
    ends, shares, new_masks, new, spare, spare_masks = section
    word, bit = _new_facet(mask, nv)
    size = _section(mask, nv, values, dimension, ends, shares, new_masks)
    if size < 0 or 2 * (nv + size) > min(room, spare.shape[0]):
        return -1, 0
    if word < 0 or size < dimension:
        return -2, 0
    _fill_section(here, ends, shares, size, new)
    for k in range(size):
        new_masks[k, word] |= bit
    plus = minus = 0
    for u in range(nv):
        if values[u] < 0:
            spare[minus], spare_masks[minus] = here[u], mask[u]
            minus += 1
        elif values[u] > 0:
            if plus < u:
                here[plus], mask[plus] = here[u], mask[u]
            plus += 1
    here[plus : plus + size], mask[plus : plus + size] = new[:size], new_masks[:size]
    plus += size
    here[plus : plus + minus], mask[plus : plus + minus] = spare[:minus], spare_masks[:minus]
    first = plus + minus
    here[first : first + size], mask[first : first + size] = new[:size], new_masks[:size]
    return plus, minus + size


@njit(cache=True)
def normalise(values, noise, forms, tolerance):
    """Write unit-norm forms of every unit on every cell, and what counts as zero for each.

    Parameters
    ----------
    values : (cells, d + 1, n) array
        The units' coefficients as the network gives them.
    noise : (n,) array
    forms : (cells, n, d + 1) array to fill
        A form that is zero up to rounding becomes the constant -1.
    tolerance : (cells, n) array to fill
    """
    cells, width, n = values.shape
    for cell in range(cells):
        for i in range(n):
            norm = 0.0
            for j in range(width):
                norm += values[cell, j, i] ** 2
            norm = np.sqrt(norm)
            silent = norm <= noise[i]
            for j in range(width):
                forms[cell, i, j] = 0.0 if silent else values[cell, j, i] / norm
            if silent:
                forms[cell, i, width - 1] = -1.0
            tolerance[cell, i] = TOLERANCE + (0.0 if silent else noise[i] / norm)


@njit(cache=True)
def split(forms, tolerance, polytopes, dimension, cursor, stack, budget, out):
    """Cut a batch of cells by all units of one layer, depth first.

    Parameters
    ----------
    forms, tolerance : (cells, n, d + 1) and (cells, n) arrays
        From `normalise`.
    polytopes : (vertices, masks, starts)
        The vertices of all cells one after the other.
    dimension : int
    cursor : (2,) array
        Next cell and stack height; kept between calls, (0, 0) at first.
    stack : (vertices, masks, starts, next unit, signs) of the cells still to do
    budget : int
        Return after so many children, even if cells are left.
    out : (owner, signs, starts, vertices, masks) to fill, or empty arrays for counting alone

    Returns
    -------
    (code, children)
        DONE; ROOM if a buffer is too small (nothing is lost: call again with a larger stack or an
        emptied `out`); DOUBT if facet numbers run out or rounding made a cell inconsistent.
    """
    vertices, masks, starts = polytopes
    s_vertices, s_masks, s_start, s_unit, s_sign = stack
    o_owner, o_sign, o_start, o_vertices, o_masks = out
    cells, n = forms.shape[0], forms.shape[1]
    room, keep = s_vertices.shape[0], o_owner.size > 0
    values = np.empty(room)
    section = (
        np.empty((room, 2), dtype=np.int64),
        np.empty(room),
        np.empty_like(s_masks),
        np.empty_like(s_vertices),
        np.empty_like(s_vertices),
        np.empty_like(s_masks),
    )
    children = used = 0
    while children < budget:
        if cursor[1] == 0:
            if cursor[0] == cells:
                break
            first, size = starts[cursor[0]], starts[cursor[0] + 1] - starts[cursor[0]]
            if size > room:
                return ROOM, children
            s_vertices[:size] = vertices[first : first + size]
            s_masks[:size] = masks[first : first + size]
            s_start[0], s_start[1], s_unit[0] = 0, size, 0
            cursor[0] += 1
            cursor[1] = 1
        top, cell = cursor[1] - 1, cursor[0] - 1
        begin, unit = s_start[top], s_unit[top]
        nv = s_start[top + 1] - begin
        here, mask = s_vertices[begin:], s_masks[begin:]
        while unit < n:
            least, most = _values(forms[cell, unit], here, nv, tolerance[cell, unit], values)
            if least < 0 < most:
                break
            s_sign[top, unit] = 1 if most > 0 else -1
            unit += 1
        s_unit[top] = unit
        if unit == n:
            if keep:
                if used + nv > o_vertices.shape[0]:
                    return ROOM, children
                o_owner[children], o_sign[children] = cell, s_sign[top]
                o_vertices[used : used + nv] = here[:nv]
                o_masks[used : used + nv] = mask[:nv]
                used += nv
                o_start[children + 1] = used
            children += 1
            cursor[1] = top
            continue
        plus, minus = cut(here, mask, nv, values, dimension, section, room - begin)
        if plus < 0:
            return (ROOM if plus == -1 else DOUBT), children
        s_start[top + 1], s_start[top + 2] = begin + plus, begin + plus + minus
        s_unit[top] = s_unit[top + 1] = unit + 1
        s_sign[top + 1, :unit] = s_sign[top, :unit]
        s_sign[top, unit], s_sign[top + 1, unit] = 1, -1
        cursor[1] = top + 2
    return DONE, children


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
        size = _section(
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
            least, most = _values(
                forms[cell, unit], here, nv, tolerance[cell, unit], values[0, crossing]
            )
            if least < 0 < most:
                crossing += 1
        if _largest_count(crossing, dimension) > most_flats:
            counts[cell] = -1
            continue
        level_masks[0, :nv] = masks[first : first + nv]
        counts[cell] = _flats(dimension, nv, crossing, work)
