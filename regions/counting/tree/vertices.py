"""Exact count in dimensions 1 to 6 from vertices and edges, without linear programs.

All layers but the last cut polytopes given by their vertices; in the last layer the cells are
counted as flats (see `flats`), so most of them are never made. Whole flats and the whole input
space start from the orthants of first-layer units, with vertices at infinity.

A design note on speed: one cell costs some hundred nanoseconds here, about 20 microseconds in
`cells` (`analyses/benchmarks/counting.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from regions.counting.effort import Effort
from regions.counting.question import Kind, Question
from regions.counting.result import Found
from regions.counting.tree import corners, flats, polytopes
from regions.counting.tree.cells import Cells
from regions.counting.tree.corners import InDoubtError, VertexCells
from regions.counting.tree.frame import frame_of
from regions.counting.tree.tally import head_units, tally
from regions.counting.tree.walk import Batch, StageForms, Tree, stages_of
from regions.errors import DomainError

if TYPE_CHECKING:
    from regions.networks import Box, ReLUNetwork, Slice

MOST_DIMENSIONS = 8
_COUNTED_AT_ONCE = 20_000
_MOST_FLATS = 2e7
_SECONDS_AT_ONCE = 0.05
_HEAD_CELLS = 512


@dataclass(frozen=True)
class Polytopes:
    """The geometry of cells given by vertices (see `walk.Geometry`)."""

    dimension: int

    def children(self, cells: VertexCells, forms: StageForms, budget: int):
        """Yield (owner, active, cells) for at most `budget` children at a time."""
        unit, tolerance = _normalised(forms)
        room = self._room_for(cells, unit.shape[1], budget)
        for found, out in self._resumed(cells, unit, tolerance, budget, room):
            owner, signs, starts, vertices, masks = out
            used = starts[found]
            below = VertexCells(
                vertices[:used].copy(), masks[:used].copy(), starts[: found + 1].copy()
            )
            yield owner[:found].copy(), signs[:found] > 0, below

    def count(self, cells: VertexCells, forms: StageForms) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        unit, tolerance = _normalised(forms)
        counts = np.empty(len(unit), np.int64)
        room = 4 * int(np.diff(cells.starts).max()) + 64
        first, size = 0, 1
        while first < len(unit):
            piece = slice(first, first + size)
            part, started = self.take(cells, piece), time.perf_counter()
            arrays = (part.vertices, part.masks, part.starts)
            flats.count_flats(
                unit[piece],
                tolerance[piece],
                arrays,
                self.dimension,
                room,
                _MOST_FLATS,
                counts[piece],
            )
            yield int(np.maximum(counts[piece], 0).sum())
            first += size
            if time.perf_counter() - started < _SECONDS_AT_ONCE:
                size *= 2
        yield from self._count_by_cutting(cells, unit, tolerance, np.flatnonzero(counts < 0))

    def _count_by_cutting(self, cells, unit, tolerance, left: np.ndarray) -> Iterator[int]:
        """Count the cells whose hyperplanes are not in general position by cutting them."""
        if len(left) == 0:
            return
        out = self._room_for(cells, unit.shape[1], 0)
        parts = [self.take(cells, slice(i, i + 1)) for i in left]
        joined = VertexCells(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.masks for part in parts]),
            np.concatenate([[0], np.cumsum([len(part.vertices) for part in parts])]),
        )
        found = self._resumed(joined, unit[left], tolerance[left], _COUNTED_AT_ONCE, out)
        yield from (number for number, _ in found)

    def take(self, cells: VertexCells, index: slice) -> VertexCells:
        """Return some of the cells."""
        starts = cells.starts[index.start : index.stop + 1]
        part = slice(starts[0], starts[-1])
        return VertexCells(cells.vertices[part], cells.masks[part], starts - starts[0])

    def _room_for(self, cells: VertexCells, n: int, budget: int) -> tuple:
        largest = int(np.diff(cells.starts).max())
        room = (4 * largest + 64) * min(budget, 64) if budget else 0
        words, d = cells.masks.shape[1], self.dimension
        return (
            np.empty(budget, np.int64),
            np.empty((budget, n), np.int8),
            np.zeros(budget + 1, np.int64),
            np.empty((room, d + 1)),
            np.empty((room, words), np.uint64),
        )

    def _resumed(self, cells, unit, tolerance, budget: int, out: tuple) -> Iterator[tuple]:
        """Call the kernel until no cell is left; yield the number of children and `out`."""
        n, words = unit.shape[1], cells.masks.shape[1]
        room = 64 * int(np.diff(cells.starts).max()) + 1024
        stack = (
            np.empty((room, self.dimension + 1)),
            np.empty((room, words), np.uint64),
            np.zeros(n + 3, np.int64),
            np.zeros(n + 3, np.int64),
            np.zeros((n + 3, n), np.int8),
        )
        cursor = np.zeros(2, np.int64)
        arrays = (cells.vertices, cells.masks, cells.starts)
        while cursor[0] < len(unit) or cursor[1] > 0:
            code, found = polytopes.split(
                unit, tolerance, arrays, self.dimension, cursor, stack, budget, out
            )
            if code == polytopes.DOUBT:
                raise InDoubtError("the vertices of a cell are in doubt")
            if found:
                yield found, out
            elif code == polytopes.ROOM:
                stack = (_doubled(stack[0]), _doubled(stack[1]), *stack[2:])
                out = (*out[:3], _doubled(out[3]), _doubled(out[4]))


def vertex_tree(net: ReLUNetwork, domain: Box | Slice | None):
    """Return (tree, batch): the tree of cells described by vertices, and the batch to start from.

    Raises
    ------
    DomainError
        If the domain is half open, or has more than 8 dimensions.
    """
    frame = frame_of(net, domain)
    d = frame.dimension
    if d > MOST_DIMENSIONS:
        raise DomainError(
            f"the network depends on {d} directions of this domain; the engine 'vertices' takes "
            f"at most {MOST_DIMENSIONS}: use method='cells'"
        )
    if frame.bounded:
        head = head_units(net, d, _HEAD_CELLS) if len(net.relu_layers) == 1 else None
        tree = Tree(net, frame, Polytopes(d), stages_of(net, head))
        return tree, tree.root(corners.of_bounded(frame))
    if np.isfinite(frame.low).any() or np.isfinite(frame.high).any() or len(frame.rows):
        raise DomainError(
            "the domain is open on some sides only; the engine 'vertices' takes bounded domains "
            "and whole flats: use method='cells'"
        )
    head, active, cells = corners.orthants(net, frame)
    tree = Tree(net, frame, Polytopes(d), stages_of(net, head))
    return tree, Batch(1, cells, active)


@dataclass(frozen=True)
class Vertices:
    """Exact counts in few dimensions, over bounded domains and whole flats, from vertices.

    The network may depend on at most 8 directions of the domain (3 to 6 are what the engine is
    for). Networks whose geometry leaves the vertices of a cell in doubt are handed over to
    `cells`; ``details["handed_over"]`` then says why.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.eye(3), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))])
    >>> regions.count_regions(net, regions.Box.cube(3, -1, 1), method="vertices").count
    8
    """

    name: ClassVar[str] = "vertices"
    kinds: ClassVar[tuple[Kind, ...]] = ("activation", "linear")

    def found(self, question: Question, effort: Effort) -> Found:
        """Count; DomainError if the domain is half open or of too many dimensions."""
        if question.kind == "linear":
            return Cells().found(question, effort)
        try:
            return tally(*vertex_tree(question.net, question.domain), effort)
        except InDoubtError as doubt:
            known = Cells().found(question, effort)
            return replace(known, details={**known.details, "handed_over": str(doubt)})


def _normalised(forms: StageForms) -> tuple[np.ndarray, np.ndarray]:
    values, noise = forms.values, forms.errors.sum(axis=1)
    cells, width, n = values.shape
    unit, tolerance = np.empty((cells, n, width)), np.empty((cells, n))
    polytopes.normalise(values, noise, unit, tolerance)
    return unit, tolerance


def _doubled(array: np.ndarray) -> np.ndarray:
    longer = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
