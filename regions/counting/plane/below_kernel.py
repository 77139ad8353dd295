"""The compiled count of the regions of one polygon that few units of the last layer but one cut.

Most units of the last layer cut none of its cells: bounds over the whole polygon leave a few
candidates, and only their maps follow from cell to cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.layer_kernel import follow, next_maps, sharpen, sizes, switch
from regions.counting.plane.polygon_kernel import (
    DECIDED,
    FIRST,
    LAST,
    LAYER,
    ROW,
    UNITS,
    UNITS_END,
    X,
    Y,
    inlined,
)
from regions.counting.plane.sign_kernel import farthest, line_of, reach, reaches, spans, value

FEW = 20  # units of the last but one layer that are looked at together
COARSE = 1e-7  # maps that inherit larger errors are made anew, with sharper bounds
STALE = 2**41  # the units in a node's list have not been looked at
TURNING, CHOSEN, STAMPED, MADE = range(4)


class Below(NamedTuple):
    """Regions of one polygon that are being counted, cut by few units of the last layer but one."""

    units: np.ndarray  # (FEW,): those units
    stray: np.ndarray  # (FEW,): how far each goes, on one side, from what it is on the other
    chosen: np.ndarray  # (units,): units of the last layer that may cut the polygon
    maps: np.ndarray  # (3, units): their maps when it began
    used: np.ndarray  # (units,): multipliers with which the last layer's maps were made then
    counts: np.ndarray  # (4,): numbers of both, and of stamps and of sharp layers then


@inlined
def refer(chain, work, stack, node, stray):
    """Make the maps of the next layer at the polygon's middle; bound how far units can stray.

    A unit that cuts the polygon strays, on the other side of its line, from what it is at the
    middle; `stray` gets the largest such difference for each unit of the node. Returns the sizes
    of the terms and of the errors that no cell of the polygon exceeds.
    """
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    start, end = node[UNITS], node[UNITS_END]
    a, slope, line = chain.unit_at[layer], chain.slopes[layer], work.line
    for u in range(start, end):
        work.multiplier[a + stack.units[u]] = max(1.0, abs(slope))
    whole = sizes(chain, work, layer)
    far = farthest(stack, first, last)
    for u in range(start, end):
        unit, middle, low, high = a + stack.units[u], 0.0, np.inf, -np.inf
        line_of(chain, work, layer, unit, line)
        for v in range(first, last):
            z = value(line, stack.vertices[v, X], stack.vertices[v, Y])
            middle, low, high = middle + z, min(low, z), max(high, z)
        switch(chain, work, layer, unit, middle > 0.0)
        stray[u - start] = abs(1.0 - slope) * (
            max(-low if middle > 0.0 else high, 0.0) + reach(line, far)
        )
    next_maps(chain, work, layer)
    return whole


@inlined
def candidates(chain, work, stack, node, stray, chosen):
    """List in `chosen` the units of the next layer that may cut the polygon; return how many."""
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    a, m, found = chain.unit_at[layer + 1], chain.sizes[layer + 1], 0
    low, high = work.low, work.high
    spans(chain, work, stack, layer + 1, first, last)
    start = chain.weight_at[layer]
    for u in range(node[UNITS_END] - node[UNITS]):
        at = start + stack.units[node[UNITS] + u] * m
        row, much = chain.weights[at : at + m], 1.0001 * stray[u]
        for i in range(m):
            spread = abs(row[i]) * much
            low[i] -= spread
            high[i] += spread
    reaches(chain, work, layer + 1, farthest(stack, first, last))
    bound, maps, errors, sharp = work.bound, work.maps, work.errors, work.sharp[layer + 1]
    for i in range(m):
        much = 1.0001 * bound[i]
        if low[i] > much or high[i] < -much:
            continue
        if not low[i] < 0.0 < high[i]:
            if not sharp:
                return -1  # sharper bounds may tell
            zero = maps[0, a + i] == maps[1, a + i] == maps[2, a + i] == 0.0
            if zero and low[i] == high[i] == errors[0, a + i] == errors[1, a + i] == 0.0:
                continue  # it is zero on the whole polygon
        chosen[found] = i
        found += 1
    return found


@inlined
def copied(stack, top):
    """Push a copy of the node on top."""
    node, upper = stack.nodes[top - 1], stack.nodes[top]
    first, last, start, end = node[FIRST], node[LAST], node[UNITS], node[UNITS_END]
    k, n = last - first, end - start
    for v in range(first, last):
        for i in range(ROW):
            stack.vertices[v + k, i] = stack.vertices[v, i]
        stack.labels[v + k] = stack.labels[v]
    for u in range(start, end):
        stack.units[u + n] = stack.units[u]
    upper[LAYER], upper[DECIDED] = node[LAYER], node[DECIDED]
    upper[FIRST], upper[LAST], upper[UNITS], upper[UNITS_END] = last, last + k, end, end + n


@inlined
def gather(chain, work, stack, top, below):
    """Begin to count the regions in the polygon on top, cut by few units of the last layer but one.

    Most units of the last layer cut none of its cells: bounds over the whole polygon leave a few
    candidates, and only their maps follow from cell to cell. A copy of the node is pushed.
    """
    node = stack.nodes[top - 1]
    layer = node[LAYER]
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    below.counts[STAMPED] = work.stamps[-1]
    whole = refer(chain, work, stack, node, below.stray)
    n = -1
    if max(whole[2], whole[3]) < COARSE:
        n = candidates(chain, work, stack, node, below.stray, below.chosen)
    if n < 0:
        sharpen(chain, work, layer + 1)
        n = candidates(chain, work, stack, node, below.stray, below.chosen)
    for axis in range(2):
        size, error = whole[axis], whole[2 + axis]
        work.inherited[axis, layer + 1] = max(work.inherited[axis, layer + 1], error)
        work.peak[axis, layer + 1] = max(work.peak[axis, layer + 1], size)
    below.counts[MADE], below.counts[CHOSEN] = work.remade[0], n
    below.counts[TURNING] = node[UNITS_END] - node[UNITS]
    for u in range(below.counts[TURNING]):
        below.units[u] = stack.units[node[UNITS] + u]
    for i in range(a, b):
        below.used[i - a] = work.used[i]
    for c in range(n):
        for axis in range(3):
            below.maps[axis, c] = work.maps[axis, b + below.chosen[c]]
    copied(stack, top)


@inlined
def restore_maps(chain, work, below):
    """End the count of the regions in a polygon."""
    layer = chain.layers - 2
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    for i in range(a, b):
        work.used[i] = below.used[i - a]
    for c in range(below.counts[CHOSEN]):
        for axis in range(3):
            work.maps[axis, b + below.chosen[c]] = below.maps[axis, c]
    if work.remade[0] != below.counts[MADE]:
        work.updates[layer + 1] = -1


@inlined
def descend_below(chain, work, stack, node, below):
    """Turn the cell in `node` into a polygon of the last layer, which the candidates may cut."""
    n, layer = below.counts[CHOSEN], node[LAYER]
    follow(chain, work, layer, below.units, below.counts[TURNING], below.chosen, n)
    for c in range(n):
        stack.units[node[UNITS] + c] = below.chosen[c]
    node[LAYER], node[UNITS_END], node[DECIDED] = layer + 1, node[UNITS] + n, STALE
