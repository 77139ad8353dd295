"""The compiled answers to signs that bounds leave open, and where answers are kept.

In this order: what is known without arithmetic (a unit whose live inputs all vanish there), sharper
bounds, the grid on which the determinant of three short forms lies. What is still open, integers
settle (`judge`).
"""

from __future__ import annotations

import numpy as np

from regions.counting.plane.layer_kernel import sharpen
from regions.counting.plane.polygon_kernel import FAR, TINY, UNIT, X, Y, compiled, inner
from regions.counting.plane.sign_kernel import OPEN, line_of, reach, slot, value


@inner
def resolve(chain, work):
    """Answer the open questions that need no integers; tell whether these are all."""
    n, left, line = work.asked[0], 0, work.line
    if 2 * (work.kept[0] + n) > len(work.keys):
        return False
    for q in range(n):
        unit, layer = work.questions[q, 0], work.questions[q, 1]
        one, two = work.questions[q, 2], work.questions[q, 3]
        sign = _known(chain, work, unit, layer, one, two, line, q)
        if sign != OPEN:
            _keep(work, work.stamps[layer], unit, one, two, sign)
            continue
        for i in range(4):
            work.questions[left, i] = work.questions[q, i]
        work.values[left, 0] = value(line, work.places[q, X], work.places[q, Y])
        work.values[left, 1] = reach(line, work.places[q, FAR])
        left += 1
    work.asked[0] = left
    return left == 0


@inner
def _known(chain, work, unit, layer, one, two, line, q):
    """Return the sign that a question asks for, or OPEN."""
    if vanishes(chain, work, unit, root(chain, work, one), root(chain, work, two)):
        return 0
    if not work.sharp[layer]:
        sharpen(chain, work, layer)
    line_of(chain, work, layer, unit, line)
    z, bound = value(line, work.places[q, X], work.places[q, Y]), reach(line, work.places[q, FAR])
    if z > bound:
        return 1
    if z < -bound:
        return -1
    if line[0] == 0.0 and line[1] == 0.0 and line[3] == 0.0 and line[4] == 0.0:
        return int(line[2] > 0.0) - int(line[2] < 0.0)
    return _on_grid(line, work.lines[q, 0], work.lines[q, 1])


@inner
def root(chain, work, name):
    """Return the unit of the chain that a line's unit is a multiple of, or the line's side."""
    unit = name - chain.first
    if name < 0 or not 0 <= unit < len(chain.twins):
        return -1
    layer = 0
    while unit >= chain.unit_at[layer + 1]:
        layer += 1
    while layer > 0 and chain.biases[unit] == 0.0:
        a, m, live, input_ = chain.unit_at[layer - 1], chain.sizes[layer], 0, -1
        at = chain.weight_at[layer - 1] + unit - chain.unit_at[layer]
        for i in range(chain.sizes[layer - 1]):
            if chain.weights[at + i * m] != 0.0 and work.multiplier[a + i] != 0.0:
                live, input_ = live + 1, a + i
        if live != 1:
            break
        unit, layer = input_, layer - 1
    return chain.twins[unit]


@inner
def vanishes(chain, work, unit, one, two):
    """Tell whether a unit vanishes with two others, because all that feeds it does."""
    twin = chain.twins[unit]
    if twin == one or twin == two:
        return True
    if unit < chain.sizes[0] or chain.biases[unit] != 0.0:
        return False
    layer = 1
    while unit >= chain.unit_at[layer + 1]:
        layer += 1
    a, m = chain.unit_at[layer - 1], chain.sizes[layer]
    at = chain.weight_at[layer - 1] + unit - chain.unit_at[layer]
    for i in range(chain.sizes[layer - 1]):
        fed = chain.weights[at + i * m] != 0.0 and work.multiplier[a + i] != 0.0
        if fed and not vanishes(chain, work, a + i, one, two):
            return False
    return True


@inner
def _on_grid(line, one, two):
    """Return the sign of a determinant of three lines from the grid it lies on, or OPEN."""
    grid = np.exp2(line[5] + one[5] + two[5])  # 0 where a grid is not known
    if not grid > TINY:
        return OPEN
    a = one[1] * two[2] - one[2] * two[1]
    b = one[2] * two[0] - one[0] * two[2]
    c = one[0] * two[1] - one[1] * two[0]
    size = abs(line[0]) + abs(line[1]) + abs(line[2])
    first = abs(one[0]) + abs(one[1]) + abs(one[2])
    second = abs(two[0]) + abs(two[1]) + abs(two[2])
    e_one, e_two, error = one[3] + one[4], two[3] + two[4], line[3] + line[4]
    turn = 1.01 * (first * e_two + second * e_one + e_one * e_two) + 4 * UNIT * first * second
    off = size * turn + error * (first * second + turn)
    off = 1.01 * off + 8 * UNIT * size * first * second + TINY
    z = line[0] * a + line[1] * b + line[2] * c
    if abs(z) + off < grid:
        return 0
    if abs(z) > off and abs(c) > turn + TINY:
        return 1 if (z > 0.0) == (c > 0.0) else -1
    return OPEN


@compiled
def remember(work, answers):
    """Keep the signs of the questions that were asked."""
    for q in range(len(answers)):
        unit, layer = work.questions[q, 0], work.questions[q, 1]
        one, two = work.questions[q, 2], work.questions[q, 3]
        _keep(work, work.stamps[layer], unit, one, two, answers[q])


@compiled
def restore(work, keys, signs):
    """Keep signs that were kept before."""
    work.kept[0] = 0
    for i in range(len(keys)):
        _keep(work, keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 3], signs[i])


@inner
def _keep(work, stamp, unit, one, two, sign):
    at = slot(work.keys, stamp, unit, one, two)
    work.kept[0] += work.keys[at, 0] < 0
    work.keys[at, 0], work.keys[at, 1], work.keys[at, 2] = stamp, unit, one
    work.keys[at, 3], work.signs[at] = two, sign
