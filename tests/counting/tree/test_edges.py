"""Edges and sections of polytopes from the facets of their vertices alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from regions.counting.tree.bits import lowest, ones, union
from regions.counting.tree.edges import edges_of, section_of


def cube(d):
    """Return the corners of a cube and the facets of each, as bits."""
    corners = np.array(list(product((-1.0, 1.0), repeat=d)))
    masks = [sum(1 << 2 * k + int(x > 0) for k, x in enumerate(corner)) for corner in corners]
    return corners, np.array(masks, np.uint64)[:, None]


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_a_cube_has_its_edges(d):
    corners, masks = cube(d)
    edges = np.empty((d * 2**d, 2), np.int64)
    count = edges_of(masks, len(masks), d, edges)
    assert count == d * 2 ** (d - 1)
    ends = corners[edges[:count]]
    assert (np.abs(ends[:, 0] - ends[:, 1]).sum(axis=1) == 2).all()
    assert edges_of(masks, len(masks), d, edges[: count - 1]) == -1


@pytest.mark.parametrize("shift, sides", [(0.0, 6), (0.5, 6), (1.5, 3), (1.0, 3)])
def test_planes_cut_a_cube_in_triangles_and_hexagons(shift, sides):
    corners, masks = cube(3)
    values = corners.sum(axis=1) + shift
    ends, places, out = np.empty((99, 2), np.int64), np.empty((99, 2)), np.empty((99, 1), np.uint64)
    size = section_of(masks, 8, values, np.zeros(8), 3, ends, places, out)
    assert size == sides
    share = places[:size, :1]
    at = corners[ends[:size, 0]] * (1 - share) + corners[ends[:size, 1]] * share
    assert np.abs(at.sum(axis=1) + shift).max() < 1e-12


def test_bits():
    words = np.array([[0b1100], [0b0101]], np.uint64)
    assert [ones(word) for word in words[:, 0]] == [2, 2]
    assert [lowest(word) for word in words[:, 0]] == [2, 0]
    assert union(words, 2, 0) == 0b1101 and lowest(np.uint64(2**63)) == 63
