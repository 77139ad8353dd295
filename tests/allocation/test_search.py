"""When a search ends: at the most that is possible, at its limits; and what it then returns."""

import itertools
import time

import numpy as np
import pytest

import regions
from regions.allocation import OBJECTIVES
from regions.allocation.problem import make_problem
from regions.errors import ArgumentError

WIDTHS = [30, 25, 20, 15, 4]


@pytest.mark.parametrize("name", ["effective-weights", "effective-units", "live", "effective"])
def test_no_split_exceeds_the_ceiling_and_dense_networks_reach_it(name):
    chosen = OBJECTIVES[name]()
    for density in (0.02, 0.1, 1.0):
        problem = make_problem(WIDTHS, {"density": density}, (), None, 1, False, None)
        evaluate = chosen.prepare(problem, np.random.default_rng(0))
        ceiling = chosen.ceiling(problem)
        rng = np.random.default_rng(1)
        splits = [
            problem.share(dict(zip(problem.free, rng.random(3), strict=True))) for _ in range(20)
        ]
        values = [evaluate(problem.complete(split)).mean() for split in splits]
        assert max(values) <= ceiling * (1 + 1e-12)
    assert max(values) == pytest.approx(ceiling, rel=1e-12)


def test_what_reaches_the_ceiling_ends_the_search():
    found = regions.allocate(WIDTHS, 0.9, "effective-units")
    assert found.converged and found.counts == found.uniform
    assert found.value == 60 and found.evaluations < 50
    sparse = regions.allocate(WIDTHS, 0.02, "effective-units", max_evaluations=300)
    assert sparse.value < 60 and sparse.evaluations > found.evaluations  # the control


def test_the_time_limit_returns_the_best_so_far():
    tried = []

    def slow(densities):
        time.sleep(0.05)
        tried.append(densities["layer1"])
        return -densities["layer1"]

    found = regions.allocate(WIDTHS, 0.2, slow, time_limit=0.2)
    assert 1 <= found.evaluations == len(tried) < 10 and not found.converged
    assert found.value == -min(tried)
    once = regions.allocate(WIDTHS, 0.2, slow, time_limit=1e-9)
    assert once.evaluations == 1 and once.counts == once.uniform


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_limits_that_are_none_are_refused(limit):
    with pytest.raises(ArgumentError, match="time_limit"):
        regions.allocate(WIDTHS, 0.2, time_limit=limit)


def test_every_split_of_few_is_still_tried_where_none_is_perfect():
    def first(densities):
        return densities["layer1"] ** 2 + densities["layer2"]

    found = regions.allocate([4, 3, 3, 2], weights=6, objective=first)
    splits = itertools.product(range(1, 6), repeat=2)
    best = max((a / 12) ** 2 + b / 9 for a, b in splits if a + b == 6)
    assert found.value == pytest.approx(best)
