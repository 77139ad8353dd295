"""On which sides of forms the vertices of a cell lie: values that carry bounds of their errors.

A vertex is its homogeneous coordinates (y, t), none above about 1 in size, t = 0 at infinity, and

- its error: no coordinate of some positive multiple of the exact vertex is farther off;
- its grid k: all coordinates are exact and multiples of 2^-k (`NO_GRID` if not known);
- its number among the vertices that `doubts` has settled, or -1.

A form's value at a vertex carries a bound of its error, from the form's, the vertex's and the
evaluation's; where numbers are so short that nothing was rounded it is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.tree.bits import power_to_half
from regions.counting.tree.newton import NO_GRID, UNIT
from regions.kernels import kernel

UNKNOWN = 2  # a sign that nobody has settled
EXACT_BITS = 49.0  # so many bits, and 9 terms of size 1: nothing is rounded
FORM_EXTRA = 6  # columns of a form: constant, steepness, and bounds (see `UnitForms`)
VERTEX_EXTRA = 4  # columns of a vertex: t, error, grid, number
_TINY = 1e-300


class UnitForms(NamedTuple):
    """A stage's units on a batch of cells.

    Attributes
    ----------
    values, noise : (cells, d + 1, n) and (cells, 2, n) arrays
        See `walk.StageForms`.
    gamma : float
        Relative error of an evaluation.
    table : (cells, n, d + 6) array
        Every unit's form scaled by a power of two, and bounds of its errors: d slopes and the
        constant, none above 1; how far an error of a vertex's coordinates carries; a bound that
        holds anywhere; that for each |y|, and for each t; the form's grid. A row is filled when it
        is needed: most units are far from most cells.
    """

    values: np.ndarray
    noise: np.ndarray
    gamma: float
    table: np.ndarray


class Around(NamedTuple):
    """A box around a cell, and what it says of the units.

    Attributes
    ----------
    box : (2, d + 1) array
        The middle and the half widths (see `enclose`).
    sides : (n,) int8 array
        On which side of every unit all of the box lies, else 0 (see `sides_on`).
    sums : (3, n) array
        Scratch.
    """

    box: np.ndarray
    sides: np.ndarray
    sums: np.ndarray


@kernel(makes_arrays=True)
def around(d, n):
    """Return the arrays of a box around cells of dimension d, and n units."""
    return Around(np.empty((2, d + 1)), np.empty(n, dtype=np.int8), np.empty((3, n)))


@kernel()
def _closer(form, vertex, d, known, cell, unit, value):
    """Return a doubtful value and its bound once more: exact, sharper, settled, or (_, -1)."""
    rows, owners = known
    if form[d + 5] + vertex[d + 2] <= EXACT_BITS:
        return value, 0.0
    reach = 0.0
    for j in range(d):
        reach = max(reach, abs(vertex[j]))
    error = vertex[d + 1] * form[d + 1] + reach * form[d + 3] + vertex[d] * form[d + 4]
    if error == 0.0:
        return 0.0, 0.0
    error += _TINY
    if abs(value) > error:
        return value, error
    number = np.int64(vertex[d + 3])
    if number < 0 or owners[number] != cell or rows[number, unit] == UNKNOWN:
        return 0.0, -1.0
    sign = np.float64(rows[number, unit])
    if sign == 0.0:
        return 0.0, 0.0
    size = abs(value) + error
    if not size < 1.0 / _TINY:
        return sign, np.inf
    return sign * size, size


@kernel()
def values_of(form, vertices, nv, d, known, cell, unit, out):
    """Fill a form's values at a cell's vertices, their bounds, and the vertices in doubt.

    A value that is zero is exactly 0.0, with the bound 0.0. Returns the least and the largest
    value (not above and not below 0), and how many vertices are in doubt.
    """
    values, errors, doubts = out
    least = most = 0.0
    left, steep, level = 0, form[d + 1], form[d + 2]
    for k in range(nv):
        value = 0.0
        for j in range(d + 1):
            value += form[j] * vertices[k, j]
        error = vertices[k, d + 1] * steep + level
        if not abs(value) > error:  # also where either is not a number
            value, error = _closer(form, vertices[k], d, known, cell, unit, value)
            if error < 0.0:
                doubts[left] = k
                left += 1
        values[k], errors[k] = value, error
        least, most = min(least, value), max(most, value)
    return least, most, left


@kernel()
def enclose(vertices, nv, d, box):
    """Fill the middle and the half widths of a box around a cell's exact vertices."""
    error = 0.0
    for k in range(nv):
        error = max(error, vertices[k, d + 1])
    for j in range(d + 1):
        least = most = vertices[0, j]
        for k in range(1, nv):
            least, most = min(least, vertices[k, j]), max(most, vertices[k, j])
        box[0, j] = (least + most) / 2
        box[1, j] = (most - least) / 2 * (1 + 16 * UNIT) + error


