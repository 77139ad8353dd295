"""The compiled geometry of the plane engine: convex polygons and how a line cuts them.

What is cut is decided by signs that are exactly right; the numbers beside them are approximations
with bounds of their errors, from which most signs follow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.kernels import kernel

# arrays belong to the caller, and no kernel makes one: none counts references, which would take
# half the time
compiled = kernel(nogil=True, error_model="numpy")
# for functions that are called at one place of a loop: their many arrays are not passed on
inlined = kernel(nogil=True, error_model="numpy", inline="always")
# called from compiled code only
inner = kernel(nogil=True, error_model="numpy", no_cpython_wrapper=True)

# a vertex, how far from it the true one is at most, and the line of the edge that follows: three
# coefficients, the error of the first two and of the third, and the grid they are multiples of
X, Y, FAR, LX, LY, LW, SLOPE_ERROR, OFFSET_ERROR, GRID, ROW = range(10)
LINE = 6  # entries of a line
LAYER, FIRST, LAST, UNITS, UNITS_END, DECIDED = range(6)  # of a node of the stack
UNIT = 2.0**-53  # the largest relative error of one operation
ROUND = 8 * UNIT  # the error of a value at a vertex, relative to the coefficients
REACH = 4.5  # no vertex has larger |x| + |y|
TINY = 1e-150  # more than what is lost to underflow where coefficients are about 1


class Stack(NamedTuple):
    """Nodes, their vertices (rows of `ROW` numbers), the labels of their edges, their units.

    An edge is labelled ``units * number of the cut that made it + unit``, the same on both sides
    of the cut; -1 - i on side i of the domain.
    """

    nodes: np.ndarray
    vertices: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    signs: np.ndarray  # (vertices,): scratch
    old: np.ndarray  # (vertices, ROW): scratch
    names: np.ndarray  # (vertices,): scratch
    ends: np.ndarray  # (2, LX): scratch


@inner
def crossings(signs, k):
    """Return where the sign of a unit changes along a polygon's k vertices.

    The positive vertices are those strictly between `back` and `front`, going forward; both are
    vertices at which the unit is zero or negative.
    """
    peak = 0
    while signs[peak] <= 0:
        peak += 1
    front = (peak + 1) % k
    while signs[front] > 0:
        front = (front + 1) % k
    back = (peak - 1) % k
    while signs[back] > 0:
        back = (back - 1) % k
    return back, front


@inner
def cross(one, two, out):
    """Write to `out` where two lines cross, and how far from there they can cross at most."""
    ax, ay, aw = one[0], one[1], one[2]
    bx, by, bw = two[0], two[1], two[2]
    if aw == 0.0 and bw == 0.0 and one[4] == 0.0 and two[4] == 0.0:
        out[0] = out[1] = out[2] = 0.0
        return
    determinant = ax * by - ay * bx
    out[0] = (ay * bw - aw * by) / determinant
    out[1] = (aw * bx - ax * bw) / determinant
    a, b = abs(ax) + abs(ay), abs(bx) + abs(by)
    off_a = REACH * one[3] + one[4] + 16 * UNIT * (a + abs(aw)) + TINY
    off_b = REACH * two[3] + two[4] + 16 * UNIT * (b + abs(bw)) + TINY
    least = abs(determinant) - REACH * (one[3] * b + two[3] * a) - 4 * UNIT * a * b - TINY
    out[2] = 1.01 * (off_a * b + off_b * a) / least if least > 0.0 else np.inf


@inner
def meet(p, q, line, out):
    """Write to `out` the vertex where a line meets the edge from p to q."""
    cross(p[LX:ROW], line, out)
    length = abs(p[X] - q[X]) + abs(p[Y] - q[Y]) + p[FAR] + q[FAR]
    if not out[2] < length:  # it lies between the two
        out[0], out[1] = (p[X] + q[X]) / 2, (p[Y] + q[Y]) / 2
        out[2] = 1.01 * length + TINY


@inner
def chord(polygon, signs, k, line, ends):
    """Write where a line that cuts the polygon enters and leaves it; return the edges it meets."""
    back, front = crossings(signs, k)
    if signs[back] == 0:
        for i in range(LX):
            ends[0, i] = polygon[back, i]
    else:
        meet(polygon[back], polygon[(back + 1) % k], line, ends[0])
    if signs[front] == 0:
        for i in range(LX):
            ends[1, i] = polygon[front, i]
        return back, front
    before = (front - 1) % k
    meet(polygon[before], polygon[front], line, ends[1])
    return back, before


@inner
def put(vertices, labels, n, vertex, line, label):
    """Write one vertex and the edge that follows it."""
    for i in range(LX):
        vertices[n, i] = vertex[i]
    for i in range(LINE):
        vertices[n, LX + i] = line[i]
    labels[n] = label


@inner
def cut(stack, first, last, signs, line, label):
    """Replace the polygon at first:last by its negative part, then its positive part.

    Returns the number of vertices of each.
    """
    k, vertices, labels = last - first, stack.vertices, stack.labels
    old, names, ends = stack.old, stack.names, stack.ends
    for v in range(k):
        for i in range(ROW):
            old[v, i] = vertices[first + v, i]
        names[v] = labels[first + v]
    back, front = crossings(signs, k)
    _, edge = chord(old, signs, k, line, ends)
    n = first
    put(vertices, labels, n, ends[1], old[edge, LX:], names[edge])
    n += 1
    i = (front + 1) % k if signs[front] == 0 else front
    while i != back:
        put(vertices, labels, n, old[i], old[i, LX:], names[i])
        n += 1
        i = (i + 1) % k
    if signs[back] != 0:
        put(vertices, labels, n, old[back], old[back, LX:], names[back])
        n += 1
    put(vertices, labels, n, ends[0], line, label)
    n += 1
    negative = n - first
    put(vertices, labels, n, ends[0], old[back, LX:], names[back])
    n += 1
    i = (back + 1) % k
    while i != front:
        put(vertices, labels, n, old[i], old[i, LX:], names[i])
        n += 1
        i = (i + 1) % k
    put(vertices, labels, n, ends[1], line, label)
    n += 1
    return negative, n - first - negative


@inner
def ascending(places, others, n):
    """Sort the first n places, and the integers that belong to them."""
    gap = 1
    while 3 * gap + 1 < n:
        gap = 3 * gap + 1
    while gap > 0:  # Shell's sort: numpy's takes longer to compile than all the rest
        for i in range(gap, n):
            place, other, j = places[i], others[i], i
            while j >= gap and places[j - gap] > place:
                places[j], others[j] = places[j - gap], others[j - gap]
                j -= gap
            places[j], others[j] = place, other
        gap //= 3
