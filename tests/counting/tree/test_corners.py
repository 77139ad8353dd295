"""The cells that the vertices engine starts from, against closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import regions
from regions.counting.effort import Effort
from regions.counting.tree import corners
from regions.counting.tree.frame import frame_of


def net_of(weight):
    return regions.as_network(
        [(weight, np.arange(len(weight)) * 0.3), (np.ones((1, len(weight))), None)]
    )


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_a_box_has_its_corners(rng, d):
    cells = corners.of_bounded(
        frame_of(net_of(rng.normal(size=(3, d))), regions.Box.cube(d, 0, 3)), Effort().check
    )
    found = {tuple(np.sign(vertex[:d])) for vertex in cells.vertices}
    assert found == set(product((-1.0, 1.0), repeat=d)) and len(cells.vertices) == 2**d
    # every corner lies on d facets
    assert [int(mask).bit_count() for mask in cells.masks[:, 0]] == [d] * 2**d


def test_a_slice_is_cut_by_its_box():
    points = np.array([[0.0, 0, 0], [1, 1, 0], [0, 1, 1]])
    domain = regions.Slice.through(points, regions.Box.cube(3, -1.0, 1.0))
    cells = corners.of_bounded(frame_of(net_of(np.eye(3)), domain), Effort().check)
    assert len(cells.vertices) == 6  # this plane meets the cube in a hexagon


@pytest.mark.parametrize("d", [1, 2, 4])
def test_orthants_have_an_apex_and_rays(rng, d):
    net = net_of(rng.normal(size=(d + 2, d)))
    units, active, cells = corners.orthants(net, frame_of(net, None))
    assert len(units) == d and len(active) == 2**d
    assert np.unique(active[:, units], axis=0).shape == (2**d, d)
    assert (np.diff(cells.starts) == d + 1).all()
    assert (cells.vertices[:, d] == 0).sum() == d * 2**d  # at infinity
