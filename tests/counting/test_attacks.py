"""Inputs that once gave a wrong count, a raw error or a late answer."""

from __future__ import annotations

import numpy as np
import pytest
from families import chain
from rational_oracle import oracle

from regions.counting import Status, count_regions
from regions.counting.exact.forms import Forms, Place
from regions.counting.tree.halfspaces import Halfspaces
from regions.errors import DomainError, OutOfTime
from regions.networks import Box, Slice

LEAST = 5e-324
EXACT_ENGINES = ("cells", "vertices")


def _cancelling(inputs):
    """Units in pairs of opposites, and their differences."""
    weight = np.random.default_rng(inputs).normal(size=(2, inputs))
    first = np.vstack([weight, -weight])
    second = np.array([[1.0, 0, -1, 0], [0, 1, 0, -1], [1, 0, -1, -1], [0, 1, 1, 1]])
    layers = [(first, np.zeros(4)), (second, np.array([0, 1e-16, 0, 0])), (np.ones((1, 4)), [0.0])]
    return layers, [0.0, 0.0]


@pytest.mark.parametrize("half", [LEAST, 3 * LEAST, 2.0**-1000])
@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_boxes_at_the_ends_of_the_range(half, inputs):
    layers, slopes = _cancelling(inputs)
    box = Box.cube(inputs, -half, half)
    expected = oracle(layers, box, slopes)
    assert expected > 1
    for method in EXACT_ENGINES[: 1 if inputs == 1 else 2]:
        result = count_regions(chain(layers, slopes), box, method=method)
        assert (result.count, result.status) == (expected, Status.EXACT), method


@pytest.mark.parametrize("method", EXACT_ENGINES)
def test_boxes_of_the_largest_size(method):
    box = Box.cube(2, -1.7e308, 1.7e308)
    layers = [(np.array([[1.0, 0], [0, 1], [1, 1]]), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    result = count_regions(chain(layers, [0.0]), box, method=method)
    assert (result.count, result.status) == (6, Status.EXACT)


@pytest.mark.parametrize("slope", [1e-4, 1e-300, LEAST, 1e300, -1e-300])
@pytest.mark.parametrize("method", ["line", "cells"])
def test_slopes_whose_integers_are_long(slope, method):
    layers = [
        (np.array([[1.0], [3.0]]), np.array([-0.1, -0.3])),
        (np.array([[1.0, -0.5], [-2.0, 1.0]]), np.array([0.0, 2.0**-60])),
        (np.ones((1, 2)), np.zeros(1)),
    ]
    box = Box([-1.0], [1.0])
    result = count_regions(chain(layers, [slope, slope]), box, method=method)
    assert (result.count, result.status) == (oracle(layers, box, [slope] * 2), Status.EXACT)


def test_coefficients_beyond_float64_in_exact_forms():
    layers = [(np.array([[2.0**1000]]), np.zeros(1)), (np.array([[3.0]]), np.array([-1.0]))]
    layers += [(np.array([[5.0]]), np.array([1.0])), (np.ones((1, 1)), np.zeros(1))]
    place = Place.of(Box([-1.0], [1.0]), 1, np.array([0.0]), np.array([[2.0**1000]]))
    forms = Forms(chain(layers, [0.0] * 3), place)
    assert forms.unit(1, np.array([True, True, True])) == (3 * 2**2000, -1)
    assert forms.unit(2, np.array([True, True, True])) == (15 * 2**1998, -1)


def test_sides_of_a_box_are_those_of_its_rows():
    box = Box([-0.1, 1 / 3, -np.inf], [0.7, np.inf, 5.0])
    axes = np.array([[2.0, 0, 0], [0.5, 0.25, 0], [0, 0, 2.0**-40]])
    place = Place.of(box, 3, np.array([0.1, 1.0, 0.0]), axes)
    one, two = place.sides, place.rows.ints
    assert sorted(one) == place.numbers.tolist()
    for number, row in zip(place.numbers.tolist(), two, strict=True):
        common = np.gcd.reduce(row)
        assert one[number] == tuple(int(x) // int(common) for x in row)


def test_planes_whose_corners_are_beyond_float64_are_refused():
    points = [[0.0, 0.0], [1e-300, 0.0], [0.0, 1e-300]]
    plane = Slice.through(points, box=Box.cube(2, -1e200, 1e200))
    layers = [(np.array([[1.0, 0], [0, 1], [1, 1]]), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    with pytest.raises(DomainError, match="corner of the plane"):
        count_regions(chain(layers, [0.0]), plane, method="plane")


@pytest.mark.parametrize("kind", ["activation", "linear"])
@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt])
def test_stopped_on_the_way_to_the_root(monkeypatch, kind, error):
    def stops(self):
        raise error

    monkeypatch.setattr(Halfspaces, "root", stops)
    layers, slopes = _cancelling(3)
    result = count_regions(chain(layers, slopes), Box.cube(3, -1, 1), method="cells", kind=kind)
    assert (result.status, result.lower) == (Status.LIMIT_REACHED, 1)
