"""The compiled layers of the plane engine: preactivations of one cell, and bounds of their errors.

Maps follow from cell to cell by rank-one updates. Each layer's errors are bounded twice: coarsely,
from the sizes of its terms and of its inputs' errors, at no cost; and sharply, unit by unit, from
what is really added up, when a coarse bound has left a sign open (`sharpen`). Units have incoming
weights of norm about 1 (`flat_chain`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.polygon_kernel import TINY, UNIT, inner

_GROWTH = 12 * UNIT  # rounding per rank-one update, relative to the terms, weights of norm 1.42
_NORM = 1.5  # more than the norm of a unit's weights


class Chain(NamedTuple):
    """A plain network, flat: weights of layer l -> l + 1 are (n_l, n_{l+1}) at `weight_at[l]`."""

    sizes: np.ndarray
    unit_at: np.ndarray
    weight_at: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    slopes: np.ndarray
    grids: np.ndarray  # (units,): exact coefficients are multiples of 2**grid (-inf: not known)
    twins: np.ndarray  # (units,): the first unit with the same weights and bias, up to the sign
    fuzz: np.ndarray  # (layers + 1,): the norm of the errors of a unit's weights, at most
    norms: np.ndarray  # (layers + 1,): the spectral norm of the weights before a layer, at most
    slack: np.ndarray  # (units,): errors of the biases
    homogeneous: np.ndarray  # (3,): how much of a bias each coefficient takes
    layers: int  # number of ReLU layers; sizes[layers] is the number of outputs
    first: int  # label of the first unit
    units: int  # number of labels


class Work(NamedTuple):
    """What is known on the current path, layer by layer."""

    maps: np.ndarray  # (3, units): x, y and constant coefficients of every preactivation
    errors: np.ndarray  # (2, units): of the first two and of the third, where `sharp` says so
    active: np.ndarray  # (units,) bool
    multiplier: np.ndarray  # (units,): 1 where active, the slope where inactive
    used: np.ndarray  # (units,): the multipliers with which the next layer's maps were made
    updates: np.ndarray  # (layers + 1,): rank-one updates since maps were made anew; -1: none made
    sharp: np.ndarray  # (layers + 1,): whether `errors` holds for the current cell
    inherited: np.ndarray  # (2, layers + 1): errors that come from the layer before
    together: np.ndarray  # (2, layers + 1): the norm of those of all units
    peak: np.ndarray  # (2, layers + 1): the largest size of terms since maps were made anew
    remade: np.ndarray  # (1,): how often a layer was made sharp
    stamps: np.ndarray  # (layers + 2,): numbers of the current cells; the last one counts them
    low: np.ndarray  # (widest,): scratch
    high: np.ndarray  # (widest,): scratch
    bound: np.ndarray  # (widest,): scratch
    line: np.ndarray  # (LINE,): scratch
    cuts: np.ndarray  # (1,): number of cuts made so far
    keys: np.ndarray  # (room, 4): signs that were settled: stamp, unit, and two lines' labels
    signs: np.ndarray  # (room,)
    kept: np.ndarray  # (1,): number of those
    asked: np.ndarray  # (1,): number of open questions
    questions: np.ndarray  # (some, 4): a unit, its layer, the two lines that cross where it is open
    lines: np.ndarray  # (some, 2, LINE): those lines
    places: np.ndarray  # (some, 3): about where they cross
    values: np.ndarray  # (some, 2): the approximate value there, and the bound of its error


@inner
def doubt_of(chain, work, layer):
    """Return what bounds the errors of a layer's maps: see `errors_in`.

    Loops over units take this, and a few arrays: `chain` and `work` are so long that passing them
    on takes longer than a unit's arithmetic.
    """
    share = _GROWTH * (work.updates[layer] + 2)
    return (
        float(work.sharp[layer]),
        work.inherited[0, layer] + share * work.peak[0, layer],
        work.inherited[1, layer] + share * work.peak[1, layer],
        share,
        max(abs(chain.homogeneous[0]), abs(chain.homogeneous[1])),
    )


@inner
def errors_in(doubt, errors, biases, slack, unit):
    """Return bounds for a unit's map: of the first two coefficients and of the third."""
    if doubt[0] > 0.0:
        return errors[0, unit], errors[1, unit]
    bias = doubt[3] * abs(biases[unit]) + slack[unit]
    return doubt[1] + doubt[4] * bias, doubt[2] + bias


@inner
def switch(chain, work, layer, unit, on):
    """Set a unit active or not."""
    work.active[unit] = on
    work.multiplier[unit] = 1.0 if on else chain.slopes[layer]


