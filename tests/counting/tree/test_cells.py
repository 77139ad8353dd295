"""The linear programming engine and the stream of regions: oracles and degenerate networks."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from counting_oracles import (
    brute_force,
    count_cells,
    dense,
    random_layers,
    tent_layers,
    zigzag_layers,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import regions
from regions.counting.result import Status
from regions.counting.tree import cell
from regions.counting.tree.enumerate import enumerate_regions
from regions.counting.tree.simplex import FAILED, ROW, maximise
from regions.errors import DomainError, OutOfTime


def most_cells(n, d):
    return sum(comb(n, j) for j in range(d + 1))


def on_box(layers, low=-1.0, high=1.0):
    size = layers[0][0].shape[1]
    return count_cells(dense(*layers), regions.Box.cube(size, low, high)).count


def on_space(layers):
    return count_cells(dense(*layers), None).count


@pytest.mark.parametrize(("n", "d"), [(5, 1), (5, 2), (6, 3), (9, 4), (4, 6)])
def test_general_position(rng, n, d):
    layers = [(rng.normal(size=(n, d)), rng.normal(size=n))]
    assert on_space(layers) == most_cells(n, d)
    counts = [on_box(layers, -side, side) for side in (0.1, 1.0, 10.0, 1e4)]
    assert counts == sorted(counts)
    assert counts[-1] == most_cells(n, d)


@pytest.mark.parametrize(("n", "d", "cells"), [(5, 2, 10), (6, 3, 32)])
def test_central(rng, n, d, cells):
    layers = [(rng.normal(size=(n, d)), np.zeros(n))]
    assert on_space(layers) == cells
    assert on_box(layers, -3.0, 0.5) == cells


def test_deep_bias_free_counts_agree_on_every_box(rng):
    layers = random_layers(rng, [3, 6, 6], bias=False)
    assert on_space(layers) == on_box(layers) == on_box(layers, -1e3, 1e3)


def test_parallel_and_low_rank(rng):
    direction = rng.normal(size=(1, 3))
    assert on_space([(np.repeat(direction, 6, axis=0), np.arange(6.0))]) == 7
    whole = rng.integers(-999, 1000, size=(7, 2)) @ rng.integers(-999, 1000, size=(2, 5)) * 1.0
    assert on_space([(whole, rng.normal(size=7))]) == most_cells(7, 2)
    # rounded, a product has full rank: the weights are what they are
    rounded = rng.normal(size=(7, 2)) @ rng.normal(size=(2, 5))
    assert on_space([(rounded, rng.normal(size=7))]) == most_cells(7, 5)


def test_grid():
    weight = np.zeros((7, 2))
    weight[:4, 0], weight[4:, 1] = 1.0, 1.0
    assert on_space([(weight, np.array([0.1, 0.2, 0.3, 0.4, -0.1, 0.0, 0.1]))]) == 20


def test_duplicate_and_opposite():
    layer = (np.array([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0]]), np.array([0.1, -0.1, 0.2]))
    assert on_space([layer]) == on_box([layer]) == 2


def test_units_that_never_switch(rng):
    assert on_box([(np.eye(3), np.full(3, 5.0))]) == 1
    assert on_box([(np.zeros((3, 3)), np.zeros(3)), (rng.normal(size=(4, 3)), np.zeros(4))]) == 1
    assert on_space([(np.zeros((3, 3)), np.zeros(3))]) == 1
    with_zero_row = (np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros(2))
    assert on_box([with_zero_row]) == 2


def test_box_touching_a_vertex():
    layer = (np.eye(2), np.array([-1.0, -1.0]))
    assert on_box([layer], 0.0, 1.0) == 1
    assert on_box([layer], 0.0, 1.001) == 4


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_tent(depth):
    layers = tent_layers(depth)
    assert on_box(layers, 0.0, 1.0) == 2**depth
    assert on_box(layers, -5.0, 5.0) == (3 if depth == 1 else 2**depth + 2)


def test_zigzag():
    assert [on_space(zigzag_layers(depth)) for depth in (1, 2, 3)] == [4, 16, 64]
    assert on_space(zigzag_layers(2, copies=2)) == 256


def test_small_example_with_a_split_boundary():
    layers = [
        (np.array([[1.0], [-1.0]]), np.array([0.0, 1.0])),
        (np.array([[4.0, 2.0]]), np.array([-3.0])),
    ]
    assert on_space(layers) == 5


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_unit_scales(rng, scale):
    layers = random_layers(rng, [3, 7, 6])
    scales = scale ** rng.uniform(0, 1, size=7)
    (first, first_bias), (second, bias) = layers
    rescaled = [(first * scales[:, None], first_bias * scales), (second / scales, bias * 1.0)]
    assert on_box(rescaled) == on_box(layers)
    assert on_box([(first * scale, first_bias * scale)]) == on_box([(first, first_bias)])


@settings(deadline=None, max_examples=12, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    (first, bias), (second, last) = random_layers(rng, [d, 5, 4])
    count = on_space([(first, bias), (second, last)])
    order = rng.permutation(5)
    assert on_space([(first[order], bias[order]), (second[:, order], last)]) == count
    dead = (np.vstack([first, np.zeros(d)]), np.append(bias, -1.0))
    assert on_space([dead, (np.column_stack([second, rng.normal(size=4)]), last)]) == count
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    assert on_space([(first @ turn, bias), (second, last)]) == count


@pytest.mark.parametrize("seed", range(12))
def test_brute_force(seed):
    rng = np.random.default_rng(seed)
    d, density = int(rng.integers(1, 4)), (1.0, 0.5, 0.2)[seed % 3]
    net = dense(*random_layers(rng, [d, 4, 3], density, bias=seed % 2 == 0))
    box = regions.Box.cube(d, -1.0, 1.0)
    assert count_cells(net, box).count == brute_force(net, box)


@pytest.mark.parametrize("domain", ["box", "slice", "flat", "space", "half open"])
def test_enumerated_regions(rng, domain):
    net = dense(*random_layers(rng, [3 if domain in ("box", "half open") else 8, 6, 5]))
    points = rng.normal(size=(4, net.input_size))
    domain = {
        "box": lambda: regions.Box.cube(3, -1.0, 2.0),
        "slice": lambda: regions.Slice.through(points, regions.Box.cube(8, -4.0, 4.0)),
        "flat": lambda: regions.Slice.through(points),
        "space": lambda: None,
        "half open": lambda: regions.Box([0.0, -np.inf, -1.0], [np.inf, 1.0, 1.0]),
    }[domain]()
    found = list(enumerate_regions(net, domain))
    assert len({region.pattern.tobytes() for region in found}) == len(found)
    assert len(found) == count_cells(net, domain).count
    faces = 0
    for region in found:
        assert (net.pattern(region.point[None])[0] == region.pattern).all()
        output = net(region.point[None])[0]
        np.testing.assert_allclose(region.slope @ region.coordinates + region.offset, output)
        np.testing.assert_allclose(region.A @ region.point + region.c, output)
        assert (region.normals @ region.coordinates + region.offsets > 0).all()
        faces += (region.units >= 0).sum()
    assert faces % 2 == 0  # every inner facet has two sides


def test_facets_of_a_square_cut_once():
    net = dense((np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros(2)))
    for region in enumerate_regions(net, regions.Box.cube(2, -1.0, 1.0)):
        assert sorted(region.units.tolist())[:3] == [-1, -1, -1]
        assert len(region.units) == 4


def test_many_inputs_and_few_units(rng):
    net = dense(*random_layers(rng, [784, 5, 4]))
    whole, box = count_cells(net, None), count_cells(net, regions.Box.cube(784, 0.0, 1.0))
    assert whole.count >= box.count >= 1
    assert whole.count <= 31 * 16


def test_convolutions_and_residuals(rng):
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 4),
        torch.nn.ReLU(),
        torch.nn.Linear(4, 2),
    )
    net = regions.as_network(model, input_shape=(1, 6, 6))
    flat = regions.Slice.through(rng.normal(size=(3, 36)), regions.Box.cube(36, -2.0, 2.0))
    found = list(enumerate_regions(net, flat))
    assert len(found) == count_cells(net, flat).count == regions.count_regions(net, flat).count
    assert all((net.pattern(r.point[None])[0] == r.pattern).all() for r in found)


def test_time_limit_is_no_exact_count(rng):
    net = dense(*random_layers(rng, [5, 40, 40]))
    found = count_cells(net, regions.Box.cube(5, -1.0, 1.0), time_limit=0.01)
    assert found.status is Status.LIMIT_REACHED
    assert found.count is None
    assert found.lower >= 1
    with pytest.raises(OutOfTime, match="time_limit"):
        list(enumerate_regions(net, regions.Box.cube(5, -1.0, 1.0), time_limit=0.01))


def test_interrupt_keeps_what_is_known(rng, monkeypatch):
    from regions.counting.tree import walk

    net = dense(*random_layers(rng, [3, 12, 12]))
    forms, calls = walk.Tree.forms, []

    def interrupted(self, batch):
        calls.append(len(batch))
        if len(calls) > 2:
            raise KeyboardInterrupt
        return forms(self, batch)

    monkeypatch.setattr(walk.Tree, "forms", interrupted)
    monkeypatch.setattr(walk.Tree, "_budget", lambda *_: 8)
    found = count_cells(net, regions.Box.cube(3, -1.0, 1.0))
    assert found.status is Status.LIMIT_REACHED
    assert found.details["stopped_by"] == "interrupt"
    assert found.lower > 1


def test_bad_input(rng):
    net = dense(*random_layers(rng, [3, 4]))
    with pytest.raises(DomainError, match="3 inputs"):
        enumerate_regions(net, regions.Box.cube(2, 0.0, 1.0))


def test_simplex_agrees_with_highs(rng):
    for _ in range(200):
        d, m = int(rng.integers(1, 7)), int(rng.integers(0, 12))
        table, slack = rng.normal(size=(m + 1, d)), rng.uniform(0.01, 1.0, size=m)
        low, high = -rng.uniform(0.1, 2.0, size=d), rng.uniform(0.1, 2.0, size=d)
        bounds = np.column_stack([low, high])
        best = -linprog(-table[-1], -table[:-1], slack, bounds=bounds, method="highs").fun
        point, corner = np.empty(d), cell.corner_of(d)
        room = cell.room_for(m, d, corner, np.zeros(3))
        room.table[:], room.down[:d], room.up[:d] = table, low, high
        code, value, _ = maximise(m, slack, np.inf, point, room)
        assert code != FAILED
        # the prices are multipliers: the gain and so many rows are largest at the bounds
        names, kinds, prices = corner
        total = table[-1] - prices[kinds == ROW] @ table[names[kinds == ROW]]
        bound = (
            np.where(total > 0, high, low) @ total
            - prices[kinds == ROW] @ slack[names[kinds == ROW]]
        )
        assert bound == pytest.approx(best, abs=1e-9)
        assert value == pytest.approx(best, abs=1e-9)
        assert value == pytest.approx(table[-1] @ point, abs=1e-9)
        assert (table[:-1] @ point + slack >= -1e-9).all()
