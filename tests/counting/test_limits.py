"""Whenever the clock is looked at or Ctrl-C comes, what is known is returned, and it is right."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import regions
from regions.counting import Status, count_regions
from regions.counting.effort import Effort
from regions.counting.sample import SaturationWarning
from regions.errors import OutOfTime

RNG = np.random.default_rng(4)
LAYERS = [
    (RNG.normal(size=(5, 4)), RNG.normal(size=5) * 0.3),
    (RNG.normal(size=(4, 5)), RNG.normal(size=4) * 0.3),
    (RNG.normal(size=(2, 4)), RNG.normal(size=2)),
]
NET = regions.as_network(LAYERS)
POINTS, BOX = RNG.uniform(-0.9, 0.9, size=(4, 4)), regions.Box.cube(4, -1.0, 1.0)
DOMAINS = {d: regions.Slice.through(POINTS[: d + 1], BOX) for d in (1, 2, 3)}
ENGINES = {
    ("line", 1): {},
    ("plane", 2): {},
    ("cells", 3): {},
    ("vertices", 3): {},
    ("milp", 2): {},
    ("parity", 2): {"parities": [1, 2], "trials": 2},
    ("sample", 3): {"samples": 300},
    ("estimate", 3): {"walks": 60, "leaves": 1, "strata": 4},
}


@pytest.fixture(scope="module")
def exact():
    """The counts; made here, because files are read by every process of a run."""
    return {d: int(count_regions(NET, domain)) for d, domain in DOMAINS.items()}


class Clock:
    """Stops a count when it is looked at for the n-th time."""

    def __init__(self, monkeypatch, looks, error):
        self.looks, self.error = looks, error
        monkeypatch.setattr(Effort, "check", lambda effort: self.look())
        monkeypatch.setattr(Effort, "expired", lambda effort: self.late())

    def late(self):
        self.looks -= 1
        if self.looks < 0 and self.error is KeyboardInterrupt:
            raise KeyboardInterrupt
        return self.looks < 0

    def look(self):
        if self.late():
            raise self.error


@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt])
@pytest.mark.parametrize(("method", "d"), sorted(ENGINES))
def test_stopped_at_any_look_at_the_clock(exact, monkeypatch, method, d, error):
    stopped = 0
    for looks in (0, 1, 2, 3, 5, 8, 13, 30, 100, 10**9):
        clock = Clock(monkeypatch, looks, error)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)
            found = count_regions(NET, DOMAINS[d], method=method, **ENGINES[method, d])
        if clock.looks < 0:
            stopped += 1
            by = "time" if error is OutOfTime else "interrupt"
            assert (found.status, found.details["stopped_by"]) == (Status.LIMIT_REACHED, by)
        else:
            assert found.status is not Status.LIMIT_REACHED
        assert 1 <= found.lower <= exact[d] or found.status is Status.ESTIMATE
    assert stopped >= 1


@pytest.mark.parametrize("method", ["milp", "parity", "sample", "estimate", "cells"])
def test_the_way_to_the_first_region_is_within_the_limit(monkeypatch, method):
    # bounds of a slice are programs of their own: they look at the clock
    Clock(monkeypatch, 0, OutOfTime)
    seen = []
    monkeypatch.setattr("regions.counting.tree.frame.joined", lambda *_: seen.append("late"))
    found = count_regions(NET, DOMAINS[3], method=method)
    assert found.status is Status.LIMIT_REACHED and seen == []


def test_workers_stop_as_well():
    wide = [(RNG.normal(size=(40, 6)), RNG.normal(size=40)), (np.ones((1, 40)), None)]
    box = regions.Box.cube(6, -1.0, 1.0)
    for method in ("cells", "estimate"):
        options = {"walks": 10**6} if method == "estimate" else {}
        found = count_regions(wide, box, method=method, n_jobs=2, time_limit=0.5, **options)
        assert found.status is Status.LIMIT_REACHED and found.lower >= 1


@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("line", "line.line.line_frame"),
        ("plane", "plane.plane.planar_frame"),
        ("cells", "tree.cells.frame_of"),
        ("vertices", "tree.vertices.frame_of"),
        ("estimate", "tree.estimate.frame_of"),
        ("sample", "points.frame_of"),
        ("milp", "solver.milp.frame_of"),
        ("parity", "solver.model.Model.of"),
    ],
)
def test_stopped_in_the_set_up(monkeypatch, method, place, error):
    def stops(*_):
        raise error

    monkeypatch.setattr(f"regions.counting.{place}", stops)
    found = count_regions(NET, DOMAINS[{"line": 1, "plane": 2}.get(method, 3)], method=method)
    assert (found.status, found.lower) == (Status.LIMIT_REACHED, 1)
