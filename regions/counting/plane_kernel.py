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

from typing import Any, NamedTuple

import numpy as np
from numba import njit

LAYER, FIRST, LAST, UNITS, UNITS_END, DECIDED = range(6)
DONE, BUDGET, ROOM, FULL = range(4)
_compiled = njit(cache=True, nogil=True)
_jit: Any = njit  # its type lacks the option below
_inner = _jit(cache=True, nogil=True, no_cpython_wrapper=True)  # called from compiled code only


class Chain(NamedTuple):
    """A plain network, flat: weights of layer l -> l + 1 are (n_l, n_{l+1}) at `weight_at[l]`."""

    sizes: np.ndarray
    unit_at: np.ndarray
    weight_at: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    bounds: np.ndarray  # (units,): size of the terms of a preactivation beyond `magnitude`
    slopes: np.ndarray
    layers: int  # number of ReLU layers; sizes[layers] is the number of outputs
    tolerance: float
    first: int  # label of the first unit
    units: int  # number of labels


class Work(NamedTuple):
    """What is known on the current path, layer by layer."""

    maps: np.ndarray  # (3, units): x, y and w coefficients of every preactivation
    multiplier: np.ndarray  # (units,): 1 where active, the slope where inactive
    used: np.ndarray  # (units,): the multipliers with which the next layer's maps were made
    updates: np.ndarray  # (layers + 1,): rank-one updates since maps were made anew; -1: none made
    magnitude: np.ndarray  # (layers + 1,): what the terms of a preactivation add up to, at most
    peak: np.ndarray  # (layers + 1,): the largest magnitude since maps were made anew
    low: np.ndarray  # (widest,): scratch
    high: np.ndarray  # (widest,): scratch
    cuts: np.ndarray  # (1,): number of cuts made so far


class Stack(NamedTuple):
    """Nodes, their vertices (x, y, w) with the label of the edge that follows, their units.

    An edge is labelled ``units * number of the cut that made it + unit``, the same on both sides
    of the cut; -1 on the boundary of the domain.
    """

    nodes: np.ndarray
    vertices: np.ndarray
    labels: np.ndarray
    units: np.ndarray


class Found(NamedTuple):
    """Cells that were found: vertices and labels, where they end, patterns and output maps."""

    vertices: np.ndarray
    labels: np.ndarray
    ends: np.ndarray
    patterns: np.ndarray
    outputs: np.ndarray


@_inner
def value(maps, unit, vertex):
    """Return the preactivation of `unit` at a homogeneous `vertex`."""
    return maps[0, unit] * vertex[0] + maps[1, unit] * vertex[1] + maps[2, unit] * vertex[2]


@_inner
def between(p, q, at_p, at_q, out):
    """Write to `out` the point of the edge p, q where a unit vanishes that is at_p, at_q there."""
    share = at_q / (at_q - at_p)
    rest = -at_p / (at_q - at_p)
    for axis in range(2):
        out[axis] = share * p[axis] + rest * q[axis]
    if p[2] == 1.0 and q[2] == 1.0:
        out[2] = 1.0
        return
    out[2] = share * p[2] + rest * q[2]
    largest = max(abs(out[0]), abs(out[1]), abs(out[2]))
    for axis in range(3):
        out[axis] /= largest


@_inner
def crossings(values, k, tolerance):
    """Return where the sign of a unit changes along a polygon's k vertices.

    The positive vertices are those strictly between `back` and `front`, going forward; both are
    vertices at which the unit is zero or negative.
    """
    peak = 0
    for i in range(1, k):
        if values[i] > values[peak]:
            peak = i
    front = (peak + 1) % k
    while values[front] > tolerance:
        front = (front + 1) % k
    back = (peak - 1) % k
    while values[back] > tolerance:
        back = (back - 1) % k
    return back, front


@_inner
def meet(vertices, values, inside, outside, tolerance, out):
    """Write the zero between a positive vertex and its non-positive neighbour to `out`."""
    if values[outside] >= -tolerance:
        out[:] = vertices[outside]
        return True
    between(vertices[inside], vertices[outside], values[inside], values[outside], out)
    return False


