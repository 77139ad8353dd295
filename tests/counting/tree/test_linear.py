"""Pieces: regions that share a facet and a map are one, and only these."""

from __future__ import annotations

import numpy as np

from regions.counting.tree.linear import merged
from regions.exact.scaled import Scaled

PATH = np.arange(3), np.arange(1, 4)


def pieces_of(maps, errors):
    return merged(*PATH, maps, errors, lambda i: Scaled.of(maps[i])).tolist()


def test_only_neighbours_with_one_map_merge():
    maps = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [1.0, 2.0]])
    assert pieces_of(maps, np.zeros((4, 2))) == [0, 0, 1, 2]
    # wide bounds leave the answer to exact maps
    assert pieces_of(maps, np.full((4, 2), 9.0)) == [0, 0, 1, 2]


def test_the_last_bit_of_a_map_counts():
    maps = np.array([[1.0], [np.nextafter(1.0, 2.0)], [1.0], [1.0]])
    assert pieces_of(maps, np.full((4, 1), 1e-15)) == [0, 1, 2, 2]


def test_maps_that_differ_by_rounding_alone_merge():
    maps = np.array([[1.0], [np.nextafter(1.0, 2.0)], [1.0], [2.0]])
    one = Scaled.of([1.0])
    found = merged(*PATH, maps, np.full((4, 1), 1e-15), lambda i: one)
    assert found.tolist() == [0, 0, 0, 1]
