"""Frames: exact walls, ranks that are proved, and clocks that are looked at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import regions
from regions.counting.effort import Effort
from regions.counting.tree import corners, frame
from regions.counting.tree.frame import frame_of
from regions.counting.tree.limits import Limits
from regions.errors import OutOfTime

LATE = Effort(time_limit=1e-9)  # over before anything is looked at


def net_of(rng, n0, width=4):
    return regions.as_network([(rng.normal(size=(width, n0)), None), (np.ones((1, width)), None)])


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (0.0, 0.3), (-1e-170, 3.0), (0.1, 0.7)])
def test_walls_are_exact_or_not_known(rng, low, high):
    found = frame_of(net_of(rng, 2), regions.Box.cube(2, low, high))
    walls, forms = found.walls, Limits.of(found).walls
    for i, form in enumerate(forms):
        exact, known = Fraction(-form[2], form[i % 2]), walls.flat[i]
        assert np.isnan(known) or Fraction(float(known)) == exact
        off = Fraction(float([found.low, found.high][i // 2][i % 2])) - exact
        assert (off <= 0) if i < 2 else (off >= 0)
    if (low, high) == (-1.0, 1.0):
        assert walls.tolist() == [[-1.0, -1.0], [1.0, 1.0]]


def test_ranks_are_proved(rng):
    whole = rng.integers(-9, 10, size=(8, 3)) @ rng.integers(-9, 10, size=(3, 6)) * 1.0
    assert frame._has_rank(whole, 3) and not frame._has_rank(whole, 4)
    assert frame._has_rank(whole * 1e-170, 3) and frame._has_rank(whole * 1e300, 3)
    almost = np.array([[1.0, 1.0], [1.0, np.nextafter(1.0, 2.0)]])
    assert frame._has_rank(almost, 1) and not frame._has_rank(np.ones((2, 2)), 2)


def test_few_units_make_few_directions(rng):
    assert frame_of(net_of(rng, 784), None).dimension == 4
    assert frame_of(net_of(rng, 3), None).dimension == 3


def test_the_set_up_looks_at_the_clock(rng):
    points, box = rng.normal(size=(4, 30)), regions.Box.cube(30, -9.0, 9.0)
    domain, net = regions.Slice.through(points, box), net_of(rng, 30)
    with pytest.raises(OutOfTime):
        frame_of(net, domain, LATE.check)
    with pytest.raises(OutOfTime):
        corners.of_bounded(frame_of(net, domain), LATE.check)
    with pytest.raises(OutOfTime):
        frame_of(net, None, LATE.check)


@pytest.mark.parametrize("method", ["vertices", "cells"])
def test_time_over_in_the_set_up_gives_a_lower_bound(rng, method):
    points, box = rng.normal(size=(4, 30)), regions.Box.cube(30, -9.0, 9.0)
    domain = regions.Slice.through(points, box)
    found = regions.count_regions(net_of(rng, 30), domain, method=method, time_limit=1e-9)
    assert found.lower == 1 and found.details["stopped_by"] == "time"
