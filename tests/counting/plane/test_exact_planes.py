"""Planes whose counts float64 alone gets wrong, and what the plane engine settles them with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from families import FAMILIES, case
from rational_oracle import oracle

import regions
from regions.counting import Status, count_regions
from regions.counting.exact.forms import Forms
from regions.counting.plane import plane as engine
from regions.counting.plane.judge import Judge
from regions.counting.plane.outline import Sides, across, between, clip, sectors
from regions.counting.plane.planar import planar_frame

A = np.array
SQUARE = regions.Box.cube(2, -1.0, 1.0)


def planes(family, seeds):
    """Yield the family's cases on planes."""
    for seed in seeds:
        drawn = case(family, seed)
        whole = drawn.domain is None
        if (drawn.net.input_size if whole else drawn.domain.dimension) == 2:
            yield seed, drawn


def wrong(family, seeds):
    """Return {seed: (expected, found)} where the plane engine is wrong or not sure."""
    found = {}
    for seed, drawn in planes(family, seeds):
        kinds = ["activation"]
        if drawn.domain is not None and drawn.domain.bounded:
            kinds.append("linear")
        for kind in kinds:
            right = oracle(drawn.layers, drawn.domain, drawn.slopes, kind)
            result = count_regions(drawn.net, drawn.domain, method="plane", kind=kind)
            if (result.count, result.status) != (right, Status.EXACT):
                found[seed, kind] = right, result.count
    return found


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"deep"}))
def test_networks_of_any_wiring_are_counted_exactly(family, monkeypatch):
    monkeypatch.setattr(engine, "is_dense", lambda net: False)
    assert wrong(family, range(200, 206)) == {}


def test_floats_alone_would_be_seen(monkeypatch):
    # a judge that lets approximate values decide: the control of all tests here
    monkeypatch.setattr(Forms, "within_reach", False)
    seen = wrong("fractions", range(30))
    assert any(right != count for right, count in seen.values())


def test_what_cannot_be_settled_is_said(monkeypatch):
    third = [(A([[3.0, 0.0], [1.0, 0.0]]), A([-1.0, -1.0 / 3.0])), (np.ones((1, 2)), np.zeros(1))]
    net = regions.as_network(third)
    assert count_regions(net, SQUARE, method="plane").count == oracle(third, SQUARE) == 3
    monkeypatch.setattr(Forms, "within_reach", False)
    found = count_regions(net, SQUARE, method="plane")
    assert found.status is Status.UNCERTIFIED and found.lower == 1 and found.upper is None
    assert found.details["doubtful"] > 0 and 0 < found.details["resolution"] < 1e-9


def test_offsets_of_very_different_size():
    net = regions.as_network([(A([[1.0, 0]]), A([0.0])), (A([[1.0], [0.0]]), A([0.0, 2.0**30]))])
    assert count_regions(net, SQUARE, method="plane", kind="linear").count == 2


def test_a_large_dead_unit_hides_nothing():
    s = 1e6
    layers = [
        (A([[s, 0], [1, 0], [0, 1]]), A([-5 * s, 2, 0])),
        (A([[s, 1, 0]]), A([-2.0])),
        (A([[1.0]]), A([0.0])),
    ]
    net = regions.as_network(layers)
    assert count_regions(net, SQUARE, method="plane").count == 4 == oracle(layers, SQUARE)


@pytest.mark.parametrize("s", [1e-8, 1e7, 1e8, 1e9])
def test_one_unit_of_another_size(s):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 2)), rng.normal(size=5) * 0.3
    second, more = rng.normal(size=(5, 5)), rng.normal(size=5)
    factor = A([1.0, 1.0, 1.0, 1.0, s])
    layers = [(weight * factor[:, None], bias * factor), (second, more), (np.ones((1, 5)), None)]
    found = count_regions(regions.as_network(layers), SQUARE, method="plane")
    assert found.count == oracle(layers, SQUARE) and found.status is Status.EXACT


@pytest.mark.parametrize("gap", [1e-8, 1e-12, 1e-15, 1e-17, 1e-30])
@pytest.mark.parametrize("base", [0.0, 0.1])
def test_parallel_lines_however_near(gap, base):
    layers = [
        (np.tile([[0.6, -0.8]], (3, 1)), A([base, base + gap, base + 2 * gap])),
        (A([[1.0, -2.0, 1.0]]), A([0.0])),
        (np.ones((1, 1)), np.zeros(1)),
    ]
    for domain in (SQUARE, None):
        found = count_regions(regions.as_network(layers), domain, method="plane")
        assert found.count == oracle(layers, domain)


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e150, 1.7e308])
def test_boxes_of_any_size(size):
    scale = min(size, 1e300)
    first = (A([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]), A([0.25, -0.5, 0.125]) * scale)
    layers = [first, (A([[1.0, -1.0, 0.5]]), A([-0.125]) * scale), (np.ones((1, 1)), np.zeros(1))]
    box = regions.Box.cube(2, -size, size)
    found = count_regions(regions.as_network(layers), box, method="plane")
    assert found.count == oracle(layers, box)


