"""The mixed-integer engine: agreement, degenerate units, proofs of optimality, missing solvers."""

from __future__ import annotations

import numpy as np
import pulp
import pytest
from counting_oracles import count_cells, count_milp, dense, random_layers, tent_layers
from families import case
from rational_oracle import all_cells

import regions
from regions.counting.effort import Effort
from regions.counting.result import Status
from regions.counting.solver import model
from regions.counting.solver.verified import Verified
from regions.counting.tree.enumerate import enumerate_regions
from regions.counting.tree.frame import frame_of
from regions.errors import ArgumentError, DomainError, SolverError
from regions.exact.scaled import Scaled

SQUARE = regions.Box.cube(2, -1.0, 1.0)


@pytest.mark.parametrize(("solver", "bias"), [("highs", True), ("highs", False), ("cbc", True)])
def test_agrees_with_cells(solver, bias):
    net = dense(*random_layers(np.random.default_rng(3), [2, 3, 3], bias=bias))
    assert count_milp(net, SQUARE, solver=solver).count == count_cells(net, SQUARE).count


def test_units_that_are_zero_on_a_region():
    # demanding a gap on both sides alone loses the outer regions, and all of them for a zero row
    tent = dense(*tent_layers(2))
    assert count_milp(tent, regions.Box([-3.0], [3.0])).count == 6
    zero_row = dense((np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros(2)))
    assert count_milp(zero_row, SQUARE).count == 2


def test_constraints_of_ones_own():
    net = dense((np.eye(2), np.zeros(2)))
    half = (np.array([[1.0, 0.0]]), np.array([-0.5]))
    assert count_milp(net, SQUARE).count == 4
    assert count_milp(net, SQUARE, constraints=half).count == 2
    for limit in (-1.0, -5.0):  # nothing is left of the square's inside
        found = count_milp(net, SQUARE, constraints=(half[0], np.array([limit])))
        assert (found.count, found.status) == (0, Status.EXACT)
    with pytest.raises(ArgumentError, match="constraints"):
        count_milp(net, SQUARE, constraints=(np.ones((1, 3)), np.ones(1)))


def test_a_region_is_told_from_other_patterns(rng):
    net = dense(*random_layers(rng, [2, 3, 3]))
    known = verified(net, SQUARE)
    patterns = {region.pattern.tobytes() for region in enumerate_regions(net, SQUARE)}
    for number in range(64):
        pattern = np.array([number >> k & 1 for k in range(6)], dtype=bool)
        assert (known.inner_point(pattern) is not None) == (pattern.tobytes() in patterns)


def verified(net, domain):
    return Verified(frame_of(net, domain), Scaled(np.zeros((0, 3), dtype=object)), Effort())


@pytest.mark.parametrize("family", ["integer", "duplicates", "fractions", "parallel", "extreme"])
def test_crossing_facets_finds_every_region(family):
    # even without any pattern from a solver, and where solvers see nothing
    done = 0
    for seed in range(40):
        drawn = case(family, seed)
        cells, d = all_cells(drawn.layers, drawn.domain, drawn.slopes)
        if d != 2 or len(cells) > 30:
            continue
        known = verified(drawn.net, drawn.domain)
        found = {tuple(pattern) for pattern in known.across_facets()}
        found |= {tuple(pattern) for pattern in known._patterns.values()}
        assert found == {pattern for _, pattern, _ in cells}, seed
        done += 1
    assert done >= 4


def test_regions_below_the_solvers_resolution_are_told():
    # two parallel boundaries 1e-12 apart
    net = dense((np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([-0.25, -0.25 + 2.0**-40])))
    found = count_milp(net, SQUARE)
    assert int(found) == 3
    assert found.details["by_solver"] == 2 and found.details["across_facets"] == 1


def test_time_limit_is_never_optimal(rng):
    net = dense(*random_layers(rng, [2, 8, 8]))
    found = count_milp(net, SQUARE, time_limit=0.3)
    assert found.status is Status.LIMIT_REACHED
    assert found.count is None


class TimedOut(pulp.HiGHS):
    """A solver that found something but proved nothing, as PuLP reports it."""

    def actualSolve(self, problem, **kwargs):
        super().actualSolve(problem, **kwargs)
        for variable in problem.variables():
            variable.varValue = 0.0
        problem.status = pulp.LpStatusOptimal
        problem.sol_status = pulp.LpSolutionIntegerFeasible
        return problem.status


def test_optimality_comes_from_sol_status(monkeypatch):
    # status says "Optimal" here, and no pattern with a gap was found: that is no proof
    monkeypatch.setattr(model, "solver_of", lambda name, seconds=None: TimedOut(msg=False))
    net = dense((np.eye(2), np.zeros(2)))
    for limit in (None, 60.0):
        found = count_milp(net, SQUARE, time_limit=limit)
        assert (found.status, found.count) == (Status.EXACT, 4)  # across facets
        assert found.details["by_solver"] == 0
    wide = regions.Box.cube(49, -1.0, 1.0)
    with pytest.raises(SolverError, match="without a proof"):
        count_milp(dense((np.eye(1, 49), np.zeros(1))), wide)


def test_missing_solver_and_unbounded_domain(monkeypatch):
    net = dense((np.eye(2), np.zeros(2)))
    monkeypatch.setattr(pulp.HiGHS, "available", lambda self: False)
    with pytest.raises(SolverError, match="not installed"):
        count_milp(net, SQUARE)
    with pytest.raises(ArgumentError, match="expected one of"):
        count_milp(net, SQUARE, solver="simplex")
    with pytest.raises(DomainError, match="bounded"):
        count_milp(net, None)


def test_a_unit_that_is_never_negative_may_be_zero_all_over_a_region():
    net = dense(([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0]))
    assert count_milp(net, SQUARE).count == count_cells(net, SQUARE).count == 2
