"""The compiled signs of the plane engine: on which side of a unit's line two others cross.

This is the only question of the engine. It is answered by the approximate value, if that is larger
than the bound of its error, or by an answer given before; else it is noted (`settle_kernel`).
"""

from __future__ import annotations

import numpy as np

from regions.counting.plane.layer_kernel import doubt_of, errors_in
from regions.counting.plane.polygon_kernel import (
    FAR,
    LINE,
    LX,
    REACH,
    ROUND,
    TINY,
    X,
    Y,
    inlined,
    inner,
)

OPEN = 2  # a sign that is not known yet
HIGH, LOW, UNSURE = 1, 2, 4  # a unit is positive, negative somewhere on a polygon; or who knows


@inner
def line_of(chain, work, layer, unit, out):
    """Write a unit's map, the bounds of its errors and its grid to `out`."""
    doubt = doubt_of(chain, work, layer)
    fill(doubt, work.maps, work.errors, chain.biases, chain.slack, chain.grids, unit, out)


@inner
def fill(doubt, maps, errors, biases, slack, grids, unit, out):
    """Write a unit's map, the bounds of its errors and its grid to `out`."""
    out[0], out[1], out[2] = maps[0, unit], maps[1, unit], maps[2, unit]
    out[3], out[4] = errors_in(doubt, errors, biases, slack, unit)
    out[5] = grids[unit]


@inner
def reach(line, far):
    """Return the bound of a line's errors at all vertices that are at most so far off."""
    slopes = abs(line[0]) + abs(line[1])
    return REACH * line[3] + line[4] + (far + ROUND) * slopes + ROUND * abs(line[2]) + TINY


@inner
def value(line, x, y):
    """Return a line's approximate value at a vertex."""
    return line[0] * x + line[1] * y + line[2]


@inner
def side(chain, work, layer, unit, line, one, at_one, two, at_two, place):
    """Return the sign (-1, 0, 1) of a unit where lines `one` and `two` cross, or OPEN.

    The lines are given by label and by row; they cross at about `place`, (x, y, far). What is open
    is noted as a question.
    """
    z = value(line, place[X], place[Y])
    if place[X] == 0.0 and place[Y] == 0.0 and place[FAR] == 0.0:
        bound = line[4]  # exactly the constant
        if z == 0.0 and bound == 0.0:
            return 0
    else:
        bound = reach(line, place[FAR])
    if z > bound:
        return 1
    if z < -bound:
        return -1
    first, second = _name(chain, one), _name(chain, two)
    if unit == first - chain.first or unit == second - chain.first:
        return 0
    low, high = min(first, second), max(first, second)
    at = slot(work.keys, work.stamps[layer], unit, low, high)
    if work.keys[at, 0] >= 0:
        return work.signs[at]
    asked = work.asked[0]
    if asked < len(work.questions):
        work.questions[asked, 0], work.questions[asked, 1] = unit, layer
        work.questions[asked, 2], work.questions[asked, 3] = low, high
        for i in range(LINE):
            work.lines[asked, 0, i], work.lines[asked, 1, i] = at_one[i], at_two[i]
        for i in range(3):
            work.places[asked, i] = place[i]
        work.asked[0] += 1
    return OPEN


@inner
def _name(chain, label):
    """Return what a label stands for: a unit of all, or a side of the domain (below zero)."""
    return label % chain.units if label >= 0 else label


@inner
def slot(keys, stamp, unit, one, two):
    """Return where the answer to a question is, or would be, kept."""
    room = len(keys)
    mixed = (stamp * 1000003 + unit) * 1000033 + one * 10007 + two * 101
    at = (mixed ^ (mixed >> 17)) % room
    while keys[at, 0] >= 0 and not (
        keys[at, 0] == stamp and keys[at, 1] == unit and keys[at, 2] == one and keys[at, 3] == two
    ):
        at = (at + 1) % room
    return at


