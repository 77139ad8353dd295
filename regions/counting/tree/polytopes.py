"""Cuts cells given by their vertices, by signs that are certain.

A vertex is the exact crossing of the facets it lies on, kept as bits. Two vertices span an edge if
no third one lies on all the facets they share, so all that numbers decide is on which side of a
form a vertex lies (see `signs`); where that is in doubt `split` returns and asks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.tree.bits import lowest, union
from regions.counting.tree.edges import section_of
from regions.counting.tree.newton import NO_GRID, UNIT, Workspace, sharpen, workspace
from regions.counting.tree.signs import (
    EXACT_BITS,
    FORM_EXTRA,
    VERTEX_EXTRA,
    Around,
    around,
    enclose,
    side_of,
    sides_on,
    values_of,
)
from regions.kernels import kernel

DONE, ROOM, DOUBT, PAUSE, WORDS = 0, 1, 2, 3, 4
WORK_AT_ONCE = 30_000_000
_BLUNT = 1e-7  # vertices that are less certain than this are placed anew,
_WORTH = 1024.0  # and than the forms themselves by so much


class _Scratch(NamedTuple):
    """What is known of the top cell and the unit at hand, and of its section.

    `sides` are those on which all of the cell lies that is being cut; the box is that of the top.
    """

    values: np.ndarray
    errors: np.ndarray
    around: Around
    ends: np.ndarray
    places: np.ndarray
    masks: np.ndarray
    vertices: np.ndarray
    spare: np.ndarray
    spare_masks: np.ndarray
    newton: Workspace


@kernel()
def _new_facet(masks, nv):
    """Return the number of a facet that no vertex of the cell uses, or -1."""
    for w in range(masks.shape[1]):
        used = union(masks, nv, w)
        if used != np.uint64(0xFFFFFFFFFFFFFFFF):
            return 64 * w + lowest(~used)
    return -1


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
def _copy_facets(facets, row, masks, nv, out, at):
    """Copy what the bits in use stand for, and 0 for the others."""
    for w in range(masks.shape[1]):
        used = union(masks, nv, w)
        for bit in range(64):
            kept = used >> np.uint64(bit) & np.uint64(1)
            out[at, 64 * w + bit] = facets[row, 64 * w + bit] if kept else 0


@kernel(makes_arrays=True)
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
def _cut(cells, table, unit, top, stack, scratch, cell):
    """Replace the cell on top by its two sides, the positive one first.

    Returns DONE; ROOM if a buffer is too short, WORDS if facet numbers run out (nothing changed).
    """
    begin, d = stack.starts[top], table.shape[2] - FORM_EXTRA
    here, mask, nv = stack.vertices[begin:], stack.masks[begin:], stack.starts[top + 1] - begin
    values, new, new_masks = scratch.values, scratch.vertices, scratch.masks
    facet = _new_facet(mask, nv)
    if facet < 0:
        return WORDS
    size = section_of(mask, nv, values, scratch.errors, d, scratch.ends, scratch.places, new_masks)
    if size < 0 or 2 * (nv + size) > here.shape[0]:
        return ROOM
    _fill_section(here, scratch.ends, scratch.places, size, table[cell, unit], values, d, new)
    labels = stack.facets[top]
    blunt = _BLUNT + _WORTH * table[cell, unit, d + 2]
    labels[facet] = cells.planes.shape[0] + cell * table.shape[1] + unit
    for k in range(size):
        new_masks[k, facet // 64] |= np.uint64(1) << np.uint64(facet % 64)
        if new[k, d + 1] > blunt:
            sharpen(new[k], new_masks[k], labels, cells.planes, table, d, scratch.newton)
    plus = minus = 0
    for u in range(nv):
        if values[u] < 0:
            _copy(here, mask, u, 1, scratch.spare, scratch.spare_masks, minus)
            minus += 1
        elif values[u] > 0:
            if plus < u:
                _copy(here, mask, u, 1, here, mask, plus)
            plus += 1
    _copy(new, new_masks, 0, size, here, mask, plus)
    plus += size
    _copy(scratch.spare, scratch.spare_masks, 0, minus, here, mask, plus)
    _copy(new, new_masks, 0, size, here, mask, plus + minus)
    stack.starts[top + 1], stack.starts[top + 2] = begin + plus, begin + plus + minus + size
    stack.units[top] = stack.units[top + 1] = unit + 1
    _copy_row(stack.signs, top, stack.signs, top + 1)
    stack.signs[top, unit], stack.signs[top + 1, unit] = 1, -1
    _copy_row(stack.facets, top, stack.facets, top + 1)
    return DONE


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
def _next_cut(cells, table, stage, known, cell, cursor, stack, scratch):
    """Give the cell on top the signs of units up to the next one that cuts it, or is in doubt.

    Returns how much work it was; the unit, or that there is none, is noted on the stack.
    """
    twins, twin_signs = stage
    top, d, work = cursor[1] - 1, table.shape[2] - FORM_EXTRA, 0
    begin, unit = stack.starts[top], stack.units[top]
    here, mask, nv = stack.vertices[begin:], stack.masks[begin:], stack.starts[top + 1] - begin
    into = scratch.values, scratch.errors, stack.doubts
    cursor[2] = 0
    enclose(here, nv, d, scratch.around.box)
    while unit < table.shape[1]:
        form, side, least, most = table[cell, unit], scratch.around.sides[unit], 0.0, 0.0
        if twins[unit] < 0:
            if side == 0:
                side = side_of(form, scratch.around.box, d)
            least, most = min(side, 0.0), max(side, 0.0)
        if twins[unit] < 0 and side == 0:
            for attempt in range(2):
                least, most, cursor[2] = values_of(form, here, nv, d, known, cell, unit, into)
                work += nv
                if cursor[2] == 0 or attempt == 1:
                    break
                for k in stack.doubts[: cursor[2]]:
                    sharpen(
                        here[k], mask[k], stack.facets[top], cells.planes, table, d, scratch.newton
                    )
            if cursor[2] > 0 or least < 0 < most:
                break
        stack.signs[top, unit] = _signed(
            least, most, twins[unit], twin_signs[unit], stack.signs[top]
        )
        unit += 1
    stack.units[top] = unit
    return work


@kernel()
def _start(units, cells, cell, scratch):
    """Fill the sides of the units on which all of a cell lies; return its number of vertices."""
    first, size = cells.starts[cell], cells.starts[cell + 1] - cells.starts[cell]
    d = units.values.shape[1] - 1
    enclose(cells.vertices[first:], size, d, scratch.around.box)
    sides_on(units, cell, scratch.around)
    return size


@kernel()
def _emit(cell, stack, top, out, child):
    """Write the cell on top as a child; return whether there was room."""
    begin, used = stack.starts[top], out.starts[child]
    nv = stack.starts[top + 1] - begin
    if used + nv > out.vertices.shape[0]:
        return False
    out.owner[child] = cell
    _copy_row(stack.signs, top, out.signs, child)
    _copy(stack.vertices, stack.masks, begin, nv, out.vertices, out.masks, used)
    _copy_facets(stack.facets, top, stack.masks[begin:], nv, out.facets, child)
    out.starts[child + 1] = used + nv
    return True


@kernel(makes_arrays=True)
def split(units, stage, known, cells, cursor, stack, budget, out, order):
    """Cut a batch of cells by all units of one layer, depth first.

    Parameters
    ----------
    units : UnitForms
    stage : (twins, twin signs)
        For each unit an earlier one of which it is always a multiple, or -1, and the sign.
    known : (signs, owners)
        Signs of every unit at settled vertices, by the vertices' numbers, on the cell `owner`.
    cells : Polytopes
        New facets are numbered on: those of unit i on a cell get ``len(planes) + cell * n + i``.
    cursor : (3,) array
        Next cell, stack height, doubts; kept between calls, zeros at first.
    stack : Stack
    budget : int
        Return after so many children, even if cells are left.
    out : Children
    order : int array
        The cells to cut.

    Returns
    -------
    (code, children)
        DONE; PAUSE after much work; ROOM or WORDS if a buffer or the facets' bits are too few;
        DOUBT if vertices of the top cell are in doubt. Nothing is lost: call again.
    """
    table, room, words = units.table, stack.vertices.shape[0], stack.masks.shape[1]
    n, d = table.shape[1], table.shape[2] - FORM_EXTRA
    scratch = _Scratch(
        np.empty(room),
        np.empty(room),
        around(d, n),
        np.empty((room, 2), dtype=np.int64),
        np.empty((room, 2)),
        np.empty((room, words), dtype=np.uint64),
        np.empty((room, d + VERTEX_EXTRA)),
        np.empty((room, d + VERTEX_EXTRA)),
        np.empty((room, words), dtype=np.uint64),
        workspace(d),
    )
    children = work = 0
    if cursor[1] > 0:
        _start(units, cells, order[cursor[0] - 1], scratch)
    while children < budget:
        if work > WORK_AT_ONCE:
            return PAUSE, children
        if cursor[1] == 0:
            if cursor[0] == order.size:
                break
            cell = order[cursor[0]]
            first, size = cells.starts[cell], _start(units, cells, cell, scratch)
            if size > room:
                return ROOM, children
            _copy(cells.vertices, cells.masks, first, size, stack.vertices, stack.masks, 0)
            _copy_row(cells.facets, cell, stack.facets, 0)
            stack.starts[0], stack.starts[1], stack.units[0] = 0, size, 0
            cursor[0] += 1
            cursor[1] = 1
        top, cell = cursor[1] - 1, order[cursor[0] - 1]
        work += _next_cut(cells, table, stage, known, cell, cursor, stack, scratch)
        if cursor[2] > 0:
            return DOUBT, children
        unit = stack.units[top]
        if unit == n:
            if out.owner.size > 0 and not _emit(cell, stack, top, out, children):
                return ROOM, children
            children += 1
            cursor[1] = top
            continue
        nv = stack.starts[top + 1] - stack.starts[top]
        code = _cut(cells, table, unit, top, stack, scratch, cell)
        if code != DONE:
            return code, children
        work += nv * nv
        cursor[1] = top + 2
    return DONE, children
