"""Cuts cells given by their vertices, by signs that are certain.

A vertex is the exact crossing of the facets it lies on, kept as bits. Two vertices span an edge if
no third one lies on all the facets they share, so all that numbers decide is on which side of a
form a vertex lies (see `signs`); where that is in doubt `split` returns and asks.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from regions.counting.tree.newton import NO_GRID, UNIT, buffers, sharpen
from regions.counting.tree.signs import (
    EXACT_BITS,
    VERTEX_EXTRA,
    enclose,
    place_of,
    side_of,
    values_of,
)
from regions.kernels import kernel

DONE, ROOM, DOUBT, PAUSE, WORDS = 0, 1, 2, 3, 4
WORK_AT_ONCE = 30_000_000


@intrinsic
def _ones(typingctx, word):
    """Return the number of set bits of a uint64, by the processor's own instruction."""

    def build(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


@kernel()
def _shared(a, b):
    count = 0
    for w in range(a.size):
        count += np.int64(_ones(a[w] & b[w]))  # type: ignore[call-arg]
    return count


@kernel()
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


@kernel()
def _new_facet(masks, nv):
    """Return (word, bit) of a facet number that no vertex of the cell uses, or (-1, 0)."""
    for w in range(masks.shape[1]):
        used = np.uint64(0)
        for k in range(nv):
            used |= masks[k, w]
        if used != np.uint64(0xFFFFFFFFFFFFFFFF):
            return w, ~used & (used + np.uint64(1))
    return -1, np.uint64(0)


@kernel()
def section_of(masks, nv, values, errors, dimension, ends, places, out_masks):
    """List the vertices of the cell's section by a hyperplane: (u, v, share) and their facets.

    The vertex lies at ``u + share * (v - u)``, `places` holds the share and its bound; u == v for
    a vertex of the cell itself. Returns their number, or -1 if `ends` is too short.
    """
    size, words, edge = 0, masks.shape[1], dimension - 1
    for u in range(nv):
        if values[u] < 0:
            continue
        if size + nv > ends.shape[0]:
            return -1
        if values[u] == 0:
            ends[size, 0], ends[size, 1] = u, u
            places[size, 0] = places[size, 1] = 0.0
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
                share, off = place_of(values[u], errors[u], -values[v], errors[v])
                places[size, 0], places[size, 1] = share, off
                for w in range(words):
                    out_masks[size, w] = masks[u, w] & masks[v, w]
                size += 1
    return size


@kernel()
def _divisor(a, b):
    while b:
        a, b = b, a % b
    return a


@kernel()
def _exact_vertex(u, v, p, q, form, d, out):
    """Write where the edge from u to v meets a form, in integers; False if they are too long.

    The form's values are p > 0 at u and -q < 0 at v, so the vertex is q u + p v.
    """
    scale_u, scale_v = 2.0 ** u[d + 2], 2.0 ** v[d + 2]
    scale = 2.0 ** form[d + 5]
    at_u, at_v = np.int64(p * scale * scale_u), np.int64(q * scale * scale_v)
    common, largest = np.int64(0), np.int64(0)
    for j in range(d + 1):
        number = abs(at_u * np.int64(v[j] * scale_v) + at_v * np.int64(u[j] * scale_u))
        common, largest = _divisor(common, number), max(largest, number)
    bits = np.ceil(np.log2(np.float64(largest // common))) + 1.0
    if bits > 53.0:
        return False
    for j in range(d + 1):
        number = at_u * np.int64(v[j] * scale_v) + at_v * np.int64(u[j] * scale_u)
        out[j] = np.float64(number // common) * 2.0**-bits
    out[d + 1], out[d + 2], out[d + 3] = 0.0, bits, -1.0
    return True


@kernel()
def _fill_section(vertices, ends, places, size, form, values, d, out):
    """Write the section's vertices to `out`."""
    for k in range(size):
        u, v = ends[k, 0], ends[k, 1]
        if u == v:
            for j in range(d + VERTEX_EXTRA):
                out[k, j] = vertices[u, j]
            continue
        if form[d + 5] + vertices[u, d + 2] + vertices[v, d + 2] <= EXACT_BITS and _exact_vertex(
            vertices[u], vertices[v], values[u], -values[v], form, d, out[k]
        ):
            continue
        share, span, largest = places[k, 0], 0.0, 0.0
        for j in range(d + 1):
            step = vertices[v, j] - vertices[u, j]
            out[k, j] = vertices[u, j] + share * step
            span, largest = max(span, abs(step)), max(largest, abs(out[k, j]))
        error = max(vertices[u, d + 1], vertices[v, d + 1]) + places[k, 1] * span
        out[k, d + 1] = (error + UNIT * (largest + 4 * span)) * (1 + 16 * UNIT)
        out[k, d + 2], out[k, d + 3] = NO_GRID, -1.0
        if 0.0 < largest < 0.5:  # only in open domains
            scale = 2.0 ** -np.ceil(np.log2(largest))
            for j in range(d + 2):
                out[k, j] *= scale


@kernel()
def _copy(vertices, masks, first, count, out, out_masks, at):
    """Copy so many vertices and their masks: loops, as slices take seconds to compile."""
    for k in range(count):
        for j in range(vertices.shape[1]):
            out[at + k, j] = vertices[first + k, j]
        for w in range(masks.shape[1]):
            out_masks[at + k, w] = masks[first + k, w]


@kernel()
def _copy_row(rows, row, out, at):
    for j in range(rows.shape[1]):
        out[at, j] = rows[row, j]


@kernel()
def _copy_facets(facets, masks, nv, out):
    """Copy what the bits in use stand for, and 0 for the others."""
    for w in range(masks.shape[1]):
        used = np.uint64(0)
        for k in range(nv):
            used |= masks[k, w]
        for bit in range(64):
            at = 64 * w + bit
            out[at] = facets[at] if used >> np.uint64(bit) & np.uint64(1) else 0


@kernel()
def renumbered(facets, total):
    """Return facets with new numbers, 0, 1, ..., and the old numbers in this order."""
    place, out = np.full(total, -1), np.empty_like(facets)
    used, count = np.empty(min(total, facets.size), dtype=np.int64), 0
    for cell in range(facets.shape[0]):
        for bit in range(facets.shape[1]):
            old = facets[cell, bit]
            if place[old] < 0:
                place[old], used[count] = count, old
                count += 1
            out[cell, bit] = place[old]
    return out, used[:count]


@kernel()
def cut(here, mask, nv, form, values, errors, dimension, section, room):
    """Replace a polytope by its two sides, the positive one first.

    `here` and `mask` begin with its `nv` vertices and go on to the end of the buffer. `section` is
    (ends, places, masks, vertices, spare vertices, spare masks). Returns the sizes of both sides
    and the number of the new facet; a number of -1 if a buffer is too short, -2 if facet numbers
    run out (nothing changed).
    """
    ends, places, new_masks, new, spare, spare_masks = section
    word, bit = _new_facet(mask, nv)
    if word < 0:
        return 0, 0, -2
    size = section_of(mask, nv, values, errors, dimension, ends, places, new_masks)
    if size < 0 or 2 * (nv + size) > min(room, spare.shape[0]):
        return 0, 0, -1
    _fill_section(here, ends, places, size, form, values, dimension, new)
    for k in range(size):
        new_masks[k, word] |= bit
    plus = minus = 0
    for u in range(nv):
        if values[u] < 0:
            _copy(here, mask, u, 1, spare, spare_masks, minus)
            minus += 1
        elif values[u] > 0:
            if plus < u:
                _copy(here, mask, u, 1, here, mask, plus)
            plus += 1
    _copy(new, new_masks, 0, size, here, mask, plus)
    plus += size
    _copy(spare, spare_masks, 0, minus, here, mask, plus)
    _copy(new, new_masks, 0, size, here, mask, plus + minus)
    facet = 64 * word + np.int64(_ones(bit - np.uint64(1)))  # type: ignore[call-arg]
    return plus, minus + size, facet


@kernel()
def _signed(least, most, twin, twin_sign, signs):
    """Return a unit's sign on a cell that it does not cut; -2 where it is zero all over."""
    if twin >= 0:
        before = signs[twin]
        return before if before == -2 else np.int8(before * twin_sign)
    if most > 0:
        return np.int8(1)
    return np.int8(-1) if least < 0 else np.int8(-2)


@kernel()
def split(forms, stage, known, polytopes, dimension, cursor, stack, budget, out, order):
    """Cut a batch of cells by all units of one layer, depth first.

    Parameters
    ----------
    forms : (cells, n, d + 6) array
        From `signs.normalise`.
    stage : (twins, twin signs)
        For each unit an earlier one of which it is always a multiple, or -1, and the sign.
    known : (signs, owners)
        Signs of every unit at settled vertices, by the vertices' numbers, on the cell `owner`.
    polytopes : (vertices, masks, starts, facets, planes)
        See `corners.VertexCells`. New facets are numbered on: those of unit i on a cell get
        ``len(planes) + cell * n + i``.
    dimension : int
    cursor : (3,) array
        Next cell, stack height, doubts; kept between calls, zeros at first.
    stack : (vertices, masks, facets, starts, next unit, signs, doubts) of the cells still to do
    budget : int
        Return after so many children, even if cells are left.
    out : (owner, signs, starts, vertices, masks, facets) to fill, or empty arrays to count alone
    order : int array
        The cells to cut.

    Returns
    -------
    (code, children)
        DONE; PAUSE after much work; ROOM or WORDS if a buffer or the facets' bits are too few;
        DOUBT if the vertices `doubts` of the top cell are in doubt. Nothing is lost: call again.
    """
    vertices, masks, starts, facets, planes = polytopes
    s_vertices, s_masks, s_facets, s_start, s_unit, s_sign, doubts = stack
    o_owner, o_sign, o_start, o_vertices, o_masks, o_facets = out
    twins, twin_signs = stage
    n, d, room = forms.shape[1], dimension, s_vertices.shape[0]
    keep = o_owner.size > 0
    values, errors = np.empty(room), np.empty(room)
    section = (
        np.empty((room, 2), dtype=np.int64),
        np.empty((room, 2)),
        np.empty_like(s_masks),
        np.empty_like(s_vertices),
        np.empty_like(s_vertices),
        np.empty_like(s_masks),
    )
    places, box = buffers(d), np.empty((2, d + 1))
    children = used = work = 0
    while children < budget:
        if work > WORK_AT_ONCE:
            return PAUSE, children
        if cursor[1] == 0:
            if cursor[0] == order.size:
                break
            cell = order[cursor[0]]
            first, size = starts[cell], starts[cell + 1] - starts[cell]
            if size > room:
                return ROOM, children
            _copy(vertices, masks, first, size, s_vertices, s_masks, 0)
            _copy_row(facets, cell, s_facets, 0)
            s_start[0], s_start[1], s_unit[0] = 0, size, 0
            cursor[0] += 1
            cursor[1] = 1
        top, cell = cursor[1] - 1, order[cursor[0] - 1]
        begin, unit = s_start[top], s_unit[top]
        nv = s_start[top + 1] - begin
        here, mask = s_vertices[begin:], s_masks[begin:]
        enclose(here, nv, d, box)
        while unit < n:
            form, side, least, most = forms[cell, unit], 0, 0.0, 0.0
            if twins[unit] < 0:
                side = side_of(form, box, d)
                least, most = min(side, 0.0), max(side, 0.0)
            if twins[unit] < 0 and side == 0:
                for attempt in range(2):
                    least, most, cursor[2] = values_of(
                        form, here, nv, d, known, cell, unit, (values, errors, doubts)
                    )
                    work += nv
                    if cursor[2] == 0 or attempt == 1:
                        break
                    for k in doubts[: cursor[2]]:
                        sharpen(here[k], mask[k], s_facets[top], planes, forms, d, places)
                if cursor[2] > 0:
                    s_unit[top] = unit
                    return DOUBT, children
                if least < 0 < most:
                    break
            s_sign[top, unit] = _signed(least, most, twins[unit], twin_signs[unit], s_sign[top])
            unit += 1
        s_unit[top] = unit
        if unit == n:
            if keep:
                if used + nv > o_vertices.shape[0]:
                    return ROOM, children
                o_owner[children] = cell
                _copy_row(s_sign, top, o_sign, children)
                _copy(here, mask, 0, nv, o_vertices, o_masks, used)
                _copy_facets(s_facets[top], mask, nv, o_facets[children])
                used += nv
                o_start[children + 1] = used
            children += 1
            cursor[1] = top
            continue
        plus, minus, facet = cut(here, mask, nv, form, values, errors, d, section, room - begin)
        if facet < 0:
            return (ROOM if facet == -1 else WORDS), children
        work += nv * nv
        s_start[top + 1], s_start[top + 2] = begin + plus, begin + plus + minus
        s_unit[top] = s_unit[top + 1] = unit + 1
        _copy_row(s_sign, top, s_sign, top + 1)
        s_sign[top, unit], s_sign[top + 1, unit] = 1, -1
        _copy_row(s_facets, top, s_facets, top + 1)
        s_facets[top, facet] = s_facets[top + 1, facet] = planes.shape[0] + cell * n + unit
        cursor[1] = top + 2
    return DONE, children
