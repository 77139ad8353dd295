"""Cells given by vertices: their facets and the points inside, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from families import FAMILIES, case

import regions
from regions.counting.effort import Effort
from regions.counting.exact.forms import Forms, Place
from regions.counting.question import Question
from regions.counting.tree import enumerate as enumerated
from regions.counting.tree import vertex_tree as vertex_tree_module
from regions.counting.tree.faces import mark_facets
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.settle import floats, whole
from regions.counting.tree.vertex_tree import vertex_tree
from regions.exact.solve import value


def marked(corners, hyperplanes):
    """Return which hyperplanes are facets of the one cell with these corners."""
    words = 1 + len(hyperplanes) // 64
    masks = np.zeros((len(corners), words), np.uint64)
    for k, corner in enumerate(corners):
        for bit, row in enumerate(hyperplanes):
            if row[:-1] @ corner + row[-1] == 0:
                masks[k, bit // 64] |= np.uint64(1 << bit % 64)
    what = np.zeros((1, 64 * words), bool)
    mark_facets(masks, np.array([0, len(corners)]), what)
    return np.flatnonzero(what[0]).tolist()


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_what_touches_a_cube_without_being_a_side_is_no_facet(d):
    corners = np.array(np.meshgrid(*[[-1, 1]] * d)).reshape(d, -1).T
    sides = [(*row, 1) for row in [*np.eye(d, dtype=int), *-np.eye(d, dtype=int)]]
    # through one corner, through a face of every dimension, and the first side once more
    touching = [(*(np.arange(d) < k).astype(int), k) for k in range(2, d + 1)]
    repeated = np.array([*touching, *sides, *[(0,) * d + (1,)] * 60, sides[0]])
    assert marked(corners, repeated) == list(range(len(touching), len(touching) + 2 * d))
    assert marked(corners, np.array([sides[0], *sides]))[0] == 0  # the first of two


def found(tree, root, net, domain):
    """Return pattern and units of the facets of every region, and the regions."""
    question = Question.of(net, domain)
    parts = enumerated.packed_of(question, Effort(), tree, root)
    regions_ = [region for part in parts for region in part]
    return {(r.pattern.tobytes(), tuple(sorted(r.units))): r for r in regions_}, regions_


def drawn(family, count):
    """Return so many networks of a family, over boxes in few dimensions."""
    cases, seed = [], 0
    while len(cases) < count and seed < 200:
        one, seed = case(family, seed), seed + 1
        if isinstance(one.domain, (regions.Box, regions.Slice)) and one.domain.bounded:
            if 1 <= one.domain.dimension <= 4:
                cases.append(one)
    return cases


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_vertices_and_halfspaces_describe_the_same_regions(family):
    for one in drawn(family, 6):
        net, domain = one.net, one.domain
        ours, regions_ = found(*vertex_tree(frame_of(net, domain), Effort()), net, domain)
        theirs, _ = found(*halfspace_tree(frame_of(net, domain)), net, domain)
        assert len(regions_) == len(ours) and ours.keys() == theirs.keys()
        for key, region in ours.items():
            other = theirs[key]
            order, same = np.argsort(region.units), np.argsort(other.units)
            inner = region.units[order] >= 0
            for name in ("normals", "offsets"):
                mine, its = getattr(region, name)[order][inner], getattr(other, name)[same][inner]
                np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", ["integer", "sparse", "deep", "badly_scaled", "tiny_box"])
def test_points_lie_inside(family):
    assert sum(inside(one.net, one.domain) for one in drawn(family, 4)) > 10


def inside(net, domain):
    """Return the number of regions of a box, all of whose points lie strictly inside."""
    forms = Forms(net, Place.of(domain, net.input_size))
    _, regions_ = found(*vertex_tree(frame_of(net, domain), Effort()), net, domain)
    for region in regions_:
        point = whole(region.coordinates)
        for unit in region.units[region.units >= 0]:
            at = value(forms.unit(int(unit), region.pattern), point)
            assert (at > 0) == region.pattern[unit] and at != 0
    return len(regions_)


def test_the_point_of_a_sliver_lies_inside(monkeypatch):
    settled = []
    monkeypatch.setattr(
        vertex_tree_module, "floats", lambda point: settled.append(point) or floats(point)
    )
    rows, offsets = np.array([[1.0, 2.0**-9], [1.0, 2.0**-9]]), np.array([-0.3, -0.3 - 2.0**-50])
    net = regions.as_network([(rows, offsets), (np.ones((1, 2)), np.zeros(1))])
    assert inside(net, regions.Box.cube(2, -1.0, 1.0)) == 3 and len(settled) == 1
