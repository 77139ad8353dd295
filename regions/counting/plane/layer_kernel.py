"""The compiled layers of the plane engine: preactivations of one cell, and which units cut it.

The plane kernel compiles these functions into its own. Numba's cache of a file does not see
changes in the files it calls: after a change here, touch plane_kernel.py too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.counting.plane.polygon_kernel import compiled, inner, value


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


@inner
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


@inner
def fresh_maps(chain, work, layer):
    """Make the maps of layer + 1 those of a cell without any active unit: the biases."""
    a, b = chain.unit_at[layer], chain.unit_at[layer + 1]
    c = b + chain.sizes[layer + 1]
    work.maps[:, b:c] = 0.0
    work.maps[2, b:c] = chain.biases[b:c]
    work.used[a:b] = 0.0
    work.updates[layer + 1] = 0
    work.peak[layer + 1] = 0.0


@inner
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


@inner
def follow(chain, work, layer, units, chosen, n):
    """Bring the maps of the n chosen units of the next layer to the current cell."""
    a, b, m = chain.unit_at[layer], chain.unit_at[layer + 1], chain.sizes[layer + 1]
    for unit in units:
        change = work.multiplier[a + unit] - work.used[a + unit]
        if change == 0.0:
            continue
        dx, dy = change * work.maps[0, a + unit], change * work.maps[1, a + unit]
        dw, at = change * work.maps[2, a + unit], chain.weight_at[layer] + unit * m
        for c in range(n):
            weight, to = chain.weights[at + chosen[c]], b + chosen[c]
            work.maps[0, to] += weight * dx
            work.maps[1, to] += weight * dy
            work.maps[2, to] += weight * dw
        work.used[a + unit] = work.multiplier[a + unit]


@compiled
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


@inner
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