@_inner
def cut(stack, first, last, values, tolerance, label):
    """Replace the polygon at first:last by its negative part, then its positive part.

    Returns the number of vertices of each.
    """
    k = last - first
    old, names = stack.vertices[first:last].copy(), stack.labels[first:last].copy()
    back, front = crossings(values, k, tolerance)
    ends = np.empty((2, 3))
    at_back = meet(old, values, (back + 1) % k, back, tolerance, ends[0])
    at_front = meet(old, values, (front - 1) % k, front, tolerance, ends[1])
    to, edge = stack.vertices, stack.labels
    n = first
    to[n], edge[n] = ends[1], names[front] if at_front else names[(front - 1) % k]
    n += 1
    i = (front + 1) % k if at_front else front
    while i != back:
        to[n], edge[n] = old[i], names[i]
        n += 1
        i = (i + 1) % k
    if not at_back:
        to[n], edge[n] = old[back], names[back]
        n += 1
    to[n], edge[n] = ends[0], label
    n += 1
    negative = n - first
    to[n], edge[n] = ends[0], names[back]
    n += 1
    i = (back + 1) % k
    while i != front:
        to[n], edge[n] = old[i], names[i]
        n += 1
        i = (i + 1) % k
    to[n], edge[n] = ends[1], label
    n += 1
    return negative, n - first - negative


@_inner
def magnitude(chain, work, layer):
    """Return the size of the terms that the next layer's units (weights of norm 1) add up."""
    x, y, w = 0.0, 0.0, 0.0
    for i in range(chain.unit_at[layer], chain.unit_at[layer + 1]):
        factor = work.multiplier[i]
        x += (factor * work.maps[0, i]) ** 2
        y += (factor * work.maps[1, i]) ** 2
        w += (factor * work.maps[2, i]) ** 2
        if layer == 0:
            w += (factor * chain.bounds[i]) ** 2
    return np.sqrt(x) + np.sqrt(y) + np.sqrt(w)


@_inner
def fresh_maps(chain, work, layer):
    """Make the maps of layer + 1 those of a cell without any active unit: the biases."""
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    c = b + chain.sizes[layer + 1]
    work.maps[:, b:c] = 0.0
    work.maps[2, b:c] = chain.biases[b:c]
    work.used[a:b] = 0.0
    work.updates[layer + 1] = 0
    work.peak[layer + 1] = 0.0


@_inner
def next_maps(chain, work, layer):
    """Make the maps of layer + 1 on the current cell from those of the cell before.

    They are made anew when so many units have changed, or their terms have become so small, that
    rounding errors of what was added and taken away would show.
    """
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    n, m = b - a, chain.sizes[layer + 1]
    start = chain.weight_at[layer]
    weights = chain.weights[start : start + n * m].reshape(n, m)
    in_x, in_y, in_w = work.maps[0, a:b], work.maps[1, a:b], work.maps[2, a:b]
    x, y, w = work.maps[0, b : b + m], work.maps[1, b : b + m], work.maps[2, b : b + m]
    multiplier, used = work.multiplier[a:b], work.used[a:b]
    size = magnitude(chain, work, layer)
    if not 0 <= work.updates[layer + 1] <= n or size < 0.1 * work.peak[layer + 1]:
        fresh_maps(chain, work, layer)
    for i in range(n):
        change = multiplier[i] - used[i]
        if change != 0.0:
            dx, dy, dw = change * in_x[i], change * in_y[i], change * in_w[i]
            row = weights[i]
            for j in range(m):
                x[j] += row[j] * dx
                y[j] += row[j] * dy
                w[j] += row[j] * dw
            work.updates[layer + 1] += 1
            used[i] = multiplier[i]
    work.magnitude[layer + 1] = size
    work.peak[layer + 1] = max(size, work.peak[layer + 1])
    if layer + 2 < len(work.updates):
        work.updates[layer + 2] = -1


@_compiled
def classify(chain, work, stack, layer, first, last, start):
    """List the units of `layer` that cut the polygon, from stack.units[start]; set the others."""
    a, n = chain.unit_at[layer], chain.sizes[layer]
    maps = work.maps[:, a : a + n]
    low, high = work.low[:n], work.high[:n]
    low[:], high[:] = np.inf, -np.inf
    for v in range(first, last):
        x, y, w = stack.vertices[v]
        for i in range(n):
            z = maps[0, i] * x + maps[1, i] * y + maps[2, i] * w
            low[i] = min(low[i], z)
            high[i] = max(high[i], z)
    end = start
    for i in range(n):
        tolerance = chain.tolerance * (work.magnitude[layer] + chain.bounds[a + i])
        if high[i] > tolerance:
            if low[i] < -tolerance:
                stack.units[end] = i
                end += 1
            work.multiplier[a + i] = 1.0
        else:
            work.multiplier[a + i] = chain.slopes[layer]
    return end