@kernel()
def side_of(form, box, d):
    """Return on which side of a form all of a box lies for certain, else 0."""
    value = spread = 0.0
    for j in range(d + 1):
        value += form[j] * box[0, j]
        spread += abs(form[j]) * box[1, j]
    # the middle, its value and the spread are rounded, each by less than the form's own bound
    bound = spread + 4 * form[d + 2]
    if value > bound:
        return 1
    return -1 if value < -bound else 0


@kernel()
def place_of(p, p_error, q, q_error):
    """Return where a form is zero between two points with values p > 0 and -q < 0, and a bound."""
    scale, off = 1.0 / (p + q), 1.0
    if not scale < 1.0 / _TINY:
        return 0.5, off
    # at worst the sum of both is half of what it seems to be
    if 2 * (p_error + q_error) < p + q:
        lost = 2 * (p_error * (q * scale) + q_error * (p * scale)) * scale
        off = min(lost * (1 + 16 * UNIT) + 4 * UNIT, 1.0)
    return p * scale, off


@kernel()
def _grid_of(form, d):
    """Return k such that all coefficients are multiples of 2^-k, or `NO_GRID` if k is large."""
    grid = 0.0
    for j in range(d + 1):
        number = form[j] * 2.0**grid
        while number != np.floor(number):
            number *= 2.0
            grid += 1.0
            if grid > EXACT_BITS:
                return NO_GRID
    return grid


@kernel()
def normalise(units, cell, unit):
    """Fill the row of a unit's form on a cell (see `UnitForms`)."""
    values, noise, form = units.values[cell], units.noise[cell], units.table[cell, unit]
    width, more, gamma = values.shape[0], 1 + 64 * UNIT, units.gamma
    d, largest, steep, lost, scale = width - 1, 0.0, 0.0, 0.0, 1.0
    for j in range(width):
        largest = max(largest, abs(values[j, unit]))
    slope, offset = noise[0, unit], noise[1, unit]
    if 1e-280 < largest < 1e280:
        scale = power_to_half(largest)
    elif largest != 0.0:
        slope = np.inf
    for j in range(width):
        form[j] = values[j, unit] * scale
        if abs(form[j]) < 1e-290 and values[j, unit] != 0.0:
            lost = 1e-290
        if j < d:
            steep += abs(form[j])
    slope, offset = slope * scale + lost, offset * scale + lost
    form[d + 3] = (slope + gamma * steep) * more
    form[d + 4] = (offset + gamma * abs(form[d])) * more
    form[d + 2] = (form[d + 3] + form[d + 4]) * more
    form[d + 1] = (steep + abs(form[d]) + slope + offset) * more
    exact = slope == 0.0 and offset == 0.0 and largest > 0.0
    form[d + 5] = _grid_of(form, d) if exact else NO_GRID


@kernel()
def normalise_all(units, cell):
    """Fill the rows of all units' forms on a cell."""
    for unit in range(units.table.shape[1]):
        normalise(units, cell, unit)


@kernel()
def sides_on(units, cell, around):
    """Fill on which side of every unit all of a box lies for certain, else 0.

    The rows of those with 0 are filled (see `UnitForms`).
    """
    values, noise, n = units.values[cell], units.noise[cell], units.table.shape[1]
    box, sides, sums = around.box, around.sides, around.sums
    value, spread, size, more = sums[0], sums[1], sums[2], units.gamma * (1 + 64 * UNIT)
    for i in range(n):
        value[i] = spread[i] = size[i] = 0.0
    for j in range(values.shape[0]):
        row, middle, half = values[j], box[0, j], box[1, j]
        for i in range(n):
            value[i] += row[i] * middle
            spread[i] += abs(row[i]) * half
            size[i] += abs(row[i])
    for i in range(n):
        # the middle, its value and the spread are rounded, each by less than the form's own bound
        bound = spread[i] + 4 * (noise[0, i] + noise[1, i] + more * size[i])
        sides[i] = 0
        if 1e-280 < size[i] < 1e280 and abs(value[i]) > bound:
            sides[i] = 1 if value[i] > 0.0 else -1
        else:
            normalise(units, cell, i)