@inner
def sizes(chain, work, layer):
    """Return the sizes of the terms that the next layer's units add up, and of their errors.

    In this order: of the terms of the first two coefficients and of the third; of their errors in
    one unit; and in all units together, as the norm of a vector. The errors of a layer's units
    together grow by the spectral norm of its weights only.
    """
    slope, offset, slope_error, offset_error, constant = 0.0, 0.0, 0.0, 0.0, False
    slope_made, offset_made, most = 0.0, 0.0, 0.0
    doubt, maps, multiplier = doubt_of(chain, work, layer), work.maps, work.multiplier
    errors, biases, slack = work.errors, chain.biases, chain.slack
    share, tilt = doubt[3], doubt[4]
    peak, drop = share * work.peak[0, layer], share * work.peak[1, layer]
    for i in range(chain.unit_at[layer], chain.unit_at[layer + 1]):
        factor = abs(multiplier[i])
        if factor == 0.0:
            continue
        x, y, w = maps[0, i], maps[1, i], maps[2, i]
        one, two = errors_in(doubt, errors, biases, slack, i)
        slope += factor * factor * (x * x + y * y)
        offset += (factor * w) ** 2
        slope_error += (factor * one) ** 2
        offset_error += (factor * two) ** 2
        constant = constant or w != 0.0 or two != 0.0
        if layer > 0:
            bias = share * abs(biases[i]) + slack[i]
            slope_made += (factor * (peak + tilt * bias)) ** 2
            offset_made += (factor * (drop + bias)) ** 2
            most = max(most, factor)
    floor = TINY if constant else 0.0
    slope, offset, fuzz = np.sqrt(slope) + TINY, np.sqrt(offset) + floor, chain.fuzz[layer + 1]
    slope_error, offset_error = np.sqrt(slope_error), np.sqrt(offset_error)
    if most > 0.0:
        before, after = most * work.together[0, layer], most * work.together[1, layer]
        slope_error = min(slope_error, 1.001 * (before + np.sqrt(slope_made)))
        offset_error = min(offset_error, 1.001 * (after + np.sqrt(offset_made)))
    width, norm = np.sqrt(chain.sizes[layer + 1]), 1.001 * chain.norms[layer + 1]
    return (
        slope,
        offset,
        _NORM * slope_error + TINY + fuzz * slope,
        _NORM * offset_error + floor + fuzz * offset,
        norm * slope_error + width * (TINY + fuzz * slope),
        norm * offset_error + width * (floor + fuzz * offset),
    )


@inner
def fresh_maps(chain, work, layer):
    """Make the maps of layer + 1 those of a cell without any active unit: the biases."""
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    c = b + chain.sizes[layer + 1]
    for axis in range(3):
        factor = chain.homogeneous[axis]
        for j in range(b, c):
            work.maps[axis, j] = factor * chain.biases[j]
    for i in range(a, b):
        work.used[i] = 0.0
    work.updates[layer + 1] = 0
    work.peak[0, layer + 1] = work.peak[1, layer + 1] = 0.0


@inner
def next_maps(chain, work, layer):
    """Make the maps of layer + 1 on the current cell from those of the cell before.

    They are made anew when so many units have changed, or their terms have become so small, that
    rounding errors of what was added and taken away would show.
    """
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    n, m = b - a, chain.sizes[layer + 1]
    start = chain.weight_at[layer]
    in_x, in_y, in_w = work.maps[0, a:b], work.maps[1, a:b], work.maps[2, a:b]
    x, y, w = work.maps[0, b : b + m], work.maps[1, b : b + m], work.maps[2, b : b + m]
    multiplier, used = work.multiplier[a:b], work.used[a:b]
    slope, offset, slope_error, offset_error, one, two = sizes(chain, work, layer)
    if not 0 <= work.updates[layer + 1] <= n or slope + offset < 0.1 * (
        work.peak[0, layer + 1] + work.peak[1, layer + 1]
    ):
        fresh_maps(chain, work, layer)
    for i in range(n):
        change = multiplier[i] - used[i]
        if change != 0.0:
            dx, dy, dw = change * in_x[i], change * in_y[i], change * in_w[i]
            row = chain.weights[start + i * m : start + (i + 1) * m]
            for j in range(m):
                x[j] += row[j] * dx
                y[j] += row[j] * dy
                w[j] += row[j] * dw
            work.updates[layer + 1] += 1
            used[i] = multiplier[i]
    work.inherited[0, layer + 1], work.inherited[1, layer + 1] = slope_error, offset_error
    work.together[0, layer + 1], work.together[1, layer + 1] = one, two
    work.peak[0, layer + 1] = max(slope, work.peak[0, layer + 1])
    work.peak[1, layer + 1] = max(offset, work.peak[1, layer + 1])
    work.sharp[layer + 1] = 0
    stamp(work, layer + 1)
    if layer + 2 < len(work.updates):
        work.updates[layer + 2] = -1


@inner
def stamp(work, layer):
    """Give the current cell of the layers before `layer` a number of its own."""
    work.stamps[-1] += 1
    work.stamps[layer] = work.stamps[-1]


