"""Sampled lower bounds, and the warning when they say little."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from counting_oracles import count_cells, count_sample, dense, random_layers

import regions
from regions.counting.result import Status
from regions.counting.sample import SaturationWarning, chao1
from regions.errors import ArgumentError, DomainError


@pytest.mark.parametrize("seed", range(8))
def test_never_above_the_exact_count(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    net = dense(*random_layers(rng, [d, 6, 5], (1.0, 0.4)[seed % 2], bias=seed % 3 > 0))
    box = regions.Box.cube(d, -1.0, 1.0)
    found = count_sample(net, box, samples=2000)
    assert found.status is Status.LOWER_BOUND
    assert found.count is None
    assert 1 <= found.lower <= count_cells(net, box).count


def test_slices_and_repeatability(rng):
    net = dense(*random_layers(rng, [6, 8, 6]))
    flat = regions.Slice.through(rng.normal(size=(3, 6)), regions.Box.cube(6, -3.0, 3.0))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (count_sample(net, flat, samples=3000, rng=5) for _ in range(2))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert first.lower == again.lower
    exact = count_cells(net, flat).count
    assert 0.6 * exact <= first.lower <= exact


def test_saturation_warns(rng):
    net = dense(*random_layers(rng, [8, 30, 30]))
    with pytest.warns(SaturationWarning, match="region of their own"):
        found = count_sample(net, regions.Box.cube(8, -1.0, 1.0), samples=500)
    details = found.details
    assert details["saturated"]
    assert details["drawn"] == 500
    assert details["distinct"] == found.lower
    assert details["new_mass"] == details["singletons"] / 500
    assert details["chao1"] == chao1(details["singletons"], details["doubletons"], found.lower)


@pytest.mark.parametrize(("alone", "warned"), [(2, False), (3, True)])
def test_more_than_a_fifth_of_points_alone_is_too_much(alone, warned):
    # five intervals of a line; ten points, some alone in theirs, the others together
    net = dense((np.ones((4, 1)), -np.arange(1.0, 5.0)))
    points = np.append(np.arange(alone) + 0.5, np.full(10 - alone, 4.5))[:, None]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = count_sample(net, None, points=points)
    assert found.details["new_mass"] == alone / 10
    assert found.details["saturated"] == warned == bool(seen)


def test_chao1_without_doubletons():
    assert chao1(singletons=3, doubletons=0, distinct=5) == 8.0


def test_points_on_boundaries_count_for_a_region():
    # at the origin both units are at their switch; the pattern "none active" is no region there
    net = dense((np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)))
    found = count_sample(net, None, points=np.zeros((500, 2)))
    assert found.lower == count_cells(net, None).count == 2


def test_a_unit_that_is_zero_up_to_rounding_adds_nothing(rng):
    twins = (np.repeat(rng.normal(size=(1, 3)), 2, axis=0), np.full(2, 0.3))
    net = dense(twins, (np.array([[0.1, -0.1], [0.7, -0.7]]), np.zeros(2)))
    box = regions.Box.cube(3, -1.0, 1.0)
    assert count_sample(net, box, samples=2000).lower == count_cells(net, box).count


def test_bad_input(rng):
    net = dense(*random_layers(rng, [2, 4]))
    box = regions.Box.cube(2, 0.0, 1.0)
    with pytest.raises(DomainError, match="unbounded"):
        count_sample(net, None)
    with pytest.raises(ArgumentError, match="outside"):
        count_sample(net, box, points=[[0.5, 2.0]])
    with pytest.raises(ArgumentError, match="shape"):
        count_sample(net, box, points=[[0.5, 0.5, 0.5]])
    with pytest.raises(ArgumentError, match="finite"):
        count_sample(net, box, points=[[0.5, np.nan]])
    with pytest.raises(ArgumentError, match="samples"):
        count_sample(net, box, samples=0)
    with pytest.raises(ArgumentError, match="kind"):
        count_sample(net, box, kind="linear")