@pytest.mark.parametrize("low", [[-np.inf, -np.inf], [-np.inf, -1.0], [0.0, -1.0], [0.0, -np.inf]])
@pytest.mark.parametrize("high", [[np.inf, np.inf], [2.0, np.inf], [np.inf, 3.0]])
@pytest.mark.parametrize("rows", [[[1.0, 0], [2.0, 0]], [[1.0, 1.0], [-2.0, -2.0]], [[0.0, 0]]])
def test_parallel_first_layers_on_open_domains(low, high, rows):
    # no two lines of the first layer cross: one coordinate decides
    n = len(rows)
    layers = [
        (A(rows), np.linspace(-0.5, 1.0, n)),
        (np.ones((2, n)) * [[1.0], [-1.0]], A([-0.75, 0.3])),
        (np.ones((1, 2)), np.zeros(1)),
    ]
    domain = regions.Box(low, high)
    found = count_regions(regions.as_network(layers), domain, method="plane")
    assert found.count == oracle(layers, domain) and found.status is Status.EXACT


def test_the_judge_finds_points_on_a_line():
    # x + y vanishes exactly where x - 1/3 (rounded) and y + 1/3 (rounded) do
    third = 1.0 / 3.0
    net = regions.as_network(
        [(A([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]), A([-third, third, 0.0, 1e-300])),
         (np.ones((1, 4)), None)]
    )  # fmt: skip
    frame = planar_frame(net, SQUARE)
    judge = Judge(net, frame.place, frame.sides, frame.parts[0].axes)
    questions = A([[2, 0, 0, 1], [3, 0, 0, 1], [2, 0, -1, -2], [2, 0, -3, -4]])
    found = judge.answers(questions, np.zeros((4, 2)), np.zeros(0, dtype=bool))
    assert found.tolist() == [0, 1, -1, 1]


def test_outlines():
    square = between([(-2, (0, 1, 1)), (-3, (-1, 0, 1)), (-4, (0, -1, 1)), (-1, (1, 0, 1))])
    assert square.points == ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1))
    half = clip(square, Sides.of({7: (1, 1, 0)}))
    assert half is not None and set(half.points) == {(1, -1, 1), (1, 1, 1), (-1, 1, 1)}
    assert half.labels[half.points.index((-1, 1, 1))] == 7
    assert clip(square, Sides.of({7: (1, 1, -2)})) is None  # it touches a corner
    assert clip(square, Sides.of({7: (1, 1, 2)})) == square
    parts = sectors((0, (1, 2, -3)), (1, (2, -1, 1)), -9)
    assert len({part.points[0] for part in parts}) == 1 and len(parts) == 4
    inside = [clip(part, Sides.of({-1: (1, 0, 4), -2: (-1, 0, 4)})) for part in parts]
    strips, sides = across([part for part in inside if part], (3, 0, 1), 5, -20)
    assert len(strips) == 1 and {p[0] / Fraction(p[2]) for p in strips[0].points} == {-4, 4}
    assert all(label in sides for label in strips[0].labels)


def test_ties_in_sectors_are_exact():
    # all boundaries of an unbounded plane through one point that is no float
    rng = np.random.default_rng(3)
    rows = rng.integers(-3, 4, size=(8, 2)).astype(float)
    rows = rows[np.abs(rows).sum(axis=1) > 0]
    layers = [(rows * 3, -rows @ [1.0, 2.0]), (np.ones((1, len(rows))), None)]
    shifted = [(rows, -rows @ [1.0, 2.0] / 3), layers[1]]
    for each in (layers, shifted):
        found = count_regions(regions.as_network(each), None, method="plane")
        assert found.count == oracle(each, None)


def test_workers_carry_doubts(monkeypatch):
    layers = [(A([[3.0, 0.0], [1.0, 0.0]]), A([-1.0, -1.0 / 3.0])), (np.ones((1, 2)), np.zeros(1))]
    net = regions.as_network(layers)
    assert count_regions(net, SQUARE, method="plane", n_jobs=2).count == 3
    monkeypatch.setattr(Forms, "within_reach", False)
    found = count_regions(net, SQUARE, method="plane", n_jobs=2)
    assert found.status is Status.UNCERTIFIED