@inner
def at_vertex(chain, work, stack, layer, unit, line, first, last, v):
    """Return the sign of a unit at vertex v of the polygon at first:last, or OPEN."""
    before = v - 1 if v > first else last - 1
    rows, labels = stack.vertices, stack.labels
    return side(
        chain, work, layer, unit, line, labels[before], rows[before, LX:],
        labels[v], rows[v, LX:], rows[v],
    )  # fmt: skip


@inner
def clear_signs(line, vertices, first, last, signs):
    """Write the signs of a line at a polygon's vertices; tell whether all are certain."""
    known = True
    slopes = abs(line[0]) + abs(line[1])
    least = REACH * line[3] + line[4] + ROUND * (slopes + abs(line[2])) + TINY
    for v in range(first, last):
        z, bound = value(line, vertices[v, X], vertices[v, Y]), least + slopes * vertices[v, FAR]
        if z > bound:
            signs[v - first] = 1
        elif z < -bound:
            signs[v - first] = -1
        else:
            signs[v - first] = OPEN
            known = False
    return known


@inner
def signs_at(chain, work, stack, layer, unit, line, first, last, signs):
    """Write the signs of a unit at a polygon's vertices; tell whether all are known."""
    if clear_signs(line, stack.vertices, first, last, signs):
        return True
    known = True
    for v in range(first, last):
        if signs[v - first] == OPEN:
            sign = at_vertex(chain, work, stack, layer, unit, line, first, last, v)
            signs[v - first] = sign
            known = known and sign != OPEN
    return known


@inner
def seen(line, vertices, first, last):
    """Return which signs a unit has at a polygon's vertices, and UNSURE if there may be more."""
    found = 0
    for v in range(first, last):
        z, bound = value(line, vertices[v, X], vertices[v, Y]), reach(line, vertices[v, FAR])
        if vertices[v, X] == 0.0 and vertices[v, Y] == 0.0 and vertices[v, FAR] == 0.0:
            bound = line[4]  # exactly the constant
            if z == 0.0 and bound == 0.0:
                continue
        if z > bound:
            found |= HIGH
        elif z < -bound:
            found |= LOW
        else:
            found |= UNSURE
    return HIGH | LOW if found & HIGH and found & LOW else found


@inner
def examine(chain, work, stack, layer, unit, line, first, last):
    """Return which signs a unit has on a polygon, vertex by vertex: HIGH, LOW and UNSURE."""
    found = 0
    for v in range(first, last):
        sign = at_vertex(chain, work, stack, layer, unit, line, first, last, v)
        if sign == OPEN:
            found |= UNSURE
        elif sign > 0:
            found |= HIGH
        elif sign < 0:
            found |= LOW
        if found & HIGH and found & LOW:
            return HIGH | LOW
    return found


@inlined
def farthest(stack, first, last):
    """Return the largest error of a polygon's vertices."""
    far = 0.0
    for v in range(first, last):
        far = max(far, stack.vertices[v, FAR])
    return far


@inlined
def classify(chain, work, stack, layer, first, last, start):
    """List the units of `layer` that cut the polygon, from stack.units[start]; set the others.

    Returns the end of the list, or -1 where a sign is open.
    """
    a, n, units = chain.unit_at[layer], chain.sizes[layer], stack.units
    spans(chain, work, stack, layer, first, last)
    reaches(chain, work, layer, farthest(stack, first, last))
    end, line, known, slope = start, work.line, True, chain.slopes[layer]
    low, high, bound, active = work.low, work.high, work.bound, work.active
    multiplier = work.multiplier
    for i in range(n):
        if low[i] > bound[i]:
            active[a + i], multiplier[a + i] = True, 1.0
            continue
        if high[i] < -bound[i]:
            active[a + i], multiplier[a + i] = False, slope
            continue
        found = HIGH | LOW
        if not (high[i] > bound[i] and low[i] < -bound[i]):
            line_of(chain, work, layer, a + i, line)
            found = seen(line, stack.vertices, first, last)
            if found & UNSURE:
                found = examine(chain, work, stack, layer, a + i, line, first, last)
                known = known and not found & UNSURE
        active[a + i] = found & HIGH != 0
        multiplier[a + i] = 1.0 if found & HIGH else slope
        if found & HIGH and found & LOW:
            units[end] = i
            end += 1
    return end if known else -1


