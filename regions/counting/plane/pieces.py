"""Planar cells that touch along an edge, and those of them with one affine map."""

from __future__ import annotations

import numpy as np

from regions.counting.plane.explorer import PlaneCells
from regions.counting.tree.linear import merged


def linear_pieces(cells: PlaneCells) -> np.ndarray:
    """Return for every cell the number of the linear piece it belongs to.

    A piece is a maximal set of cells with one affine map that are connected through edges.
    """
    first, second, _ = neighbours(cells)
    return merged(first, second, cells.outputs.reshape(len(cells), -1))


def neighbours(cells: PlaneCells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of cells (first, second) that share an edge, and the edge's unit.

    Every inner edge lies on one cut, which has the same label on both sides; the edges on the
    positive and on the negative side of a cut tile the same segment, and are matched by where
    they overlap.
    """
    units = cells.patterns.shape[1]
    owner = np.repeat(np.arange(len(cells)), np.diff(cells.ends))
    following = np.arange(1, len(owner) + 1)
    following[cells.ends[1:] - 1] = cells.ends[:-1]
    points = cells.vertices[:, :2] / cells.vertices[:, 2:]
    inner = np.flatnonzero(cells.labels >= 0)
    inner = inner[np.argsort(cells.labels[inner], kind="stable")]
    labels = cells.labels[inner]
    starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))[: len(labels)]
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(labels))))
    reference = points[following[inner[starts]]] - points[inner[starts]]
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    origin = points[inner[starts]]
    start = ((points[inner] - origin[group]) * reference[group]).sum(axis=1)
    end = ((points[following[inner]] - origin[group]) * reference[group]).sum(axis=1)
    return _overlaps(group, start, end, owner[inner], labels % max(units, 1))


def _overlaps(group, start, end, owner, unit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match the edges that run forward along each group's segment with those that run back."""
    forward = np.flatnonzero(end > start)
    back = np.flatnonzero(end < start)
    forward = forward[np.lexsort((start[forward], group[forward]))]
    back = back[np.lexsort((end[back], group[back]))]
    # places by rank, so that one search serves all groups
    values = np.concatenate([start[forward], end[forward], end[back], start[back]])
    groups = np.concatenate([group[forward], group[forward], group[back], group[back]])
    rank = np.empty(len(values), np.int64)
    rank[np.lexsort((values, groups))] = np.arange(len(values))
    n, m = len(forward), len(back)
    low, high, back_low, back_high = np.split(rank, [n, 2 * n, 2 * n + m])
    first = np.searchsorted(back_high, low, side="right")
    count = np.maximum(np.searchsorted(back_low, high, side="left") - first, 0)
    one = np.repeat(forward, count)
    step = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    other = back[np.repeat(first, count) + step]
    overlap = np.minimum(end[one], start[other]) - np.maximum(start[one], end[other])
    shorter = np.minimum(end[one] - start[one], start[other] - end[other])
    touching = overlap > np.maximum(1e-13, 1e-6 * shorter)
    one, other = one[touching], other[touching]
    return owner[one], owner[other], unit[one]
