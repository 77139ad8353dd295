"""Planar cells that share an edge, and those of them with one affine map.

A network's cells on a plane fit edge to edge: all units but those that vanish on an edge have one
sign along it, and so has what lies beyond it. Both cells at an edge got it from the same cut. If
no other unit vanishes on it, their patterns differ in the unit of the cut alone, and two cells
like that always share an edge; the others lie along the cut in one order on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import cast

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regions.counting.plane.explorer import Explorer, PlaneCells
from regions.counting.plane.polygon_kernel import FAR, UNIT, X, Y
from regions.counting.plane.segments import SegmentExplorer
from regions.counting.undecided import Undecided
from regions.exact.solve import crossing

_BLOCK = 2**24  # entries of patterns that are looked at together


def linear_pieces(
    cells: PlaneCells,
    low: np.ndarray,
    high: np.ndarray,
    explorer: Explorer | SegmentExplorer,
    tick: Callable[[], None],
) -> np.ndarray:
    """Return for every cell the number of the linear piece it belongs to.

    A piece is a maximal set of cells with one affine map that are connected through edges.

    Parameters
    ----------
    cells : PlaneCells
        All cells of a bounded plane.
    low, high : (edges,) int arrays
        The edges that two cells share (`shared_edges`).
    explorer : Explorer or SegmentExplorer
        What found the cells.
    tick : function
        Called now and then; what it raises goes to the caller.
    """
    one, two = cells.owner[low], cells.owner[high]
    same = equal_maps(cells, one, two, explorer, tick)
    graph = coo_array((np.ones(same.sum()), (one[same], two[same])), (len(cells), len(cells)))
    return connected_components(graph, directed=False)[1]


def shared_edges(
    cells: PlaneCells, explorer: Explorer | SegmentExplorer, tick: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges that two cells share: the row of each in either cell, as in `cells.rows`.

    The unit of the edge's label is inactive in the cell of the first row, active in the second's.
    """
    units = max(cells.patterns.shape[1], 1)
    owner = cells.owner
    inner = np.flatnonzero(cells.labels >= 0)
    labels, owner = cells.labels[inner], owner[inner]
    unit = labels % units
    above = cells.patterns[owner, unit] if len(inner) else np.zeros(0, dtype=bool)
    # cells with one pattern but for the unit of the edge have one key
    size = cells.patterns.shape[1]
    weights = np.random.default_rng(0).integers(0, 2**63, size=size, dtype=np.uint64)
    keys = np.zeros(len(cells), np.uint64)
    step = max(1, _BLOCK // units)
    for at in range(0, len(cells), step):
        keys[at : at + step] = cells.patterns[at : at + step] @ weights
        tick()
    key = keys[owner] - np.where(above, weights[unit], np.uint64(0))
    order = np.lexsort((above, key, labels))
    same = (labels[order][1:] == labels[order][:-1]) & (key[order][1:] == key[order][:-1])
    same &= above[order][1:] & ~above[order][:-1]
    low, high = order[:-1][same], order[1:][same]
    for at in range(0, len(low), step):
        one, two = low[at : at + step], high[at : at + step]
        unlike = cells.patterns[owner[one]] != cells.patterns[owner[two]]
        unlike[np.arange(len(one)), unit[one]] = False
        same[np.flatnonzero(same)[at : at + step]] = ~unlike.any(axis=1)
        tick()
    low, high = order[:-1][same], order[1:][same]
    left = np.ones(len(inner), dtype=bool)
    left[low] = left[high] = False
    rest = np.flatnonzero(left)
    lows, highs = _along(cells, inner, labels, above, rest, explorer, tick)
    low, high = np.concatenate([low, lows]), np.concatenate([high, highs])
    return inner[low], inner[high]


def _along(
    cells: PlaneCells,
    inner: np.ndarray,
    labels: np.ndarray,
    above: np.ndarray,
    rest: np.ndarray,
    explorer: Explorer | SegmentExplorer,
    tick: Callable[[], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Match the other edges by their order along each cut."""
    following = cells.following
    start, end = cells.rows[inner[rest]], cells.rows[following[inner[rest]]]
    middle = (start[:, [X, Y]] + end[:, [X, Y]]) / 2
    far = start[:, FAR] + end[:, FAR] + 8 * UNIT
    lows, highs = [], []
    order = np.argsort(labels[rest], kind="stable")
    borders = np.flatnonzero(np.diff(labels[rest][order])) + 1
    for group in np.split(order, borders):
        tick()
        sides = [group[~above[rest[group]]], group[above[rest[group]]]]
        if len(group) > 2:
            direction = end[group[0], [X, Y]] - start[group[0], [X, Y]]
            direction = direction / max(np.abs(direction).max(), 1e-300)
            places = middle[group] @ direction
            by = dict(zip(group.tolist(), places.tolist(), strict=True))
            sides = [side[np.argsort([by[e] for e in side.tolist()])] for side in sides]
            gaps = [np.diff([by[e] for e in side.tolist()]) for side in sides]
            if not all((gap > 4 * far[group].max()).all() for gap in gaps):
                exact = _places(cells, inner[rest], labels[rest], following, group, explorer)
                sides = [np.array(sorted(side.tolist(), key=exact.__getitem__)) for side in sides]
        lows.append(rest[sides[0]])
        highs.append(rest[sides[1]])
    if not lows:
        return rest, rest
    return np.concatenate(lows), np.concatenate(highs)


def _places(cells, edges, labels, following, group, explorer) -> dict[int, Fraction]:
    """Return where some edges of one cut lie along it, exactly: where they begin."""
    units, found = cells.patterns.shape[1], {}
    unit = int(labels[group[0]]) % units
    cell_of = np.searchsorted(cells.ends, edges[group], side="right") - 1
    axis = None
    for e, cell in zip(group.tolist(), cell_of.tolist(), strict=True):
        active, at = cells.patterns[cell], int(edges[e])
        first, last = int(cells.ends[cell]), int(cells.ends[cell + 1])
        line = explorer.judge.line(unit, active)
        if axis is None:
            axis = 0 if abs(line[1]) > abs(line[0]) else 1
        ends = []
        for other in (at - 1 if at > first else last - 1, int(following[at])):
            label = int(cells.labels[other])
            name = label % units if label >= 0 else label
            point = crossing([line, explorer.judge.line(name, active)])
            assert point is not None  # neighbouring edges are never parallel
            ends.append(Fraction(point[axis], point[2]))
        found[e] = min(ends)
    return found


def equal_maps(
    cells: PlaneCells,
    one: np.ndarray,
    two: np.ndarray,
    explorer: Explorer | SegmentExplorer,
    tick: Callable[[], None],
) -> np.ndarray:
    """Tell which pairs of cells have exactly the same output map."""
    with np.errstate(all="ignore"):
        apart = np.abs(cells.outputs[one] - cells.outputs[two])
        bounds = (cells.errors[one] + cells.errors[two])[:, [0, 0, 1]] * 1.001
        differ = cast(np.ndarray, (apart > bounds).any(axis=(1, 2)))
    open_ = np.flatnonzero(~differ)
    if isinstance(explorer, Explorer):
        open_ = open_[~_unheard(cells, one[open_], two[open_], explorer, tick)]
    same, judge = ~differ, explorer.judge
    if len(open_) and not judge.reachable:
        judge.doubts.add(Undecided(len(open_), float(bounds[open_].max(initial=0.0))))
        return same
    for pair in open_.tolist():
        tick()
        first, second = (judge.forms.outputs(cells.patterns[c[pair]]) for c in (one, two))
        same[pair] = not (first - second).ints.any()
    return same


def _unheard(
    cells: PlaneCells,
    one: np.ndarray,
    two: np.ndarray,
    explorer: Explorer,
    tick: Callable[[], None],
) -> np.ndarray:
    """Tell in which pairs no output hears of the units by which the two cells differ."""
    chain = explorer.chain
    silent = np.ones(len(one), dtype=bool)
    step = max(1, _BLOCK // max(int(chain.sizes.max()), 1))
    for at in range(0, len(one), step):
        tick()
        heard = np.ones((len(one[at : at + step]), int(chain.sizes[-1])), dtype=np.float32)
        for layer in range(chain.layers - 1, -1, -1):
            units = slice(chain.unit_at[layer], chain.unit_at[layer + 1])
            first = cells.patterns[one[at : at + step], units]
            second = cells.patterns[two[at : at + step], units]
            n, m = chain.sizes[layer], chain.sizes[layer + 1]
            start = chain.weight_at[layer]
            linked = chain.weights[start : start + n * m].reshape(n, m) != 0
            reached = heard @ linked.T.astype(np.float32) > 0
            silent[at : at + step] &= ~(reached & (first != second)).any(axis=1)
            live = first | second | (chain.slopes[layer] != 0)
            heard = (reached & live).astype(np.float32)
    return silent