@inner
def reaches(chain, work, layer, far):
    """Bound the errors of a layer's values at all vertices that are at most so far off."""
    a, n, doubt = chain.unit_at[layer], chain.sizes[layer], doubt_of(chain, work, layer)
    x, y, w = work.maps[0, a : a + n], work.maps[1, a : a + n], work.maps[2, a : a + n]
    bound, slopes = work.bound[:n], far + ROUND
    for i in range(n):
        bound[i] = slopes * (abs(x[i]) + abs(y[i])) + ROUND * abs(w[i]) + TINY
    if doubt[0] > 0.0:
        one, two = work.errors[0, a : a + n], work.errors[1, a : a + n]
        for i in range(n):
            bound[i] += REACH * one[i] + two[i]
        return
    least, factor = REACH * doubt[1] + doubt[2], 1.0 + REACH * doubt[4]
    biases, slack = chain.biases[a : a + n], chain.slack[a : a + n]
    for i in range(n):
        bound[i] += least + factor * (doubt[3] * abs(biases[i]) + slack[i])


@inner
def spans(chain, work, stack, layer, first, last):
    """Find between what a layer's approximate values are at a polygon's vertices."""
    a, n, vertices = chain.unit_at[layer], chain.sizes[layer], stack.vertices
    x, y, w = work.maps[0, a : a + n], work.maps[1, a : a + n], work.maps[2, a : a + n]
    low, high = work.low[:n], work.high[:n]
    for i in range(n):
        low[i], high[i] = np.inf, -np.inf
    for v in range(first, last):
        at_x, at_y = vertices[v, X], vertices[v, Y]
        for i in range(n):
            z = x[i] * at_x + y[i] * at_y + w[i]
            low[i] = min(low[i], z)
            high[i] = max(high[i], z)


@inlined
def sift(chain, work, stack, layer, first, last, start, end):
    """Move to the front of stack.units[start:end] those that cut the polygon; set the others.

    Returns the end of those, or -1 where a sign is open.
    """
    a, known, kept, units = chain.unit_at[layer], True, start, stack.units
    far, line, vertices = farthest(stack, first, last), work.line, stack.vertices
    doubt, slope, slopes = doubt_of(chain, work, layer), chain.slopes[layer], far + ROUND
    maps, errors, biases, slack = work.maps, work.errors, chain.biases, chain.slack
    active, multiplier = work.active, work.multiplier
    for u in range(start, end):
        i = units[u]
        x, y, w = maps[0, a + i], maps[1, a + i], maps[2, a + i]
        one, two = errors_in(doubt, errors, biases, slack, a + i)
        bound = REACH * one + two + slopes * (abs(x) + abs(y)) + ROUND * abs(w) + TINY
        low, high = np.inf, -np.inf
        for v in range(first, last):
            z = x * vertices[v, X] + y * vertices[v, Y] + w
            low, high = min(low, z), max(high, z)
        if low > bound:
            active[a + i], multiplier[a + i] = True, 1.0
            continue
        if high < -bound:
            active[a + i], multiplier[a + i] = False, slope
            continue
        found = HIGH | LOW
        if not (high > bound and low < -bound):
            line_of(chain, work, layer, a + i, line)
            found = seen(line, stack.vertices, first, last)
            if found & UNSURE:
                found = examine(chain, work, stack, layer, a + i, line, first, last)
                known = known and not found & UNSURE
        active[a + i] = found & HIGH != 0
        multiplier[a + i] = 1.0 if found & HIGH else slope
        if found & HIGH and found & LOW:
            units[u], units[kept] = units[kept], i
            kept += 1
    return kept if known else -1
