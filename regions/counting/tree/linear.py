"""Linear pieces: regions that share a facet and an affine map are one."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regions.counting.effort import Effort, stoppable
from regions.counting.question import Question
from regions.counting.region import Region
from regions.counting.result import Found
from regions.counting.tree.enumerate import regions_of
from regions.counting.tree.graph import graph_of
from regions.networks import Box, Slice

_SAME = 1e-9  # share of a map by which two equal maps may differ
_NOISE = 1e-13  # share of the largest map that is rounding


def merged(first: np.ndarray, second: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return the piece of every region, given the pairs that share a facet and all affine maps.

    Parameters
    ----------
    first, second : (pairs,) int arrays
    maps : (regions, coefficients) array

    Examples
    --------
    >>> merged(np.array([0, 1]), np.array([1, 2]), np.array([[1.0], [1.0], [2.0]])).tolist()
    [0, 0, 1]
    """
    sizes = np.abs(maps).max(axis=1, initial=0.0)
    allowed = _SAME * np.maximum(sizes[first], sizes[second]) + _NOISE * sizes.max(initial=0.0)
    same = np.abs(maps[first] - maps[second]).max(axis=1, initial=0.0) <= allowed
    pairs = (first[same], second[same])
    links = coo_array((np.ones(len(pairs[0])), pairs), shape=(len(maps), len(maps)))
    return connected_components(links, directed=False)[1]


def count_linear(question: Question, effort: Effort) -> Found:
    """Count the linear pieces in any dimension: enumerate the regions, merge equal neighbours."""
    found = []
    with stoppable() as stopped:
        with effort.bar("regions") as bar:
            for region in regions_of(question, effort):
                found.append(region)
                bar.update()
                effort.check()
    if stopped.by is not None:
        return Found.cut_short(1, stopped.by, activation_regions=len(found))
    count = int(pieces(found, question.domain).max()) + 1
    return Found.exact(count, activation_regions=len(found))


def pieces(found: list[Region], domain: Box | Slice | None) -> np.ndarray:
    """Return the linear piece of every region in `found`, all the regions of `domain`."""
    edges = np.array(list(graph_of(found, domain).edges), dtype=np.int64).reshape(-1, 2)
    maps = np.array([np.append(region.slope, region.offset) for region in found])
    return merged(edges[:, 0], edges[:, 1], maps)
