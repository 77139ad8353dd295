"""Decisions that were left to float64 are said by everything that rests on them."""

from __future__ import annotations

import joblib
import numpy as np
import pytest

import regions
from regions.counting import Status, UncertifiedWarning, breakpoints, count_regions
from regions.counting.effort import Effort
from regions.counting.exact.forms import Forms
from regions.counting.plane.planar import planar_frame
from regions.counting.plane.plane import plane_cells
from regions.counting.question import Question
from regions.counting.result import Found
from regions.counting.solver import milp, verified
from regions.counting.tree import settle
from regions.counting.tree.linear import count_merged
from regions.counting.undecided import Undecided
from regions.errors import OutOfTime

# 3 x = 1 and x = fl(1/3) are 1.9e-17 apart: float64 cannot see that these are two
LAYERS = [
    (np.array([[3.0], [1.0]]), np.array([-1.0, -1 / 3])),
    (np.ones((3, 2)), np.array([0.1, 0.2, -0.3])),
    (np.ones((1, 3)), np.zeros(1)),
]
PLANE = [(np.hstack([LAYERS[0][0], [[0.0], [0.0]]]), LAYERS[0][1]), *LAYERS[1:]]
LINE, SQUARE = regions.Box([-1.0], [1.0]), regions.Box.cube(2, -1.0, 1.0)
NET = regions.as_network(LAYERS)


@pytest.fixture
def out_of_reach(monkeypatch):
    monkeypatch.setattr(settle, "LARGEST", 0)
    monkeypatch.setattr(Forms, "within_reach", property(lambda self: False))
    monkeypatch.setattr("regions.counting.line.crossings.within_reach", lambda net: False)


@pytest.fixture(params=[None, 2])
def n_jobs(request):
    # threads, which see the lowered reach
    with joblib.parallel_config("threading"):
        yield request.param


def test_an_account_of_nothing_is_exact():
    left = Undecided()
    left.add(Undecided())
    assert left.details() == {} and Found.counted(3, left).status is Status.EXACT
    left.add(Undecided(2, 1e-12))
    left.add(Undecided(1, 1e-15))
    known = Found.counted(3, left)
    assert (known.status, known.lower, known.upper) == (Status.UNCERTIFIED, 1, None)
    assert known.details == {"doubtful": 3, "resolution": 1e-12}
    # what was found before the end may not exist either
    assert Found.counted(3, left, "time").lower == 1
    assert Found.counted(3, Undecided(), "time").lower == 3


@pytest.mark.parametrize("kind", ["activation", "linear"])
@pytest.mark.parametrize("method", ["cells", "vertices", "line"])
def test_counts_say_it(out_of_reach, method, kind, n_jobs):
    found = count_regions(NET, LINE, method=method, kind=kind, n_jobs=n_jobs)
    assert found.status is Status.UNCERTIFIED
    assert found.details["doubtful"] >= 1 and 0 < found.details["resolution"] < 1e-6


@pytest.mark.parametrize("kind", ["activation", "linear"])
def test_counts_in_the_plane_say_it(out_of_reach, kind, n_jobs):
    found = count_regions(PLANE, SQUARE, method="plane", kind=kind, n_jobs=n_jobs)
    assert found.status is Status.UNCERTIFIED and found.details["doubtful"] >= 1


def test_within_reach_nothing_is_left(n_jobs):
    assert int(count_regions(NET, LINE, method="cells", n_jobs=n_jobs)) == 4
    assert int(count_regions(NET, LINE, method="cells", kind="linear", n_jobs=n_jobs)) == 4
    assert len(list(regions.enumerate_regions(NET, LINE, n_jobs=n_jobs))) == 4  # and no warning
    assert regions.region_graph(NET, LINE).number_of_edges() == 3


def test_regions_and_graphs_warn(out_of_reach, n_jobs):
    with pytest.warns(UncertifiedWarning, match="left to float64") as given:
        list(regions.enumerate_regions(NET, LINE, n_jobs=n_jobs))
    assert len(given) == 1
    with pytest.warns(UncertifiedWarning):
        regions.region_graph(NET, LINE)


def test_estimates_say_it(out_of_reach, n_jobs):
    options = {"method": "estimate", "walks": 40, "leaves": 1, "strata": 1}
    found = count_regions(NET, LINE, n_jobs=n_jobs, **options)
    assert found.status is Status.ESTIMATE and found.details["doubtful"] >= 1
    assert found.upper is not None or found.lower == 1


def test_estimates_within_reach_have_nothing_to_say():
    found = count_regions(NET, LINE, method="estimate", walks=40, leaves=1, strata=1)
    assert "doubtful" not in found.details


def test_breakpoints_and_cells_of_planes_warn(out_of_reach):
    with pytest.warns(UncertifiedWarning, match="breakpoints"):
        breakpoints(NET, LINE)
    net = regions.as_network(PLANE)
    with pytest.warns(UncertifiedWarning, match="cells of a plane"):
        list(plane_cells(net, planar_frame(net, SQUARE)))


def test_pieces_that_are_cut_short_promise_one(out_of_reach, monkeypatch):
    def stops(*_):
        raise OutOfTime

    monkeypatch.setattr("regions.counting.tree.linear._pieces", stops)
    found = count_merged(Question.of(NET, LINE, "linear"), Effort())
    assert (found.status, found.lower) == (Status.LIMIT_REACHED, 1)
    assert found.details["doubtful"] >= 1


def test_the_solver_alone_is_never_exact(monkeypatch):
    monkeypatch.setattr(verified, "_LARGEST", 0)
    layers = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    found = count_regions(layers, SQUARE, method="milp")
    assert (found.status, found.count, found.lower) == (Status.UNCERTIFIED, 4, 1)
    # not even where it finds nothing
    monkeypatch.setattr(milp.Model, "next_pattern", lambda *_: None)
    assert count_regions(layers, SQUARE, method="milp").status is Status.UNCERTIFIED
