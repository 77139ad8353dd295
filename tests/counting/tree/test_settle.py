"""What float64 cannot decide about cells is decided in integers, and said if it cannot be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

import regions
from regions.counting import count_regions
from regions.counting.exact.forms import Forms
from regions.counting.result import Status
from regions.counting.tree import settle
from regions.counting.tree.enumerate import enumerate_regions
from regions.exact.program import dominated, farthest
from regions.exact.solve import value

BELOW = float(np.nextafter(1 / 3, 0))


def random_program(seed):
    rng = np.random.default_rng(seed)
    d, m = int(rng.integers(1, 6)), int(rng.integers(0, 12))
    rows = np.column_stack([rng.integers(-5, 6, (m, d)), rng.integers(0, 5, m)])
    sides = np.vstack(
        [np.column_stack([sign * np.eye(d, dtype=int), np.full(d, 10)]) for sign in (1, -1)]
    )
    rows = [tuple(row) for row in np.vstack([rows, sides]).tolist()]
    return rows, tuple(rng.integers(-5, 6, d + 1).tolist()), rng.permutation(len(rows)).tolist()


@pytest.mark.parametrize("seed", range(60))
def test_programs_in_integers(seed):
    rows, gain, order = random_program(seed)
    d, table = len(gain) - 1, np.array(rows, dtype=float)
    point, stops = farthest(rows, gain, order[:d])
    assert all(value(row, point) >= 0 for row in rows)
    best = linprog(-np.array(gain[:d]), -table[:, :d], table[:, d], bounds=(None, None))
    assert value(gain, point) / point[-1] == pytest.approx(gain[d] - best.fun, abs=1e-7)
    # the rows that stop it prove that there is no more, and not that there is less
    top = Fraction(value(gain, point), point[-1])
    for less, proved in ((0, True), (1, False)):
        rest = gain[d] - top + Fraction(less, 10**30)
        lower = [number * rest.denominator for number in gain[:d]]
        chosen = [rows[i] for i in stops]
        assert dominated(chosen, (*lower, rest.numerator)) is proved


def layers_between(low, high):
    """Return two units that switch at `low` and at `high`, and one that sums them."""
    first = (np.array([[1.0], [1.0]]), np.array([-low, -high]))
    return [first, (np.ones((1, 2)), np.zeros(1)), (np.ones((1, 1)), None)]


@pytest.mark.parametrize("domain", [regions.Box([-1.0], [1.0]), None])
def test_a_sliver_between_neighbouring_floats_is_a_region(domain):
    found = list(enumerate_regions(regions.as_network(layers_between(BELOW, 1 / 3)), domain))
    assert len({region.pattern.tobytes() for region in found}) == len(found) == 3
    middle = next(region for region in found if region.pattern.tolist() == [True, False, True])
    assert sorted(middle.units.tolist()) == [0, 1]
    assert middle.point[0] in (BELOW, 1 / 3)
    # control: where both switch at one float, there is none
    assert int(count_regions(layers_between(1 / 3, 1 / 3), domain, method="cells")) == 2


def test_a_sliver_narrower_than_any_float():
    # 3 x = 1 and x = fl(1/3) are 1.9e-17 apart
    layers = [(np.array([[3.0], [1.0]]), np.array([-1.0, -1 / 3])), (np.ones((1, 2)), None)]
    box = regions.Box([-1.0], [1.0])
    assert int(count_regions(layers, box, method="cells")) == 3
    graph = regions.region_graph(layers, box)
    assert len(graph) == 3 and graph.number_of_edges() == 2
    walked = count_regions(layers, box, method="estimate", strata=1, leaves=1, walks=200)
    assert walked.count == 3 or walked.upper is None
    # control: 4 x = 1 and x = 1/4 are one
    layers[0] = (np.array([[4.0], [1.0]]), np.array([-1.0, -1 / 4]))
    assert int(count_regions(layers, box, method="cells")) == 2


def test_what_is_left_to_float64_is_said(monkeypatch):
    layers = [(np.array([[3.0], [1.0]]), np.array([-1.0, -1 / 3])), (np.ones((1, 2)), None)]
    monkeypatch.setattr(settle, "LARGEST", 0)
    monkeypatch.setattr(Forms, "within_reach", property(lambda self: False))
    found = count_regions(layers, regions.Box([-1.0], [1.0]), method="cells")
    assert found.status is Status.UNCERTIFIED
    assert found.details["doubtful"] >= 1 and found.details["resolution"] < 1e-12


@pytest.mark.parametrize("units", [1, 8])
def test_the_domain_has_a_name_for_each_side(units):
    rng = np.random.default_rng(units)
    layers = [(rng.normal(size=(units, 3)), rng.normal(size=units)), (np.ones((1, units)), None)]
    for region in enumerate_regions(regions.as_network(layers), regions.Box.cube(3, -1.0, 1.0)):
        assert set(region.units) <= {-1, *range(units)}
        norms = np.linalg.norm(region.normals, axis=1)
        np.testing.assert_allclose(norms, 1.0)
