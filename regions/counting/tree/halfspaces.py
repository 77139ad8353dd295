"""Cells given by halfspaces and an interior point, and how small linear programs cut them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from regions.counting.tree import facets
from regions.counting.tree import halfspace_kernel as kernel
from regions.counting.tree.frame import Frame, cone_over, frame_of
from regions.counting.tree.tally import (
    head_units,
    largest_count,
)
from regions.counting.tree.walk import StageForms, Tree, stages_of
from regions.errors import DomainError

if TYPE_CHECKING:
    from regions.networks import Box, ReLUNetwork, Slice

_COUNTED_AT_ONCE = 20_000
_TIGHTEN_UP_TO = 8
_EVENNESS = 0.3


@dataclass(frozen=True)
class HalfspaceCells:
    """A batch of cells, each given by halfspaces, bounds and an interior point.

    Attributes
    ----------
    rows : (total, d + 1) array
        ``rows @ (y, 1) >= 0``, unit normals, the halfspaces of all cells one after the other.
    units : (total,) int array
        Hidden unit of every row, -1 for the domain's own.
    starts : (cells + 1,) int array
        Where each cell's rows begin.
    low, high : (cells, d) arrays
    points : (cells, d) array
        An interior point of every cell.
    """

    rows: np.ndarray
    units: np.ndarray
    starts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Halfspaces:
    """The geometry of cells given by halfspaces (see `walk.Geometry`)."""

    frame: Frame

    def children(self, cells: HalfspaceCells, forms: StageForms, budget: int):
        """Yield (owner, active, cells) for at most `budget` children at a time."""
        unit, beyond = _normalised(forms)
        d, n = unit.shape[2] - 1, unit.shape[1]
        out = (
            np.empty(budget, np.int64),
            np.empty((budget, d)),
            np.empty((budget, n), np.int8),
            np.empty((budget, n), np.int64),
            np.empty(budget, np.int64),
        )
        for found in _resumed(cells, unit, beyond, budget, out):
            owner, points, signs, cuts, number = (part[:found] for part in out)
            below = _below(
                cells, unit, forms.stage.hidden, owner, points.copy(), signs, cuts, number
            )
            yield owner.copy(), signs > 0, self._tightened(below)

    def count(self, cells: HalfspaceCells, forms: StageForms) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        unit, beyond = _normalised(forms)
        d, n = unit.shape[2] - 1, unit.shape[1]
        out = (
            np.empty(0, np.int64),
            np.empty((0, d)),
            np.empty((0, n), np.int8),
            np.empty((0, n), np.int64),
            np.empty(0, np.int64),
        )
        yield from _resumed(cells, unit, beyond, _COUNTED_AT_ONCE, out)

    def count_each(self, cells: HalfspaceCells, forms: StageForms) -> np.ndarray:
        """Return the number of children of every cell."""
        unit, beyond = _normalised(forms)
        count, n, width = unit.shape
        owner = np.empty(_COUNTED_AT_ONCE, np.int64)
        out = (
            owner,
            np.empty((_COUNTED_AT_ONCE, width - 1)),
            np.empty((_COUNTED_AT_ONCE, n), np.int8),
            np.empty((_COUNTED_AT_ONCE, n), np.int64),
            np.empty(_COUNTED_AT_ONCE, np.int64),
        )
        total = np.zeros(count, np.int64)
        for found in _resumed(cells, unit, beyond, _COUNTED_AT_ONCE, out):
            total += np.bincount(owner[:found], minlength=count)
        return total

    def descend(
        self, cells: HalfspaceCells, forms: StageForms, draws: np.ndarray
    ) -> tuple[np.ndarray, HalfspaceCells, np.ndarray]:
        """Return (active, cells, log2 weights): one child of every cell, chosen at random."""
        unit, beyond = _normalised(forms)
        count, n, width = unit.shape
        points, signs = np.empty((count, width - 1)), np.empty((count, n), np.int8)
        cuts, number = np.empty((count, n), np.int64), np.empty(count, np.int64)
        log2 = np.empty(count)
        arrays = (cells.rows, cells.starts, cells.low, cells.high, cells.points)
        out = (points, signs, cuts, number, log2)
        kernel.descend(unit, beyond, *arrays, draws, _EVENNESS, out)
        below = _below(
            cells, unit, forms.stage.hidden, np.arange(count), points, signs, cuts, number
        )
        return signs > 0, self._tightened(below), log2

    def _tightened(self, cells: HalfspaceCells) -> HalfspaceCells:
        if cells.points.shape[1] > _TIGHTEN_UP_TO:
            return cells
        cells = self.without_redundant(cells)
        facets.tighten(cells.rows, cells.starts, cells.low, cells.high, cells.points)
        return cells

    def take(self, cells: HalfspaceCells, index: slice) -> HalfspaceCells:
        """Return some of the cells."""
        starts = cells.starts[index.start : index.stop + 1]
        rows = slice(starts[0], starts[-1])
        return HalfspaceCells(
            rows=cells.rows[rows],
            units=cells.units[rows],
            starts=starts - starts[0],
            low=cells.low[index],
            high=cells.high[index],
            points=cells.points[index],
        )

    def without_redundant(self, cells: HalfspaceCells) -> HalfspaceCells:
        """Return the cells with only the halfspaces that are facets within the domain's bounds."""
        needed = np.ones(len(cells.rows), dtype=bool)
        low, high = self.frame.low, self.frame.high
        facets.facets(cells.rows, cells.starts, low, high, cells.points, needed)
        kept = np.concatenate([[0], np.cumsum(needed)])[cells.starts]
        return replace(cells, rows=cells.rows[needed], units=cells.units[needed], starts=kept)

    def facets(self, cells: HalfspaceCells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (rows, units, starts): the facets of every cell, the domain's bounds included."""
        cells, frame = self.without_redundant(cells), self.frame
        count, d = cells.points.shape
        needed = np.zeros((count, 2 * d), dtype=bool)
        if not frame.cone:  # the bounds of a cone lie at infinity or are no boundary
            arrays = (cells.rows, cells.starts, frame.low, frame.high, cells.points)
            facets.bound_facets(*arrays, needed)
        identity = np.eye(d)
        bounds = np.vstack(
            [np.column_stack([identity, -frame.low]), np.column_stack([-identity, frame.high])]
        )
        rows, units = [], []
        for cell in range(count):
            own = slice(cells.starts[cell], cells.starts[cell + 1])
            rows += [cells.rows[own], bounds[needed[cell]]]
            units += [cells.units[own], np.full(needed[cell].sum(), -1)]
        sizes = np.diff(cells.starts) + needed.sum(axis=1)
        return np.vstack(rows), np.concatenate(units), np.concatenate([[0], np.cumsum(sizes)])

    def root(self) -> HalfspaceCells:
        """Return the whole domain as one cell."""
        frame = self.frame
        m, d = len(frame.rows), frame.dimension
        point = _inner_point(frame)
        whole = HalfspaceCells(
            rows=frame.rows.reshape(m, d + 1),
            units=np.full(m, -1),
            starts=np.array([0, m]),
            low=frame.low[None],
            high=frame.high[None],
            points=point[None],
        )
        return self.without_redundant(whole)


def halfspace_tree(
    net: ReLUNetwork, domain: Box | Slice | None, subtrees: int = 1, leaves: int = 1
) -> Tree:
    """Return the tree of cells of `net` over `domain`, described by halfspaces.

    Its first stage alone can give `subtrees` cells, where the first layer has the units for that;
    its last stage cannot give more than `leaves` (if above 1) below one cell.
    """
    frame = frame_of(net, domain)
    if not frame.bounded:
        frame = cone_over(frame)
    head = None
    if subtrees > 1 and net.relu_layers:
        head = head_units(net, frame.dimension, subtrees)
    tail = 0
    while leaves > 1 and largest_count(tail + 1, frame.dimension) <= leaves and tail < 64:
        tail += 1
    return Tree(net, frame, Halfspaces(frame), stages_of(net, head, tail))


def _normalised(forms: StageForms) -> tuple[np.ndarray, np.ndarray]:
    values, noise = forms.values, forms.errors.sum(axis=1)
    cells, width, n = values.shape
    unit, beyond = np.empty((cells, n, width)), np.empty((cells, n))
    kernel.normalise(values, noise, unit, beyond)
    return unit, beyond


def _resumed(cells: HalfspaceCells, unit, beyond, budget: int, out: tuple) -> Iterator[int]:
    """Call the kernel until no cell is left; yield how many children each call found."""
    n, d = unit.shape[1], unit.shape[2] - 1
    stack = (
        np.empty((n + 2, d)),
        np.zeros(n + 2, np.int64),
        np.zeros((n + 2, n), np.int64),
        np.zeros(n + 2, np.int64),
        np.zeros((n + 2, n), np.int8),
    )
    cursor = np.zeros(2, np.int64)
    arrays = (cells.rows, cells.starts, cells.low, cells.high, cells.points)
    while cursor[0] < len(unit) or cursor[1] > 0:
        found = kernel.split(unit, beyond, *arrays, cursor, stack, budget, out)
        if found:
            yield found


def _below(cells, unit, hidden, owner, points, signs, cuts, number) -> HalfspaceCells:
    """Return the children: their parents' halfspaces and those of the units that cut."""

    heights = np.diff(cells.starts)[owner]
    starts = np.concatenate([[0], np.cumsum(heights + number)])
    rows = np.empty((starts[-1], unit.shape[2]))
    units = np.empty(starts[-1], np.int64)
    for child, parent in enumerate(owner):
        first, middle, end = starts[child], starts[child] + heights[child], starts[child + 1]
        old = slice(cells.starts[parent], cells.starts[parent + 1])
        chosen = cuts[child, : number[child]]
        rows[first:middle], units[first:middle] = cells.rows[old], cells.units[old]
        rows[middle:end] = signs[child, chosen, None] * unit[parent, chosen]
        units[middle:end] = hidden[chosen]
    return HalfspaceCells(rows, units, starts, cells.low[owner], cells.high[owner], points)


def _inner_point(frame: Frame) -> np.ndarray:
    """Return a point well inside the domain."""
    middle = (frame.low + frame.high) / 2
    if len(frame.rows) == 0:
        return middle
    d = frame.dimension
    bounds = [*zip(frame.low, frame.high, strict=True), (0.0, 1.0)]
    table = np.column_stack([-frame.rows[:, :d], np.ones(len(frame.rows))])
    found = linprog(-np.eye(d + 1)[d], table, frame.rows[:, d], bounds=bounds, method="highs")
    if found.status != 0 or found.x[d] <= 1e-9:
        raise DomainError("the domain has no interior; widen its box or move its points")
    return found.x[:d]
