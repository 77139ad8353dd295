"""The compiled core of the plane engine: convex polygons, cut unit by unit, depth first.

On a polygon every preactivation is affine, so its three coefficients, the unit's *map*, give its
value at every vertex.

The polygons still to be cut lie on one explicit stack, which makes the exploration resumable, its
memory proportional to its depth, and its interruption harmless. A node of the stack is a polygon
within a cell of the layers before `layer`, together with the units of `layer` that may still cut
it. When no unit is left the polygon is a cell of `layer`, and its maps for the next layer follow
from those of the cell before by rank-one updates: one for each unit that differs. Where a sign is
open the exploration stops with a question; after the answer it takes the same step again.

The last layer is not cut at all when only the number counts: c lines that cross a convex polygon
in chords make 1 + sum_j (1 + crossings of chord j with the chords before it) cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.below_kernel import (
    COARSE,
    FEW,
    STALE,
    STAMPED,
    descend_below,
    gather,
    restore_maps,
)
from regions.counting.plane.chord_kernel import count_chords
from regions.counting.plane.layer_kernel import doubt_of, errors_in, next_maps, sharpen, switch
from regions.counting.plane.polygon_kernel import (
    DECIDED,
    FIRST,
    LAST,
    LAYER,
    ROW,
    UNITS,
    UNITS_END,
    compiled,
    cut,
    inlined,
    inner,
)
from regions.counting.plane.settle_kernel import resolve
from regions.counting.plane.sign_kernel import classify, line_of, sift, signs_at

DONE, BUDGET, ROOM, FULL, ASKED = range(5)
FRESH = 2**40  # the units of a node's layer have not been looked at
MANY = 2000  # chords that are counted at once
_STEPS = 100_000_000  # values between two looks at the clock


class Found(NamedTuple):
    """Cells that were found: vertices and labels, where they end, patterns and output maps."""

    vertices: np.ndarray
    labels: np.ndarray
    ends: np.ndarray
    patterns: np.ndarray
    outputs: np.ndarray
    errors: np.ndarray


@inlined
def has_room(stack, node, top, widest):
    """Tell whether the stack has room for whatever the node at the top can push in one step."""
    k, depth = node[LAST] - node[FIRST], FEW + 3
    return (
        top + depth < len(stack.nodes)
        and node[LAST] + depth * (k + 2 * depth) < len(stack.vertices)
        and node[UNITS_END] + 3 * widest + depth * depth < len(stack.units)
    )


@inlined
def emit(chain, work, stack, found, cells, first, last):
    """Append the polygon at first:last, its pattern and its output map to `found`."""
    at, hidden = found.ends[cells], chain.unit_at[chain.layers]
    doubt = doubt_of(chain, work, chain.layers)
    for v in range(last - first):
        for i in range(ROW):
            found.vertices[at + v, i] = stack.vertices[first + v, i]
        found.labels[at + v] = stack.labels[first + v]
    found.ends[cells + 1] = at + last - first
    for i in range(hidden):
        found.patterns[cells, i] = work.active[i]
    for j in range(chain.sizes[chain.layers]):
        for axis in range(3):
            found.outputs[cells, axis, j] = work.maps[axis, hidden + j]
        found.errors[cells, 0, j], found.errors[cells, 1, j] = errors_in(
            doubt, work.errors, chain.biases, chain.slack, hidden + j
        )


@inlined
def split(chain, work, stack, top):
    """Cut the polygon on top by one of its units; leave both parts on the stack, return new top.

    -1 where a sign is open.
    """
    node, signs = stack.nodes[top - 1], stack.signs
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    start, end = node[UNITS], node[UNITS_END]
    pick = start + (7919 * (end - start) + 104729 * (last - first)) % (end - start)
    unit, line = stack.units[pick], work.line
    a = chain.unit_at[layer]
    line_of(chain, work, layer, a + unit, line)
    if not signs_at(chain, work, stack, layer, a + unit, line, first, last, signs):
        return -1
    stack.units[pick] = stack.units[end - 1]
    label = chain.units * work.cuts[0] + chain.first + a + unit
    work.cuts[0] += 1
    negative, positive = cut(stack, first, last, signs, line, label)
    middle = first + negative
    node[LAST], node[UNITS_END], node[DECIDED] = middle, end - 1, -1 - unit
    for u in range(start, end - 1):
        stack.units[end - 1 + u - start] = stack.units[u]
    upper = stack.nodes[top]
    upper[LAYER], upper[FIRST], upper[LAST] = layer, middle, middle + positive
    upper[UNITS], upper[UNITS_END], upper[DECIDED] = end - 1, 2 * (end - 1) - start, 1 + unit
    return top + 1


@inlined
def settle(chain, work, stack, node):
    """Set the unit by which the polygon was cut off, and keep the units that still cut it.

    Returns False where a sign is open.
    """
    layer, decided = node[LAYER], node[DECIDED]
    if decided == 0:
        return True
    a, start, end = chain.unit_at[layer], node[UNITS], node[UNITS_END]
    if decided == FRESH:
        end = classify(chain, work, stack, layer, node[FIRST], node[LAST], start)
    else:
        if decided != STALE:
            switch(chain, work, layer, a + abs(decided) - 1, decided > 0)
        end = sift(chain, work, stack, layer, node[FIRST], node[LAST], start, end)
    if end < 0:
        return False
    node[UNITS_END], node[DECIDED] = end, 0
    return True


@inner
def descend(chain, work, node):
    """Turn the cell in `node` into a polygon of the next layer."""
    layer = node[LAYER] + 1
    next_maps(chain, work, layer - 1)
    if max(work.inherited[0, layer], work.inherited[1, layer]) > COARSE:
        sharpen(chain, work, layer)
    node[LAYER] = layer
    if layer < chain.layers:
        node[DECIDED] = FRESH


@compiled
def explore(chain, work, stack, found, below, chords, top, budget):
    """Explore the stack until it is empty, `budget` cells are counted, or an array is full.

    With room in `found` (len(found.patterns) > 0) every cell is emitted, else they are counted.

    Returns
    -------
    reason : DONE, BUDGET, ROOM (the stack must grow), FULL (`found` must be emptied) or ASKED
        (`work.questions` must be answered)
    top : number of nodes left on the stack
    cells : number of cells counted or emitted in this call
    """
    listing, cells, widest = len(found.patterns) > 0, 0, 0
    for layer in range(chain.layers):
        widest = max(widest, chain.sizes[layer])
    steps, base, before = 0, -1, 0
    work.asked[0] = 0
    while top > 0:
        if top == base:  # all cells of the polygon at `base` are counted
            restore_maps(chain, work, below)
            top, base = top - 1, -1
            continue
        node = stack.nodes[top - 1]
        if base < 0:
            if cells >= budget or steps > _STEPS:
                return BUDGET, top, cells
            if not has_room(stack, node, top, widest):
                return ROOM, top, cells
        k, layer = node[LAST] - node[FIRST], node[LAYER]
        if listing and (
            cells >= len(found.patterns) or found.ends[cells] + k > len(found.vertices)
        ):
            return FULL, top, cells
        steps += k * (chain.sizes[layer] if node[DECIDED] == FRESH else 8)
        more = 0 if settle(chain, work, stack, node) else -1
        units = node[UNITS_END] - node[UNITS]
        steps += units * k
        if more < 0:
            pass
        elif layer == chain.layers:
            emit(chain, work, stack, found, cells, node[FIRST], node[LAST])
            more, top = 1, top - 1
        elif layer == chain.layers - 1 and not listing and units <= MANY:
            more = count_chords(chain, work, stack, chords, node)
            steps += units * units
            top -= more >= 0
        elif base < 0 and layer == chain.layers - 2 and not listing and units <= FEW:
            gather(chain, work, stack, top, below)
            steps += 4 * chain.sizes[layer + 1]
            base, before, top = top, cells, top + 1
        elif units == 0:
            if base >= 0:
                descend_below(chain, work, stack, node, below)
            else:
                descend(chain, work, node)
            steps += 2 * chain.sizes[layer] + chain.sizes[layer + 1]
        else:
            after = split(chain, work, stack, top)
            more, top = (0, after) if after > 0 else (-1, top)
        if more >= 0:
            cells += more
        elif not resolve(chain, work):
            if base < 0:
                return ASKED, top, cells
            restore_maps(chain, work, below)
            work.stamps[-1] = below.counts[STAMPED]
            return ASKED, base, before
    return DONE, top, cells


@compiled
def halve(chain, work, stack):
    """Split the only polygon on the stack, at whatever layer it is first cut; return the top.

    2 means that its two parts are on the stack, 1 that it is a single cell, -1 that a sign is open.
    """
    node = stack.nodes[0]
    work.asked[0] = 0
    while True:
        after = 0
        if settle(chain, work, stack, node):
            if node[UNITS] < node[UNITS_END]:
                after = split(chain, work, stack, 1)
            elif node[LAYER] == chain.layers - 1:
                return 1
            else:
                descend(chain, work, node)
                continue
        if after > 0:
            return after
        if not resolve(chain, work):
            return -1
