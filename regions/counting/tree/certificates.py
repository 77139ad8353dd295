"""Proofs in float64 that a form is nowhere positive on a cell, and points surely inside of it.

A row is a form (slopes, constant) beside its `off`: (reach, slopes', constant's, absent), where
`reach` bounds all that its value can be off anywhere in the domain, sums of rows included, the next
two what the coefficients are off, and the bits of `absent` name coordinates that the form does not
depend on, exactly. Whatever is not proved here is in doubt, never decided. NaN and infinite
values prove nothing.
"""

from __future__ import annotations

import math

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.tree.cell import extent
from regions.counting.tree.inverse import departure, invert
from regions.counting.tree.simplex import FIXED, FREE, LOW, ROW
from regions.kernels import FAST, kernel

_NEAR = 1e-6  # a largest value above this is no tie
_LARGEST_TIE = 64
_EXACT = 2.0**51  # products of integers below this are exact


@kernel()
def normalise(values, errors, absent, size, forms, off):
    """Write every unit's form on every cell, scaled by a power of two, with what it can be off.

    Parameters
    ----------
    values : (cells, d + 1, n) array
        The units' coefficients as the network gives them.
    errors : (cells, 2, n) array
        See `walk.StageForms`.
    absent : (n,) array
        Coordinates that no unit depends on, as bits.
    size : float
        A bound of every coordinate in the domain.
    forms, off : (cells, n, d + 1) and (cells, n, 4) arrays to fill
    """
    cells, width, n = values.shape
    gamma = 1.01 * (2 * width + 10) * UNIT
    for cell in range(cells):
        for i in range(n):
            largest = 0.0
            for j in range(width - 1):
                largest = max(largest, abs(values[cell, j, i]))
            constant = abs(values[cell, width - 1, i])
            if not largest * 1e30 > constant:
                largest = max(largest, constant)
            power = -math.frexp(largest)[1] + 1 if np.isfinite(largest) else 0
            total = 0.0
            for j in range(width):
                value = math.ldexp(values[cell, j, i], power)
                forms[cell, i, j] = value
                total += abs(value) * (size if j < width - 1 else 1.0)
            slopes = math.ldexp(errors[cell, 0, i], power)
            rest = math.ldexp(errors[cell, 1, i], power)
            off[cell, i, 1], off[cell, i, 2], off[cell, i, 3] = slopes, rest, absent[i]
            reach = 1.01 * (slopes * size + rest) + gamma * total
            off[cell, i, 0] = reach + 1e-300 if reach != 0.0 else 0.0


@kernel(**FAST)
def upper(gain, reach, cell, low, high, room):
    """Return a bound of the gain on a cell: that of ``gain + sum_i m_i rows_i`` on its bounds.

    The multipliers m >= 0 are the prices at the corner (see `simplex.maximise`); those of rows that
    vanish on the section at hand (FIXED) can have any sign.
    """
    names, kinds, prices = room.corner
    total, error = room.total, reach
    for j in range(total.size):
        total[j] = gain[j]
    for k in range(names.size):
        if kinds[k] == FIXED or (kinds[k] == ROW and prices[k] < 0.0):
            weight, row = -prices[k], names[k]
            for j in range(total.size):
                total[j] += weight * cell.rows[row, j]
            error += abs(weight) * cell.off[row, 0]
    return extent(total, low, high)[1] + 2.0 * error


@kernel()
def nowhere_positive(gain, off_gain, cell, low, high, domain, room):
    """Tell whether a gain is certainly at most zero on a cell, given the corner where it stops.

    `low` and `high` are bounds of the cell, `domain` those of the domain (see `Cell`). On a section
    of the cell, where some rows are FIXED at zero, it is to be negative: else it could vanish.
    """
    most, section = upper(gain, off_gain[0], cell, low, high, room), False
    for k in range(room.corner.kinds.size):
        section = section or room.corner.kinds[k] == FIXED
    if most < 0.0 or (most == 0.0 and not section):
        return True
    return most < _NEAR and _tie(
        gain, off_gain, cell.rows, cell.off, low, high, room.corner, domain
    )


@kernel(makes_arrays=True)
def _tie(gain, off_gain, rows, off, low, high, corner, domain):
    """Tell whether the gain is certainly zero at its corner, and no larger elsewhere."""
    names, kinds, _ = corner
    d = names.size
    if d > _LARGEST_TIE:
        return False
    here, errors, free = np.zeros((d, d + 1)), np.zeros(d), np.zeros(d, np.bool_)
    fixed = np.zeros(d, np.bool_)
    absent = np.int64(off_gain[3])
    exact = off_gain[1] == 0.0 and off_gain[2] == 0.0
    central = gain[d] == 0.0 and off_gain[2] == 0.0
    count = 0
    for j in range(d):
        name = names[j]
        if kinds[j] == FREE:
            free[name] = True
            continue
        if kinds[j] == ROW or kinds[j] == FIXED:
            fixed[count] = kinds[j] == FIXED
            here[count] = rows[name]
            errors[count] = off[name, 1]
            absent &= np.int64(off[name, 3])
            exact = exact and off[name, 1] == 0.0
            known = off[name, 2] == 0.0
        else:
            side, sign = (0, 1.0) if kinds[j] == LOW else (1, -1.0)
            if name < 62:
                absent &= ~(np.int64(1) << name)
            here[count, name], here[count, d] = sign, -sign * domain[2 + side, name]
            met = low[name] if side == 0 else high[name]
            known = met == domain[4 + side, name] and not np.isnan(here[count, d])
        exact = exact and known
        central = central and known and here[count, d] == 0.0
        count += 1
    if exact and _integral(here[:count], gain, fixed):
        return True
    return central and _positive(here[:count], errors, gain, off_gain[1], free, absent, fixed)


