"""Regions of a plane that are no polygons: those that touch, share a map, or are lines and points.

The cells of a plane fit edge to edge. So the corners that lie at one vertex are known without any
arithmetic: two cells that share an edge share its ends, and the cells around a vertex are linked
by the edges that end there.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regions.counting.effort import Effort
from regions.counting.exact.pushed import pushed
from regions.counting.maps import distinct_maps
from regions.counting.plane.explorer import Explorer, PlaneCells
from regions.counting.plane.polygon_kernel import FAR, UNIT
from regions.counting.plane.segments import SegmentExplorer
from regions.counting.undecided import Undecided
from regions.exact.solve import crossing, value
from regions.networks import ReLUNetwork

_AT_ONCE = 2**22  # values that are pushed through the network together
AnyExplorer = Explorer | SegmentExplorer


def count_maps(cells: PlaneCells, pieces: np.ndarray, explorer: AnyExplorer, effort: Effort) -> int:
    """Return how many distinct affine maps the cells' linear `pieces` have."""
    return int(_maps(cells, pieces, explorer, effort).max()) + 1


def closed_pieces(
    cells: PlaneCells,
    low: np.ndarray,
    high: np.ndarray,
    pieces: np.ndarray,
    explorer: AnyExplorer,
    effort: Effort,
) -> int:
    """Return how many sets of cells with one map there are that share points inside the domain.

    Parameters
    ----------
    cells : PlaneCells
    low, high : (edges,) int arrays
        The edges that two cells share.
    pieces : (cells,) int array
        The linear piece of every cell.
    """
    maps = _maps(cells, pieces, explorer, effort)
    vertex, inner = vertices_of(cells, low, high)
    rows = np.flatnonzero(inner[vertex])
    # a piece meets what has its map at each of its vertices
    meeting = vertex[rows] * (int(maps.max()) + 1) + maps[pieces[cells.owner[rows]]]
    _, meeting = np.unique(meeting, return_inverse=True)
    places, count = int(meeting.max(initial=-1)) + 1, int(pieces.max()) + 1
    links = (np.ones(len(rows)), (pieces[cells.owner[rows]], count + meeting))
    graph = coo_array(links, (count + places, count + places))
    return int(connected_components(graph, directed=False)[0])


def count_patterns(
    cells: PlaneCells,
    low: np.ndarray,
    high: np.ndarray,
    explorer: AnyExplorer,
    net: ReLUNetwork,
    columns: np.ndarray,
    effort: Effort,
) -> int:
    """Return how many patterns the cells, their edges and their vertices inside the domain have.

    At a vertex those units are active that are so in all cells around it, and do not vanish there;
    along an edge those that are active on both sides, and not zero at both of its ends.

    Parameters
    ----------
    columns : (3, n0) array
        The inputs that the coordinates x, y and 1 stand for.
    """
    vertex, inner = vertices_of(cells, low, high)
    order = np.argsort(vertex, kind="stable")
    starts = np.searchsorted(vertex[order], np.arange(len(inner)))
    around = np.logical_and.reduceat(cells.patterns[cells.owner[order]], starts, axis=0)
    # of the corners at a vertex, the one that is known best
    best = np.lexsort((cells.rows[:, FAR], vertex))[starts]
    at = around & ~_vanishing(cells, best, around, explorer, net, columns, effort)
    both = cells.patterns[cells.owner[low]] & cells.patterns[cells.owner[high]]
    along = both & (at[vertex[low]] | at[vertex[cells.following[low]]])
    every = np.vstack([cells.patterns, at[inner], along])
    return len(np.unique(np.packbits(every, axis=1), axis=0)) if every.shape[1] else 1


def vertices_of(
    cells: PlaneCells, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertex at which each row's corner lies, and which vertices are inside the domain.

    Parameters
    ----------
    low, high : (edges,) int arrays
        The edges that two cells share (`shared_edges`).
    """
    # counterclockwise in both cells, an edge runs one way in the one and back in the other
    one = np.concatenate([low, cells.following[low]])
    two = np.concatenate([cells.following[high], high])
    links = coo_array((np.ones(len(one)), (one, two)), (len(cells.rows), len(cells.rows)))
    count, vertex = connected_components(links, directed=False)
    outer = np.flatnonzero(cells.labels < 0)
    inner = np.ones(count, dtype=bool)
    inner[vertex[outer]] = inner[vertex[cells.following[outer]]] = False
    return vertex, inner


def _maps(
    cells: PlaneCells, pieces: np.ndarray, explorer: AnyExplorer, effort: Effort
) -> np.ndarray:
    """Return for every linear piece the number of its map."""
    _, chosen = np.unique(pieces, return_index=True)
    count, judge = len(chosen), explorer.judge
    maps = cells.outputs[chosen].reshape(count, -1)
    errors = cells.errors[chosen][:, [0, 0, 1]].reshape(count, -1)

    def exact(piece: int):
        effort.check()
        return judge.forms.outputs(cells.patterns[chosen[piece]])

    return distinct_maps(maps, errors, exact if judge.reachable else None, judge.doubts)


def _vanishing(
    cells: PlaneCells,
    rows: np.ndarray,
    asked: np.ndarray,
    explorer: AnyExplorer,
    net: ReLUNetwork,
    columns: np.ndarray,
    effort: Effort,
) -> np.ndarray:
    """Tell which of the units asked for vanish at some vertices, (rows, units)."""
    found, judge = np.zeros(asked.shape, dtype=bool), explorer.judge
    most, sizes = max(1, _AT_ONCE // max(sum(net.widths), 1)), np.abs(columns)
    for start in range(0, len(rows), most):
        effort.check()
        part = rows[start : start + most]
        points = cells.vertices[part]
        errors = cells.rows[part, FAR][:, None] * sizes[:2].sum(axis=0)
        errors = errors + 16 * UNIT * (np.abs(points) @ sizes)
        with np.errstate(all="ignore"):
            values = list(pushed(net, points @ columns, errors))[:-1]
            close = [~(np.abs(value) > bounds) for value, bounds in values]
        found[start : start + most] = np.hstack(close) if close else False
    found &= asked
    if not judge.reachable:
        judge.doubts.add(Undecided(int(found.sum()), 16 * UNIT))
        return np.zeros_like(found)
    for i, unit in np.argwhere(found).tolist():
        effort.check()
        found[i, unit] = _is_zero(cells, int(rows[i]), unit, explorer)
    return found


def _is_zero(cells: PlaneCells, row: int, unit: int, explorer: AnyExplorer) -> bool:
    """Tell exactly whether a unit vanishes at the corner of a cell."""
    cell, units = int(cells.owner[row]), cells.patterns.shape[1]
    active, first = cells.patterns[cell], int(cells.ends[cell])
    before = row - 1 if row > first else int(cells.ends[cell + 1]) - 1
    labels = [int(label) for label in cells.labels[[before, row]]]
    names = [label % units if label >= 0 else label for label in labels]
    point = crossing([explorer.judge.line(name, active) for name in names])
    assert point is not None  # neighbouring edges are never parallel
    return value(explorer.judge.line(unit, active), point) == 0
