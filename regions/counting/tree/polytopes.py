"""Cuts cells given by their vertices.

A vertex carries homogeneous coordinates (y, t) and the set of facets it lies on, as bits; t = 0 is
a vertex at infinity. Two vertices span an edge if no third one lies on all the facets they share.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

TOLERANCE = 1e-12
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
def values_of(form, vertices, nv, tolerance, values):
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
def section_of(masks, nv, values, dimension, ends, shares, out_masks):
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
    size = section_of(mask, nv, values, dimension, ends, shares, new_masks)
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
    noise : (cells, n) array
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
            silent = norm <= noise[cell, i]
            for j in range(width):
                forms[cell, i, j] = 0.0 if silent else values[cell, j, i] / norm
            if silent:
                forms[cell, i, width - 1] = -1.0
            tolerance[cell, i] = TOLERANCE + (0.0 if silent else noise[cell, i] / norm)


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
            least, most = values_of(forms[cell, unit], here, nv, tolerance[cell, unit], values)
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