@kernel()
def _whole(row, out):
    """Write a row times a power of two, as small integers; return whether there is one."""
    most = 0.0
    for k in range(row.size):
        most = max(most, abs(row[k]))
    scale = 1.0
    while most * scale < 2.0**24:
        whole = True
        for k in range(row.size):
            out[k] = row[k] * scale
            if out[k] != np.rint(out[k]):
                whole = False
                break
        if whole:
            return True
        scale *= 2.0
    return False


@kernel(makes_arrays=True)
def _integral(rows, gain, fixed):
    """Solve for the multipliers in exact integers, held by float64; tell whether they prove it."""
    count, d = rows.shape[0], gain.size - 1
    whole, target = np.empty((count, d + 1)), np.empty(d + 1)
    if not _whole(gain, target):
        return False
    for i in range(count):
        if not _whole(rows[i], whole[i]):
            return False
    table = np.empty((d, count + 1))
    for k in range(d):
        for i in range(count):
            table[k, i] = whole[i, k]
        table[k, count] = -target[k]
    before = 1.0
    for step in range(count):
        at = step
        for i in range(step, d):
            if abs(table[i, step]) > abs(table[at, step]):
                at = i
        pivot = table[at, step]
        if pivot == 0.0:
            return False
        for j in range(count + 1):
            table[step, j], table[at, j] = table[at, j], table[step, j]
        for i in range(d):
            factor = table[i, step]
            if i == step:
                continue
            for j in range(count + 1):
                one, two = pivot * table[i, j], factor * table[step, j]
                if not abs(one) + abs(two) < _EXACT:
                    return False
                table[i, j] = (one - two) / before
        before = pivot
    rest = abs(before) * target[d]
    sign, strict = 1.0 if before > 0 else -1.0, not fixed.any()
    for i in range(d):
        if i >= count:
            if table[i, count] != 0.0:
                return False
            continue
        weight = sign * table[i, count]
        rest += weight * whole[i, d]
        if not abs(weight * whole[i, d]) + abs(rest) < _EXACT:
            return False
        if not fixed[i]:
            if weight < 0.0:
                return False
            strict = strict or weight > 0.0
    return rest < 0.0 or (strict and rest == 0.0)


@kernel(makes_arrays=True)
def _positive(rows, errors, gain, error, free, absent, fixed):
    """Tell whether ``gain + sum_i m_i rows_i`` has no slope for some m that are all positive.

    Those of `fixed` rows can have any sign, but there must be others. All constants are zero.
    Coordinates that are `free` must not occur, exactly: those that are `absent` do not.
    """
    count, d = rows.shape[0], gain.size - 1
    matrix, aim, gamma = np.empty((count, count)), np.empty(count), (d + 8) * UNIT
    at = 0
    for k in range(d):
        if not free[k]:
            aim[at] = gain[k]
            for i in range(count):
                matrix[at, i] = rows[i, k]
            at += 1
            continue
        if k < 50 and (absent >> k) & 1:
            continue
        silent = gain[k] == 0.0 and error == 0.0
        for i in range(count):
            silent = silent and rows[i, k] == 0.0 and errors[i] == 0.0
        if not silent:
            return False
    inverse = np.empty((count, count))
    if not invert(matrix.copy(), inverse):
        return False
    norm, distance, spread = 0.0, 0.0, 0.0
    for i in range(count):
        size = 0.0
        for j in range(count):
            size += abs(inverse[i, j])
        distance = max(distance, departure(inverse, matrix, i))
        norm, spread = max(norm, size), spread + errors[i]
    distance += norm * spread
    if not distance < 0.5:
        return False
    weights, rest, noise = np.empty(count), 0.0, error
    for i in range(count):
        weight = 0.0
        for k in range(count):
            weight -= inverse[i, k] * aim[k]
        weights[i] = weight
        noise += abs(weight) * errors[i]
    for k in range(count):
        total, met = aim[k], abs(aim[k])
        for i in range(count):
            term = matrix[k, i] * weights[i]
            total += term
            met += abs(term)
        rest = max(rest, abs(total) + gamma * met)
    bound = 1.01 * norm / (1.0 - distance) * (rest + noise)
    certain = not fixed.any()
    for i in range(count):
        if not fixed[i]:
            if not weights[i] > bound:
                return False
            certain = True
    return certain
