"""The cells into which hyperplanes cut a polytope, counted by flats and by cutting."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

import regions
from regions.counting.tree import flats

BY_FLATS = flats.count_flats


def through_a_box(rng, d, n, half):
    """Return a network of n hyperplanes that all pass near the origin, and a cube around it."""
    weight, bias = rng.normal(size=(n, d)), rng.normal(size=n) * 0.1
    net = regions.as_network([(weight, bias), (np.ones((1, n)), None)])
    return net, regions.Box.cube(d, -half, half)


def counted(net, domain, monkeypatch, most):
    """Count by flats up to so many of them, by cutting above; say how many cells flats counted."""
    by_flats = []

    def watched(*given):
        code = BY_FLATS(*given[:6], most, *given[7:])
        by_flats.extend(given[7].tolist())
        return code

    monkeypatch.setattr(flats, "count_flats", watched)
    found = regions.count_regions(net, domain, method="vertices")
    assert found.status is regions.Status.EXACT
    return found.count, by_flats


@pytest.mark.parametrize("d, n", [(1, 7), (2, 1), (2, 6), (3, 8), (4, 6), (5, 6)])
def test_a_cube_that_holds_every_crossing_is_cut_as_the_whole_space(d, n, rng, monkeypatch):
    net, cube = through_a_box(rng, d, n, half=1e6)
    count, by_flats = counted(net, cube, monkeypatch, 1e7)
    assert count == sum(comb(n, k) for k in range(d + 1)) and by_flats == [count]


@pytest.mark.parametrize("d, n", [(2, 6), (3, 7), (4, 6)])
@pytest.mark.parametrize("half", [0.05, 0.3, 1.0])
def test_flats_and_cutting_agree_where_crossings_lie_outside(d, n, half, rng, monkeypatch):
    net, cube = through_a_box(rng, d, n, half)
    count, by_flats = counted(net, cube, monkeypatch, 1e7)
    assert by_flats == [count]
    assert counted(net, cube, monkeypatch, -1) == (count, [-1])


def test_hyperplanes_in_special_position_are_left_to_cutting(monkeypatch):
    # three lines through one point, and a line of which another is a multiple
    weight, bias = np.array([[1.0, 0], [0, 1], [1, 1], [2, 1]]), np.array([0.0, 0, 0, 0.25])
    net = regions.as_network([(weight, bias), (np.ones((1, 4)), None)])
    count, by_flats = counted(net, regions.Box.cube(2, -4.0, 4.0), monkeypatch, 1e7)
    assert by_flats[-1] == -1
    # six sectors, and the fourth line meets the three others in three points: four more
    assert count == 6 + 4
