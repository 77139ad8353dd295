"""Regions of one affine map: those that share a facet are one piece, or share a point, or all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regions.counting.effort import Effort, stoppable
from regions.counting.maps import distinct_maps
from regions.counting.packed import Packed
from regions.counting.question import Question
from regions.counting.result import Found
from regions.counting.tree.enumerate import packed_of
from regions.counting.tree.frame import frame_of
from regions.counting.tree.graph import neighbours
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.touching import closed_pieces
from regions.counting.tree.walk import Batch, Tree
from regions.counting.undecided import Undecided
from regions.exact.scaled import Scaled

_AT_ONCE = 1024
_KEPT = 4096  # exact maps that are remembered


def merged(
    first: np.ndarray,
    second: np.ndarray,
    maps: np.ndarray,
    errors: np.ndarray,
    exact: Callable[[int], Scaled],
) -> np.ndarray:
    """Return the piece of every region, given the pairs that share a facet and all affine maps.

    Parameters
    ----------
    first, second : (pairs,) int arrays
    maps, errors : (regions, coefficients) arrays
        In float64, and how far each coefficient can be off.
    exact : callable
        Returns the map of a region exactly: asked where the errors leave room for both answers.

    Examples
    --------
    >>> maps, off = np.array([[1.0], [1.0], [2.0]]), np.zeros((3, 1))
    >>> merged(np.array([0, 1]), np.array([1, 2]), maps, off, lambda i: Scaled.of(maps[i])).tolist()
    [0, 0, 1]
    """
    with np.errstate(invalid="ignore"):
        apart = np.abs(maps[first] - maps[second])
        allowed = 1.0001 * (errors[first] + errors[second])
    differ = (apart > allowed).any(axis=1)
    same = (apart == 0).all(axis=1) & (allowed == 0).all(axis=1)
    for pair in np.flatnonzero(~differ & ~same):
        gap = exact(int(first[pair])) - exact(int(second[pair]))
        same[pair] = not any(gap.ints.flat)
    pairs = (first[same], second[same])
    links = coo_array((np.ones(len(pairs[0])), pairs), shape=(len(maps), len(maps)))
    return connected_components(links, directed=False)[1]


def count_merged(question: Question, effort: Effort) -> Found:
    """Count the regions that cells of one map make up, of any kind, in any dimension.

    All cells are enumerated first; those that share a facet and a map are merged, and for
    kind="affine" or "closed" what they make up is merged further.
    """
    parts, count, left = [], 0, Undecided()
    with stoppable() as stopped:
        frame = frame_of(question.net, question.domain, effort.check)
        tree, root = halfspace_tree(frame, effort=effort)
        with effort.bar("regions") as bar:
            left = tree.undecided
            for packed in packed_of(question, effort, tree, root):
                parts.append(packed)
                bar.update(len(packed))
        found = Packed.joined(parts)
        maps = _Maps.of(found.patterns, tree, effort)
        pieces = _pieces(found, maps, effort)
        count = int(pieces.max()) + 1
        if question.kind in ("closed", "affine"):
            count = _further(question, found, pieces, maps, left, effort)
    regions = sum(map(len, parts))
    if question.kind == "convex" and question.dimension > 1:
        return Found.between(count, regions, left, stopped.by)
    return Found.counted(count, left, stopped.by, activation_regions=regions)


@dataclass(frozen=True)
class _Maps:
    """The affine maps of regions in float64, how far each coefficient can be off, and exactly."""

    values: np.ndarray
    errors: np.ndarray
    exact: Callable[[int], Scaled]

    @classmethod
    def of(cls, patterns: np.ndarray, tree: Tree, effort: Effort) -> _Maps:
        """Return those of all the regions of a tree, given by their patterns."""
        maps, errors = [], []
        for start in range(0, len(patterns), _AT_ONCE):
            active = patterns[start : start + _AT_ONCE]
            values, off = tree.outputs(Batch(len(tree.stages), None, active))
            maps.append(values.reshape(len(active), -1))
            slopes = np.repeat(off[:, :1], values.shape[1] - 1, axis=1)
            both = np.concatenate([slopes, off[:, 1:]], axis=1)
            errors.append(both.reshape(len(active), -1))

        @lru_cache(maxsize=_KEPT)
        def exact(region: int) -> Scaled:
            effort.check()
            return tree.frame.forms.outputs(patterns[region])

        return cls(np.vstack(maps), np.vstack(errors), exact)


def _pieces(found: Packed, maps: _Maps, effort: Effort) -> np.ndarray:
    """Return the linear piece of every region in `found`, all the regions of a tree."""
    pairs = neighbours(found, effort)
    return merged(pairs[:, 0], pairs[:, 1], maps.values, maps.errors, maps.exact)


def _further(
    question: Question,
    found: Packed,
    pieces: np.ndarray,
    maps: _Maps,
    left: Undecided,
    effort: Effort,
) -> int:
    """Return how many distinct maps the linear pieces have, or how many closed pieces there are."""
    _, chosen = np.unique(pieces, return_index=True)
    names = distinct_maps(
        maps.values[chosen], maps.errors[chosen], lambda i: maps.exact(int(chosen[i])), left
    )
    if question.kind == "affine":
        return int(names.max()) + 1
    return closed_pieces(question, found, pieces, names, effort)