@_inner
def sift(chain, work, stack, layer, first, last, start, end):
    """Keep of stack.units[start:end] those that cut the polygon; set the others."""
    a = chain.unit_at[layer]
    kept = start
    for u in range(start, end):
        i = stack.units[u]
        low, high = np.inf, -np.inf
        for v in range(first, last):
            z = value(work.maps, a + i, stack.vertices[v])
            low, high = min(low, z), max(high, z)
        tolerance = chain.tolerance * (work.magnitude[layer] + chain.bounds[a + i])
        work.multiplier[a + i] = 1.0 if high > tolerance else chain.slopes[layer]
        if high > tolerance and low < -tolerance:
            stack.units[kept] = i
            kept += 1
    return kept


@_inner
def distinct(places, widths, n):
    """Return how many of the first n places differ by more than their widths; sorts them."""
    gap = 1
    while 3 * gap + 1 < n:
        gap = 3 * gap + 1
    while gap > 0:  # Shell's sort: numpy's takes longer to compile than all the rest
        for i in range(gap, n):
            place, width, j = places[i], widths[i], i
            while j >= gap and places[j - gap] > place:
                places[j], widths[j] = places[j - gap], widths[j - gap]
                j -= gap
            places[j], widths[j] = place, width
        gap //= 3
    different = 1
    for i in range(1, n):
        different += places[i] - places[i - 1] > widths[i] + widths[i - 1]
    return different


@_inner
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


@_inner
def has_room(chain, stack, node, top):
    """Tell whether the stack has room for whatever the node at the top can push in one step."""
    k, widest = node[LAST] - node[FIRST], chain.sizes[: chain.layers].max()
    return (
        top + 2 < len(stack.nodes)
        and node[LAST] + k + 8 < len(stack.vertices)
        and node[UNITS_END] + 2 * widest + 2 < len(stack.units)
    )


@_inner
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


@_inner
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


@_inner
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


@_inner
def descend(chain, work, stack, node):
    """Turn the cell in `node` into a polygon of the next layer with the units that cut it."""
    next_maps(chain, work, node[LAYER])
    node[LAYER] += 1
    if node[LAYER] < chain.layers:
        start = node[UNITS]
        node[UNITS_END] = classify(chain, work, stack, node[LAYER], node[FIRST], node[LAST], start)


@_compiled
def explore(chain, work, stack, found, top, budget):
    """Explore the stack until it is empty, `budget` cells are counted, or an array is full.

    With room in `found` (len(found.patterns) > 0) every cell is emitted, else they are counted.

    Returns
    -------
    reason : DONE, BUDGET, ROOM (the stack must grow) or FULL (`found` must be emptied)
    top : number of nodes left on the stack
    cells : number of cells counted or emitted in this call
    """
    listing, cells = len(found.patterns) > 0, 0
    values = np.empty(len(stack.vertices))
    while top > 0:
        node = stack.nodes[top - 1]
        if cells >= budget:
            return BUDGET, top, cells
        if not has_room(chain, stack, node, top):
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
        elif node[UNITS] == node[UNITS_END]:
            descend(chain, work, stack, node)
        else:
            top = split(chain, work, stack, top, values)
    return DONE, top, cells


@_compiled
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


@_compiled
def clip(stack, k, rows, tolerances):
    """Clip the polygon stack.vertices[:k] to rows @ vertex >= 0; return its vertices (0: empty)."""
    values = np.empty(len(stack.vertices))
    for r in range(len(rows)):
        low, high = np.inf, -np.inf
        for v in range(k):
            vertex = stack.vertices[v]
            z = rows[r, 0] * vertex[0] + rows[r, 1] * vertex[1] + rows[r, 2] * vertex[2]
            values[v] = z
            low, high = min(low, z), max(high, z)
        if high <= tolerances[r]:
            return 0
        if low < -tolerances[r]:
            negative, positive = cut(stack, 0, k, values, tolerances[r], -1)
            for v in range(positive):
                stack.vertices[v] = stack.vertices[negative + v]
                stack.labels[v] = stack.labels[negative + v]
            k = positive
    return k
