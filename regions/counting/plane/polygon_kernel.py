"""The compiled geometry of the plane engine: homogeneous convex polygons and how they are cut.

The plane kernel compiles these functions into its own. Numba's cache of a file does not see
changes in the files it calls: after a change here, touch plane_kernel.py too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True)
_jit: Any = njit  # its type lacks the option below
inner = _jit(cache=True, nogil=True, no_cpython_wrapper=True)  # called from compiled code only


class Stack(NamedTuple):
    """Nodes, their vertices (x, y, w) with the label of the edge that follows, their units.

    An edge is labelled ``units * number of the cut that made it + unit``, the same on both sides
    of the cut; -1 on the boundary of the domain.
    """

    nodes: np.ndarray
    vertices: np.ndarray
    labels: np.ndarray
    units: np.ndarray


@inner
def value(maps, unit, vertex):
    """Return the preactivation of `unit` at a homogeneous `vertex`."""
    return maps[0, unit] * vertex[0] + maps[1, unit] * vertex[1] + maps[2, unit] * vertex[2]


@inner
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


@inner
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


@inner
def meet(vertices, values, inside, outside, tolerance, out):
    """Write the zero between a positive vertex and its non-positive neighbour to `out`."""
    if values[outside] >= -tolerance:
        out[:] = vertices[outside]
        return True
    between(vertices[inside], vertices[outside], values[inside], values[outside], out)
    return False


@inner
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


@compiled
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


@inner
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