@inner
def follow(chain, work, layer, units, turning, chosen, n):
    """Bring the maps of the n chosen units of the next layer to the current cell.

    The first `turning` units of the list are those that may have changed.
    """
    a, b, m = chain.unit_at[layer], chain.unit_at[layer + 1], chain.sizes[layer + 1]
    changed, stale = False, work.updates[layer + 1] < 0  # maps of this layer were made anew
    for u in range(turning):
        unit = units[u]
        change = work.multiplier[a + unit] - work.used[a + unit]
        if change == 0.0:
            continue
        changed = True
        if stale:
            continue
        dx, dy = change * work.maps[0, a + unit], change * work.maps[1, a + unit]
        dw, at = change * work.maps[2, a + unit], chain.weight_at[layer] + unit * m
        for c in range(n):
            weight, to = chain.weights[at + chosen[c]], b + chosen[c]
            work.maps[0, to] += weight * dx
            work.maps[1, to] += weight * dy
            work.maps[2, to] += weight * dw
        work.used[a + unit] = work.multiplier[a + unit]
        work.updates[layer + 1] += 1
    if changed:
        stamp(work, layer + 1)
    if changed or stale:
        work.sharp[layer + 1] = 0
    if stale:
        sharpen(chain, work, layer + 1)


@inner
def sharpen(chain, work, layer):
    """Make the maps up to `layer` anew where they are not sharp, and bound their errors."""
    for before in range(layer):
        if not work.sharp[before + 1]:
            _anew(chain, work, before)
    if layer + 1 < len(work.updates):
        work.updates[layer + 1] = -1


@inner
def _anew(chain, work, layer):
    """Make the maps of layer + 1 on the current cell with errors unit by unit."""
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    n, m = b - a, chain.sizes[layer + 1]
    whole = sizes(chain, work, layer)
    work.together[0, layer + 1], work.together[1, layer + 1] = whole[4], whole[5]
    fresh = work.peak[0, layer + 1], work.peak[1, layer + 1]
    fresh_maps(chain, work, layer)
    work.peak[0, layer + 1], work.peak[1, layer + 1] = fresh
    x, y, w = work.maps[0, b : b + m], work.maps[1, b : b + m], work.maps[2, b : b + m]
    one, two = work.errors[0, b : b + m], work.errors[1, b : b + m]
    for j in range(m):
        one[j] = two[j] = 0.0
    live = 0
    for i in range(n):
        live += work.multiplier[a + i] != 0.0
    share, fuzz = (live + 4) * UNIT, chain.fuzz[layer + 1]
    doubt = doubt_of(chain, work, layer)
    tilt = max(abs(chain.homogeneous[0]), abs(chain.homogeneous[1]))
    for i in range(n):
        factor = work.multiplier[a + i]
        if factor == 0.0:
            continue
        size = abs(factor)
        in_x, in_y, in_w = work.maps[0, a + i], work.maps[1, a + i], work.maps[2, a + i]
        error = errors_in(doubt, work.errors, chain.biases, chain.slack, a + i)
        slope = size * (error[0] + share * (abs(in_x) + abs(in_y)))
        offset = size * (error[1] + share * abs(in_w))
        if slope > 0.0:
            slope += TINY
        if offset > 0.0 or in_w != 0.0:
            offset += TINY
        dx, dy, dw = factor * in_x, factor * in_y, factor * in_w
        row = chain.weights[chain.weight_at[layer] + i * m : chain.weight_at[layer] + (i + 1) * m]
        for j in range(m):
            x[j] += row[j] * dx
            y[j] += row[j] * dy
            w[j] += row[j] * dw
            one[j] += abs(row[j]) * slope
            two[j] += abs(row[j]) * offset
    # what is made here is at most as a share of the terms' sizes; weights have norm below 1.5
    rise, fall = whole[2] + 2.2 * share * whole[0], whole[3] + _NORM * share * whole[1]
    for j in range(m):
        bias = share * abs(chain.biases[b + j]) + chain.slack[b + j]
        one[j] += fuzz * fresh[0]
        two[j] += fuzz * fresh[1]
        if rise < one[j]:
            one[j] = rise
        if fall < two[j]:
            two[j] = fall
        if one[j] > 0.0 or chain.slack[b + j] > 0.0:
            one[j] = 1.001 * (one[j] + tilt * bias) + TINY
        if two[j] > 0.0 or chain.slack[b + j] > 0.0:
            two[j] = 1.001 * (two[j] + bias) + TINY
    for i in range(n):
        work.used[a + i] = work.multiplier[a + i]
    work.updates[layer + 1] = live
    work.sharp[layer + 1] = 1
    work.remade[0] += 1
    if layer + 2 < len(work.updates):
        work.updates[layer + 2] = -1
