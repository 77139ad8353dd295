"""Networks with known counts, random ones, and a count by brute force."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product

import numpy as np
from scipy.optimize import linprog

import regions

count_cells, count_vertices, count_milp, count_sample, count_estimate, count_parity = (
    partial(regions.count_regions, method=method)
    for method in ("cells", "vertices", "milp", "sample", "estimate", "parity")
)


def dense(*layers):
    """Return the network of (W, b) hidden layers with a linear output of ones."""
    width = len(layers[-1][0])
    return regions.as_network([*layers, (np.ones((1, width)), np.zeros(1))])


def random_layers(rng, widths, density=1.0, bias=True):
    """Return (W, b) for every hidden layer, weights kept with probability `density`."""
    layers = []
    for fan_in, fan_out in pairwise(widths):
        weight = rng.normal(size=(fan_out, fan_in)) * (
            rng.uniform(size=(fan_out, fan_in)) < density
        )
        layers.append((weight, rng.normal(size=fan_out) * (0.5 if bias else 0.0)))
    return layers


def brute_force(net, box):
    """Count full-dimensional cells of `box` by one linear program for each sign pattern."""
    layers = [(layer.matrix.toarray(), layer.bias) for layer in net.layers()[:-1]]
    sizes = [len(bias) for _, bias in layers]
    count = 0
    for signs in product((False, True), repeat=sum(sizes)):
        count += _is_cell(layers, np.split(np.array(signs), np.cumsum(sizes)[:-1]), box)
    return count


def _is_cell(layers, pattern, box):
    slope, offset = np.eye(box.input_size), np.zeros(box.input_size)
    rows = [np.column_stack([np.eye(box.input_size), np.ones(box.input_size)])]
    rows.append(np.column_stack([-np.eye(box.input_size), np.ones(box.input_size)]))
    limits = [box.high, -box.low]
    for (weight, bias), active in zip(layers, pattern, strict=True):
        slope, offset = weight @ slope, weight @ offset + bias
        size = np.linalg.norm(slope, axis=1)
        constant = size < 1e-10
        if (active[constant] != (offset[constant] > 1e-10)).any():
            return False
        sign = np.where(active, 1.0, -1.0)[:, None]
        rows.append(np.column_stack([-sign * slope, size])[~constant])
        limits.append((sign[:, 0] * offset)[~constant])
        slope, offset = slope * active[:, None], offset * active
    cost = np.append(np.zeros(box.input_size), -1.0)
    bounds = [(None, None)] * box.input_size + [(None, 1.0)]
    found = linprog(cost, np.vstack(rows), np.concatenate(limits), bounds=bounds)
    return found.status == 0 and -found.fun > 1e-8


def tent_layers(depth):
    """Return layers relu(x), relu(x - 1/2) of the tent map, iterated: 2^depth regions on (0, 1)."""
    again = (np.array([[2.0, -4.0], [2.0, -4.0]]), np.array([0.0, -0.5]))
    return [(np.ones((2, 1)), np.array([0.0, -0.5])), *[again] * (depth - 1)]


def zigzag_layers(depth, copies=1):
    """Return layers of the three-unit zigzag in `copies` dimensions: 4^(depth * copies) regions."""
    ways, cuts = np.array([1.0, 1.0, -1.0]), np.array([-0.25, -0.5, 0.75])
    first, again = ways[:, None], np.outer(ways, [12.0, -8.0, 8.0])
    eye = np.eye(copies)
    layers = [(np.kron(eye, first), np.tile(cuts, copies))]
    return layers + [(np.kron(eye, again), np.tile(cuts - 4 * ways, copies))] * (depth - 1)
