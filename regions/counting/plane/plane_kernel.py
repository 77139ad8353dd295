"""The compiled core of the plane engine: convex polygons, cut unit by unit, depth first.

A polygon's vertices are homogeneous (x, y, w): w = 1 for points, w = 0 for points at infinity, so
that unbounded planes need no case of their own. On a polygon every preactivation is affine, so
its three coefficients, the unit's *map*, give its value at every vertex.

The polygons still to be cut lie on one explicit stack, which makes the exploration resumable, its
memory proportional to its depth, and its interruption harmless. A node of the stack is a polygon
within a cell of the layers before `layer`, together with the units of `layer` that may still cut
it. When no unit is left the polygon is a cell of `layer`, and its maps for the next layer follow
from those of the cell before by rank-one updates: one for each unit that differs.

The last layer is not cut at all when only the number counts: c lines that cross a convex polygon
in chords make 1 + sum_j (1 + crossings of chord j with the chords before it) cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.layer_kernel import classify, follow, magnitude, next_maps, sift
from regions.counting.plane.polygon_kernel import (
    compiled,
    crossings,
    cut,
    distinct,
    inner,
    meet,
    value,
)

LAYER, FIRST, LAST, UNITS, UNITS_END, DECIDED = range(6)
DONE, BUDGET, ROOM, FULL = range(4)
FEW = 20  # units of the last but one layer that are looked at together


class Found(NamedTuple):
    """Cells that were found: vertices and labels, where they end, patterns and output maps."""

    vertices: np.ndarray
    labels: np.ndarray
    ends: np.ndarray
    patterns: np.ndarray
    outputs: np.ndarray


@inner
def count_chords(chain, work, stack, layer, first, last, start, end):
    """Return the number of cells into which the units start:end of `layer` cut the polygon."""
    c, k, a = end - start, last - first, chain.unit_at[layer]
    if c < 2:
        return c + 1
    chords, units, tolerances = np.empty((c, 2, 3)), np.empty(c, np.int64), np.empty(c)
    values, places, widths = np.empty(k), np.empty(c), np.empty(c)
    polygon = stack.vertices[first:last]
    kept, cells = 0, 1
    for u in range(start, end):
        unit = a + stack.units[u]
        tolerance = chain.tolerance * (work.magnitude[layer] + chain.bounds[unit])
        for v in range(k):
            values[v] = value(work.maps, unit, polygon[v])
        back, front = crossings(values, k, tolerance)
        chord = chords[kept]
        meet(polygon, values, (back + 1) % k, back, tolerance, chord[0])
        meet(polygon, values, (front - 1) % k, front, tolerance, chord[1])
        met, repeated = 0, False
        for j in range(kept):
            p, q = value(work.maps, units[j], chord[0]), value(work.maps, units[j], chord[1])
            width = tolerances[j]
            if abs(p) <= width and abs(q) <= width:
                repeated = True
                break
            if (p > width and q < -width) or (p < -width and q > width):
                places[met], widths[met] = p / (p - q), width / abs(p - q)
                met += 1
        if not repeated:
            units[kept], tolerances[kept] = unit, tolerance
            kept += 1
            cells += 1 + (met if met < 2 else distinct(places, widths, met))
    return cells


@inner
def has_room(stack, node, top, widest):
    """Tell whether the stack has room for whatever the node at the top can push in one step."""
    k, depth = node[LAST] - node[FIRST], FEW + 2
    return (
        top + depth < len(stack.nodes)
        and node[LAST] + depth * (k + 2 * depth) < len(stack.vertices)
        and node[UNITS_END] + 2 * widest + depth * depth < len(stack.units)
    )


@inner
def emit(chain, work, stack, found, cells, first, last):
    """Append the polygon at first:last, its pattern and its output map to `found`."""
    at = found.ends[cells]
    k, hidden = last - first, chain.unit_at[chain.layers]
    found.vertices[at : at + k] = stack.vertices[first:last]
    found.labels[at : at + k] = stack.labels[first:last]
    found.ends[cells + 1] = at + k
    for layer in range(chain.layers):
        for i in range(chain.unit_at[layer], chain.unit_at[layer + 1]):
            found.patterns[cells, i] = work.multiplier[i] == 1.0
    found.outputs[cells] = work.maps[:, hidden:]


@inner
def split(chain, work, stack, top, values):
    """Cut the polygon on top by one of its units; leave both parts on the stack, return new top."""
    node = stack.nodes[top - 1]
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    start, end = node[UNITS], node[UNITS_END]
    pick = start + (7919 * (end - start) + 104729 * (last - first)) % (end - start)
    unit, stack.units[pick] = stack.units[pick], stack.units[end - 1]
    a = chain.unit_at[layer]
    for v in range(first, last):
        values[v - first] = value(work.maps, a + unit, stack.vertices[v])
    tolerance = chain.tolerance * (work.magnitude[layer] + chain.bounds[a + unit])
    label = chain.units * work.cuts[0] + chain.first + a + unit
    work.cuts[0] += 1
    negative, positive = cut(stack, first, last, values, tolerance, label)
    middle = first + negative
    node[LAST], node[UNITS_END], node[DECIDED] = middle, end - 1, -1 - unit
    for u in range(start, end - 1):
        stack.units[end - 1 + u - start] = stack.units[u]
    upper = stack.nodes[top]
    upper[LAYER], upper[FIRST], upper[LAST] = layer, middle, middle + positive
    upper[UNITS], upper[UNITS_END], upper[DECIDED] = end - 1, 2 * (end - 1) - start, 1 + unit
    return top + 1


@inner
def settle(chain, work, stack, node):
    """Set the unit by which the polygon was cut off, and keep the units that still cut it."""
    layer, decided = node[LAYER], node[DECIDED]
    a = chain.unit_at[layer]
    if decided > 0:
        work.multiplier[a + decided - 1] = 1.0
    elif decided < 0:
        work.multiplier[a - decided - 1] = chain.slopes[layer]
    if decided != 0:
        start, end = node[UNITS], node[UNITS_END]
        node[UNITS_END] = sift(chain, work, stack, layer, node[FIRST], node[LAST], start, end)
        node[DECIDED] = 0


@inner
def descend(chain, work, stack, node):
    """Turn the cell in `node` into a polygon of the next layer with the units that cut it."""
    next_maps(chain, work, node[LAYER])
    node[LAYER] += 1
    if node[LAYER] < chain.layers:
        start = node[UNITS]
        node[UNITS_END] = classify(chain, work, stack, node[LAYER], node[FIRST], node[LAST], start)


@inner
def refer(chain, work, stack, node, values):
    """Make the maps of the next layer at the polygon's middle; return how far units can stray.

    A unit that cuts the polygon strays, on the other side of its line, from what it is at the
    middle. The result holds the largest such difference for each unit of the node.
    """
    layer, first, last = node[LAYER], node[FIRST], node[LAST]
    start, end = node[UNITS], node[UNITS_END]
    a, stray = chain.unit_at[layer], np.zeros(end - start)
    for u in range(start, end):
        work.multiplier[a + stack.units[u]] = 1.0
    whole = magnitude(chain, work, layer)  # no cell of the polygon has more
    for u in range(start, end):
        unit, middle, low, high = a + stack.units[u], 0.0, np.inf, -np.inf
        for v in range(first, last):
            z = value(work.maps, unit, stack.vertices[v])
            middle, low, high = middle + z, min(low, z), max(high, z)
        slope = chain.slopes[layer]
        work.multiplier[unit] = 1.0 if middle > 0.0 else slope
        stray[u - start] = abs(1.0 - slope) * (-low if middle > 0.0 else high)
    next_maps(chain, work, layer)
    work.magnitude[layer + 1] = whole
    return stray


@inner
def candidates(chain, work, stack, node, stray, chosen):
    """List in `chosen` the units of the next layer that may cut the polygon; return how many."""
    layer = node[LAYER]
    a, m, found = chain.unit_at[layer + 1], chain.sizes[layer + 1], 0
    x, y, w = work.maps[0, a : a + m], work.maps[1, a : a + m], work.maps[2, a : a + m]
    low, high = work.low[:m], work.high[:m]
    low[:], high[:] = np.inf, -np.inf
    for v in range(node[FIRST], node[LAST]):
        vx, vy, vw = stack.vertices[v]
        for i in range(m):
            z = x[i] * vx + y[i] * vy + w[i] * vw
            low[i] = min(low[i], z)
            high[i] = max(high[i], z)
    start = chain.weight_at[layer]
    for u in range(len(stray)):
        at = start + stack.units[node[UNITS] + u] * m
        row, far = chain.weights[at : at + m], stray[u]
        for i in range(m):
            low[i] -= abs(row[i]) * far
            high[i] += abs(row[i]) * far
    for i in range(m):
        if low[i] < 0.0 < high[i]:
            chosen[found] = i
            found += 1
    return found


@inner
def count_below(chain, work, stack, top, values, chosen):
    """Count the regions in the polygon on top, which few units of the last but one layer cut.

    Most units of the last layer cut none of its cells: bounds over the whole polygon leave a few
    candidates, and only their maps follow from cell to cell.
    """
    node, base = stack.nodes[top - 1], top - 1
    layer, cells = node[LAYER], 0
    units = stack.units[node[UNITS] : node[UNITS_END]].copy()
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    stray = refer(chain, work, stack, node, values)
    n = candidates(chain, work, stack, node, stray, chosen)
    kept, used = np.empty((3, n)), work.used[a:b].copy()
    for c in range(n):
        kept[:, c] = work.maps[:, b + chosen[c]]
    while top > base:
        node = stack.nodes[top - 1]
        settle(chain, work, stack, node)
        if node[UNITS] < node[UNITS_END]:
            top = split(chain, work, stack, top, values)
            continue
        follow(chain, work, layer, units, chosen, n)
        start, first, last = node[UNITS], node[FIRST], node[LAST]
        stack.units[start : start + n] = chosen[:n]
        end = sift(chain, work, stack, layer + 1, first, last, start, start + n)
        cells += count_chords(chain, work, stack, layer + 1, first, last, start, end)
        top -= 1
    for c in range(n):
        work.maps[:, b + chosen[c]] = kept[:, c]
    work.used[a:b] = used
    return cells


@compiled
def explore(chain, work, stack, found, top, budget):
    """Explore the stack until it is empty, `budget` cells are counted, or an array is full.

    With room in `found` (len(found.patterns) > 0) every cell is emitted, else they are counted.

    Returns
    -------
    reason : DONE, BUDGET, ROOM (the stack must grow) or FULL (`found` must be emptied)
    top : number of nodes left on the stack
    cells : number of cells counted or emitted in this call
    """
    listing, cells, widest = len(found.patterns) > 0, 0, chain.sizes[: chain.layers].max()
    values, chosen = np.empty(len(stack.vertices)), np.empty(widest, np.int64)
    while top > 0:
        node = stack.nodes[top - 1]
        if cells >= budget:
            return BUDGET, top, cells
        if not has_room(stack, node, top, widest):
            return ROOM, top, cells
        k = node[LAST] - node[FIRST]
        if listing and (
            cells >= len(found.patterns) or found.ends[cells] + k > len(found.vertices)
        ):
            return FULL, top, cells
        settle(chain, work, stack, node)
        layer = node[LAYER]
        if layer == chain.layers:
            emit(chain, work, stack, found, cells, node[FIRST], node[LAST])
            cells += 1
            top -= 1
        elif layer == chain.layers - 1 and not listing:
            cells += count_chords(
                chain, work, stack, layer, node[FIRST], node[LAST], node[UNITS], node[UNITS_END]
            )
            top -= 1
        elif layer == chain.layers - 2 and not listing and node[UNITS_END] - node[UNITS] <= FEW:
            cells += count_below(chain, work, stack, top, values, chosen)
            top -= 1
        elif node[UNITS] == node[UNITS_END]:
            descend(chain, work, stack, node)
        else:
            top = split(chain, work, stack, top, values)
    return DONE, top, cells


@compiled
def halve(chain, work, stack):
    """Split the only polygon on the stack, at whatever layer it is first cut; return the top.

    2 means that its two parts are on the stack, 1 that it is a single cell.
    """
    values, node = np.empty(len(stack.vertices)), stack.nodes[0]
    while True:
        settle(chain, work, stack, node)
        if node[UNITS] < node[UNITS_END]:
            return split(chain, work, stack, 1, values)
        if node[LAYER] == chain.layers - 1:
            return 1
        descend(chain, work, stack, node)
