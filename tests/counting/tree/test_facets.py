"""Redundant halfspaces go, facets stay: against linear programs of another solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from families import case
from scipy.optimize import linprog

import regions
from regions.counting.tree import facets
from regions.counting.tree.halfspace_cells import Batch
from regions.counting.tree.halfspaces import Halfspaces

wall_facets = Halfspaces._wall_facets


def polytope(rng, d, m):
    """Return m halfspaces around the origin in a cube, as a batch of one cell."""
    slopes = rng.normal(size=(m, d))
    slopes /= np.abs(slopes).max(axis=1, keepdims=True)
    rows = np.column_stack([slopes, rng.uniform(0.1, 2.0, size=m)])
    ones, off = np.ones(d), np.tile([1e-14, 0.0, 0.0, 0.0], (m, 1))
    bounds = np.array([-ones, ones, -ones, ones, -ones, ones])
    starts, point = np.array([0, m]), np.zeros((1, d))
    return Batch(rows, off, starts, -ones[None], ones[None], point, bounds)


def by_highs(batch):
    """Return which rows are facets."""
    rows, d = batch.rows, batch.points.shape[1]
    found = []
    for i, row in enumerate(rows):
        others = np.delete(rows, i, axis=0)
        least = linprog(row[:d], -others[:, :d], others[:, d], bounds=(-1, 1), method="highs")
        found.append(least.fun + row[d] < -1e-9)
    return np.array(found)


def test_what_is_shed_is_redundant_and_what_stays_are_facets(rng):
    for d, m in ((2, 5), (3, 20), (3, 60), (5, 25)):
        batch = polytope(rng, d, m)
        expected = by_highs(batch)
        for mark in (facets.shed, facets.facets):
            what, row = np.full(m, facets.UNTRIED), 0
            while row < m:
                row = mark(batch, what, row)
            assert ((what != facets.REDUNDANT) == expected).all()
        assert 0 < expected.sum() < m


def test_what_rays_show_are_facets(rng):
    shown = 0
    for d, m in ((2, 8), (3, 20), (5, 25)):
        batch = polytope(rng, d, m)
        what = np.full(m, facets.UNTRIED)
        assert facets.seen(batch, what, 0) == 1
        assert set(what) <= {facets.UNTRIED, facets.FACET}
        assert (what == facets.FACET)[~by_highs(batch)].sum() == 0
        shown += (what == facets.FACET).sum() / by_highs(batch).sum()
        # behind a copy there is nothing that the row alone cuts off
        twice = batch._replace(
            rows=np.vstack([batch.rows, batch.rows]),
            off=np.vstack([batch.off, batch.off]),
            starts=np.array([0, 2 * m]),
        )
        what = np.full(2 * m, facets.UNTRIED)
        facets.seen(twice, what, 0)
        assert (what == facets.UNTRIED).all()
    assert shown > 1  # most programs are spared


@pytest.mark.parametrize("family", ["integer", "duplicates", "sparse", "leaky", "half_open"])
def test_regions_have_the_facets_that_programs_alone_find(family, monkeypatch):
    def found():
        every = {}
        for seed in range(4):
            drawn = case(family, seed)
            for region in regions.enumerate_regions(drawn.net, drawn.domain):
                every[seed, region.pattern.tobytes()] = sorted(region.units.tolist())
        return every

    quick = found()
    monkeypatch.setattr(facets, "seen", lambda batch, what, at: len(batch.points))
    monkeypatch.setattr(Halfspaces, "_wall_facets", by_programs)
    assert found() == quick and len(quick) > 15


def by_programs(geometry, cells):
    """Return what the domain's bounds are for cells, without a look at the cells' own bounds."""
    far = np.full_like(cells.low, np.inf)
    return wall_facets(geometry, replace(cells, low=-far, high=far))


def test_of_two_copies_one_stays(rng):
    batch = polytope(rng, 3, 12)
    twice = batch._replace(
        rows=np.vstack([batch.rows, batch.rows]),
        off=np.vstack([batch.off, batch.off]),
        starts=np.array([0, 24]),
    )
    what, row = np.full(24, facets.UNTRIED), 0
    while row < 24:
        row = facets.shed(twice, what, row)
    kept = what != facets.REDUNDANT
    assert ((kept[:12] | kept[12:]) == by_highs(batch)).all()


def test_bounds_that_a_cell_does_not_reach_are_no_facets():
    rows = np.array([[-1.0, 0.0, 0.5]])  # x <= 0.5 in a square
    ones = np.ones(2)
    bounds = np.array([-ones, ones, -ones, ones, -ones, ones])
    batch = Batch(
        rows, np.zeros((1, 4)), np.array([0, 1]), -ones[None], ones[None], np.zeros((1, 2)), bounds
    )
    what = np.full((1, 4), facets.UNTRIED)
    assert facets.bound_facets(batch, what, 0) == 1
    assert what.tolist() == [[facets.FACET, facets.FACET, facets.REDUNDANT, facets.FACET]]
