"""A network laid out flat for the compiled plane engine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import regions
from regions.counting.effort import Effort
from regions.counting.plane import plane as engine
from regions.counting.plane.chain import _norm, _twins
from regions.counting.plane.explorer import PlaneCells, Polygon
from regions.counting.plane.planar import planar_frame
from regions.counting.plane.scale_kernel import FLOOR, balance


def balanced(weight, bias, before, fed):
    n, m = weight.shape
    scaled, offset = np.empty((n, m)), np.empty(m)
    exponents, grids = np.empty(m, np.int64), np.empty(m)
    balance(weight, bias, before, fed, 0.0, scaled, offset, exponents, grids)
    return scaled, offset, exponents, grids


def test_layers_are_scaled_exactly():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(6, 5)) * 10.0 ** rng.integers(-60, 60, size=5)
    weight[:, 4] = 0.0
    bias, before = rng.normal(size=5), rng.integers(-50, 50, size=6)
    scaled, offset, exponents, _ = balanced(weight, bias, before, np.full(6, -np.inf))
    for i in range(6):
        for j in range(5):
            exact = Fraction(weight[i, j]) * Fraction(2) ** int(before[i] - exponents[j])
            assert Fraction(scaled[i, j]) == exact
    norms = np.linalg.norm(scaled, axis=0)
    assert ((norms[:4] > 0.7) & (norms[:4] < 1.42)).all() and norms[4] == 0.0
    assert 0.5 <= abs(offset[4]) < 1.0  # without weights the bias counts
    small = balanced(np.array([[1.0], [-1e-300]]), np.zeros(1), np.zeros(2, np.int64), np.zeros(2))
    assert small[0][1, 0] == -FLOOR


def test_grids_hold_all_maps():
    rng = np.random.default_rng(1)
    weight = rng.integers(-4, 5, size=(4, 3)) / 8.0
    fed = np.array([0.0, -1.0, -3.0, 0.0])
    bias = np.array([0.0, 0.5, 0.25])
    scaled, offset, _, grids = balanced(weight, bias, np.zeros(4, np.int64), fed)
    for j in range(3):
        numbers = [*(scaled[:, j] * np.exp2(fed)), offset[j]]
        assert all((x * np.exp2(-grids[j])).is_integer() for x in numbers)
        assert grids[j] == 0.0 or not all(
            (x * np.exp2(-grids[j] - 1)).is_integer() for x in numbers
        )
    rough = balanced(rng.normal(size=(4, 3)), bias, np.zeros(4, np.int64), fed - 60)
    assert (rough[3] == -np.inf).all()  # so fine that it settles nothing


@pytest.mark.parametrize("shape", [(3, 3), (16, 16), (40, 7), (300, 300)])
def test_norms_bound_singular_values(shape):
    weight = np.random.default_rng(2).normal(size=shape)
    largest = np.linalg.norm(weight, 2)
    assert largest <= _norm(weight) <= np.linalg.norm(weight) * 1.002
    if max(shape) < 100:
        assert _norm(weight) < 1.3 * largest


def test_twins_are_multiples():
    row = np.array([1.0, 3.0, -0.1, 0.5])
    rows = np.array([row, 2 * row, 3 * row, -row / 8, [0, 0, 5, 0], [0, 0, -3, 0], [0, 0, 0, 0.0]])
    assert _twins(rows[:, :3].T, rows[:, 3], 10).tolist() == [10, 10, 12, 10, 14, 14, 16]
    generic = np.random.default_rng(0).normal(size=(4, 9))
    assert _twins(generic, np.zeros(9), 0).tolist() == list(range(9))


def deep(depth, width=12):
    rng, layers, n = np.random.default_rng(3), [], 2
    for _ in range(depth):
        weight = rng.normal(size=(width, n)) * np.sqrt(2 / n)
        layers.append((weight, rng.normal(size=width) * 0.1))
        n = width
    return regions.as_network([*layers, (rng.normal(size=(2, width)), np.ones(2))])


def test_errors_of_deep_maps_are_bounded():
    net, domain = deep(10), regions.Box([0.1, 0.2], [0.3, 0.4])
    frame = planar_frame(net, domain)
    part = frame.parts[0]
    explorer = engine._explorer(net, frame, part, Effort())()
    cells = PlaneCells.joined(list(explorer.cells(Polygon(part.vertices, part.labels))))
    assert len(cells) > 20
    largest = 0.0
    for cell in range(len(cells)):
        exact = explorer.judge.forms.outputs(cells.patterns[cell])
        scale = Fraction(2) ** exact.exponent
        for unit in range(2):
            for axis in range(3):
                right = int(exact.ints[unit, axis]) * scale
                off = abs(Fraction(cells.outputs[cell, axis, unit]) - right)
                bound = cells.errors[cell, int(axis == 2), unit]
                assert off <= Fraction(bound)
                largest = max(largest, float(off))
    assert 1e-18 < largest and cells.errors.max() < 1e-6
