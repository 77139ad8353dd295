"""Slices of boxes: all engines agree with linear programs of their own, also along the axes.

Slices through unit vectors have sides along a coordinate axis beside oblique ones.
"""

import numpy as np
import pytest
from counting_oracles import dense, random_layers
from scipy.optimize import linprog

import regions
from regions.counting import count_regions


def by_linear_programs(net, domain):
    """Count activation patterns with an inside, unit by unit, straight from the half-spaces."""
    rows, limits = domain.halfspaces()
    layers = [(net.parameters[f"{n}.weight"], net.parameters.get(f"{n}.bias")) for n in net.weights]

    def has_inside(rows, limits):
        norms = np.linalg.norm(rows, axis=1)
        cost = np.append(np.zeros(domain.dimension), -1.0)
        free = [(None, None)] * domain.dimension
        found = linprog(cost, np.column_stack([rows, norms]), limits, bounds=[*free, (0, 1)])
        return found.status == 0 and -found.fun > 1e-9

    def count(layer, matrix, constant, rows, limits):
        if layer == len(layers) - 1:
            return 1
        weight, bias = layers[layer]
        forms, offsets = weight @ matrix, weight @ constant + (0 if bias is None else bias)

        def split(unit, rows, limits, active):
            if unit == len(forms):
                kept = np.array(active, dtype=float)
                return count(layer + 1, forms * kept[:, None], offsets * kept, rows, limits)
            total = 0
            for sign in (1.0, -1.0):
                more = np.vstack([rows, -sign * forms[unit]])
                ends = np.append(limits, sign * offsets[unit])
                if has_inside(more, ends):
                    total += split(unit + 1, more, ends, [*active, sign > 0])
            return total

        return split(0, rows, limits, [])

    return count(0, domain.basis.T, domain.origin, rows, limits)


@pytest.mark.parametrize("corners", ["axes", "anywhere"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_on_slices_of_a_box(seed, dimension, corners):
    rng = np.random.default_rng(seed)
    inputs = dimension + 2
    net = dense(*random_layers(rng, [inputs, 5, 4]))
    points = np.eye(inputs) if corners == "axes" else rng.uniform(-0.9, 0.9, (inputs, inputs))
    box = regions.Box.cube(inputs, -1.0, 1.0)
    domain = regions.Slice.through(points[: dimension + 1], box=box)
    own = {1: ("line",), 2: ("plane", "vertices"), 3: ("vertices",)}[dimension]
    counts = {name: count_regions(net, domain, method=name).count for name in ("cells", *own)}
    assert set(counts.values()) == {by_linear_programs(net, domain)}, counts


def test_every_enumerated_region_lies_in_the_slice():
    net = dense(*random_layers(np.random.default_rng(0), [6, 12, 10]))
    domain = regions.Slice.through(np.eye(6)[:3], box=regions.Box.cube(6, -1.0, 1.0))
    points = np.array([region.point for region in regions.enumerate_regions(net, domain)])
    assert len(points) == count_regions(net, domain, method="plane").count
    assert np.abs(points).max() < 1.0
