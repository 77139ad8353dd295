"""Cells given by their vertices, and how they are cut, counted and described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from regions.counting.effort import Effort
from regions.counting.tree import corners, flats, polytopes, signs, vertex_cells
from regions.counting.tree.doubts import Doubts, bits_of
from regions.counting.tree.faces import mark_facets
from regions.counting.tree.frame import Frame
from regions.counting.tree.newton import gamma_of
from regions.counting.tree.settle import between, floats
from regions.counting.tree.tally import head_units
from regions.counting.tree.twins import twins_of
from regions.counting.tree.vertex_cells import VertexCells
from regions.counting.tree.walk import Batch, Described, StageForms, Tree, stages_of
from regions.counting.undecided import Undecided
from regions.errors import DomainError
from regions.exact.solve import Form, crossing

MOST_DIMENSIONS = 8
_COUNTED_AT_ONCE = 20_000
_MOST_FLATS = 1e7
_HEAD_CELLS = 512


@dataclass(frozen=True)
class Polytopes:
    """The geometry of cells given by vertices (see `walk.Geometry`).

    Attributes
    ----------
    dimension : int
    twins, twin_signs : (hidden units,) int arrays
        An earlier unit of the layer of which each is a multiple on every cell, or -1, and the
        multiple's sign.
    undecided : Undecided
        Nothing: what cannot be settled is an InDoubtError.
    """

    dimension: int
    twins: np.ndarray
    twin_signs: np.ndarray
    undecided: Undecided = field(default_factory=Undecided)

    def children(self, cells: VertexCells, forms: StageForms, budget: int):
        """Yield (owner, active, cells) for at most `budget` children at a time."""
        work = self._begun(cells, forms)
        for found, out in self._resumed(work, np.arange(len(forms.values)), budget):
            yield out.owner[:found].copy(), out.signs[:found] > 0, _below(work, found, out)

    def count(self, cells: VertexCells, forms: StageForms) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        work = self._begun(cells, forms)
        counts, before = np.full(len(forms.values), -1), 0
        room = 4 * int(np.diff(cells.starts).max()) + 64
        code, cursor, doubtful = polytopes.PAUSE, np.zeros(2, np.int64), np.empty(room, np.int64)
        while code != polytopes.DONE:
            code = flats.count_flats(
                work.units,
                work.stage[0],
                work.doubts.known,
                work.cells,
                self.dimension,
                room,
                _MOST_FLATS,
                counts,
                cursor,
                doubtful,
            )
            if code == polytopes.DOUBT:
                cell, known = cursor[0], work.cells
                own = slice(known.starts[cell], known.starts[cell + 1])
                vertices, masks, facets = known.vertices[own], known.masks[own], known.facets[cell]
                rows, none = doubtful[: cursor[1]], np.zeros(0, np.int8)
                work.doubts.settle(cell, vertices, masks, facets, rows, none, 0)
            yield int(np.maximum(counts[before : cursor[0]], 0).sum())
            before = cursor[0]
        # where the hyperplanes are not in general position, they have to cut
        left = np.flatnonzero(counts < 0)
        yield from (number for number, _ in self._resumed(work, left, _COUNTED_AT_ONCE, False))

    def take(self, cells: VertexCells, index: slice) -> VertexCells:
        """Return some of the cells."""
        starts = cells.starts[index.start : index.stop + 1]
        part = slice(starts[0], starts[-1])
        return replace(
            cells,
            vertices=cells.vertices[part],
            masks=cells.masks[part],
            starts=starts - starts[0],
            facets=cells.facets[index],
        )

    def described(self, tree: Tree, batch: Batch) -> Described:
        """Return an interior point and the facets of every cell."""
        cells, d = batch.cells, self.dimension
        what = np.zeros(cells.facets.shape, bool)
        mark_facets(cells.masks, cells.starts, what)
        owner, bit = np.nonzero(what)
        plane = cells.facets[owner, bit]
        units, planes = cells.units[plane], cells.planes[plane]
        inside = np.where((units < 0) | batch.active[owner, np.maximum(units, 0)], 1.0, -1.0)
        rows = inside[:, None] * planes[:, : d + 1]
        sizes = np.diff(cells.starts)
        corners = cells.vertices[:, :d] / cells.vertices[:, d : d + 1]
        points = np.add.reduceat(corners, cells.starts[:-1]) / sizes[:, None]
        depths = np.einsum("ij,ij->i", rows[:, :d], points[owner]) + rows[:, d]
        reach = np.abs(points).max(axis=1)[owner]
        # the forms' own errors, which include those of an evaluation
        certain = depths > 2 * (planes[:, d + 3] * reach + planes[:, d + 4])
        for cell in np.unique(owner[~certain]):
            points[cell] = floats(_middle(tree, batch, cell))
        return points, rows, units, np.concatenate([[0], np.cumsum(what.sum(axis=1))])

    def _begun(self, cells: VertexCells, forms: StageForms) -> _Work:
        d, (count, _, n) = self.dimension, forms.values.shape
        units = signs.UnitForms(
            np.ascontiguousarray(forms.values),
            np.ascontiguousarray(forms.errors),
            gamma_of(d),
            np.empty((count, n, d + signs.FORM_EXTRA)),
        )
        vertices = cells.vertices.copy()
        vertices[:, -1] = -1.0  # numbers are those of one batch
        hidden = forms.stage.hidden
        place = np.full(len(self.twins) + 1, -1)
        place[hidden] = np.arange(n)
        twins = place[self.twins[hidden]]
        arrays = vertex_cells.Polytopes(
            vertices, cells.masks, cells.starts, cells.facets, cells.planes
        )
        doubts = Doubts(forms, units, cells.units, self.twins)
        return _Work(doubts, units, (twins, self.twin_signs[hidden]), arrays)

    def _resumed(
        self, work: _Work, order: np.ndarray, budget: int, keep: bool = True
    ) -> Iterator[tuple[int, vertex_cells.Children]]:
        """Call the kernel until no cell is left; yield the number of children and `out`.

        Also yields, with no children, after much work.
        """
        if len(order) == 0:
            return
        largest = int(np.diff(work.cells.starts).max())
        stack = self._stack(work, 64 * largest + 1024)
        rows = (4 * largest + 64) * min(budget, 64)
        out = self._out(work, budget if keep else 0, rows if keep else 0)
        cursor = np.zeros(3, np.int64)
        while cursor[0] < len(order) or cursor[1] > 0:
            code, found = polytopes.split(
                work.units,
                work.stage,
                work.doubts.known,
                work.cells,
                cursor,
                stack,
                budget,
                out,
                order,
            )
            if found or code in (polytopes.PAUSE, polytopes.DOUBT):
                yield found, out
            if code == polytopes.DOUBT:
                _settle_top(work, int(order[cursor[0] - 1]), cursor, stack)
            elif code == polytopes.WORDS:
                work = replace(work, cells=_widened(work.cells))
                stack, out = _widened(stack), _widened(out)
            elif code == polytopes.ROOM and not found:
                stack = _doubled(stack, ("vertices", "masks", "doubts"))
                out = _doubled(out, ("vertices", "masks"))

    def _stack(self, work: _Work, room: int) -> vertex_cells.Stack:
        n, words = work.units.table.shape[1], work.cells.masks.shape[1]
        return vertex_cells.Stack(
            np.empty((room, self.dimension + signs.VERTEX_EXTRA)),
            np.empty((room, words), np.uint64),
            np.zeros((n + 3, 64 * words), np.int32),
            np.zeros(n + 3, np.int64),
            np.zeros(n + 3, np.int64),
            np.zeros((n + 3, n), np.int8),
            np.empty(room, np.int64),
        )

    def _out(self, work: _Work, budget: int, rows: int) -> vertex_cells.Children:
        n, words = work.units.table.shape[1], work.cells.masks.shape[1]
        return vertex_cells.Children(
            np.empty(budget, np.int64),
            np.empty((budget, n), np.int8),
            np.zeros(budget + 1, np.int64),
            np.empty((rows, self.dimension + signs.VERTEX_EXTRA)),
            np.empty((rows, words), np.uint64),
            np.empty((budget, 64 * words), np.int32),
        )


@dataclass(frozen=True, eq=False)
class _Work:
    """A batch under way: what is known of it, and the arrays that the kernels take."""

    doubts: Doubts
    units: signs.UnitForms
    stage: tuple
    cells: vertex_cells.Polytopes


def _settle_top(work: _Work, cell: int, cursor: np.ndarray, stack: vertex_cells.Stack) -> None:
    """Settle the doubtful vertices of the cell on top of the stack."""
    top = cursor[1] - 1
    own = slice(stack.starts[top], stack.starts[top + 1])
    rows, first = stack.doubts[: cursor[2]], int(stack.units[top])
    vertices, masks, facets = stack.vertices[own], stack.masks[own], stack.facets[top]
    work.doubts.settle(cell, vertices, masks, facets, rows, stack.signs[top], first)


def _middle(tree: Tree, batch: Batch, cell: int) -> Form:
    """Return the mean of a cell's vertices, in homogeneous integers."""
    cells, exact, active = batch.cells, tree.frame.forms, batch.active[cell]
    sides, middle = exact.sides(), (0,) * tree.frame.dimension + (1,)
    units = cells.units[cells.facets[cell]]
    for k, mask in enumerate(cells.masks[cells.starts[cell] : cells.starts[cell + 1]]):
        on = [int(units[bit]) for bit in bits_of(mask)]
        forms = [sides[-1 - unit] if unit < 0 else exact.unit(unit, active) for unit in on]
        vertex = crossing(forms)
        assert vertex is not None  # a vertex's facets meet in it alone
        middle = between(middle, vertex, k, 1)
    return middle


def _below(work: _Work, found: int, out: vertex_cells.Children) -> VertexCells:
    """Return the children found, with the planes of their own facets."""
    _, _, starts, vertices, masks, facets = out
    planes, table, units = work.cells.planes, work.units.table, work.doubts.units
    used, base, n = starts[found], len(planes), table.shape[1]
    facets, old = polytopes.renumbered(facets[:found], base + len(table) * n)
    before = old < base
    kept, made = old[before], old[~before] - base
    forms, names = np.empty((len(old), table.shape[2])), np.empty(len(old), np.int64)
    forms[before], forms[~before] = planes[kept], table.reshape(-1, table.shape[2])[made]
    names[before], names[~before] = units[kept], work.doubts.forms.stage.hidden[made % n]
    return VertexCells(
        vertices[:used].copy(),
        masks[:used].copy(),
        starts[: found + 1].copy(),
        facets,
        forms,
        names,
    )


def _widened(cells: Any) -> Any:
    """Return cells with one more word in the masks and room for its facets."""
    masks = np.pad(cells.masks, ((0, 0), (0, 1)))
    return cells._replace(masks=masks, facets=np.pad(cells.facets, ((0, 0), (0, 64))))


def _doubled(cells: Any, names: tuple[str, ...]) -> Any:
    """Return cells with twice the room in some of their arrays."""
    longer = {}
    for name in names:
        old = getattr(cells, name)
        longer[name] = np.empty((2 * len(old), *old.shape[1:]), old.dtype)
        longer[name][: len(old)] = old
    return cells._replace(**longer)


def vertex_tree(frame: Frame, effort: Effort) -> tuple[Tree, Batch]:
    """Return (tree, batch): the tree of cells described by vertices, and the batch to start from.

    Raises
    ------
    DomainError
        If the domain is half open, or has more than 8 dimensions.
    InDoubtError
        If the first layer's units do not bound cells of a whole flat.
    OutOfTime
        If the time is over.
    """
    net, d = frame.net, frame.dimension
    if d > MOST_DIMENSIONS:
        raise DomainError(
            f"the network depends on {d} directions of this domain; the engine 'vertices' takes "
            f"at most {MOST_DIMENSIONS}: use method='cells'"
        )
    geometry = Polytopes(d, *twins_of(net))
    if frame.bounded:
        head = head_units(net, d, _HEAD_CELLS) if len(net.relu_layers) == 1 else None
        tree = Tree(net, frame, geometry, stages_of(net, head))
        return tree, tree.root(corners.of_bounded(frame, effort.check))
    if np.isfinite(frame.low).any() or np.isfinite(frame.high).any() or len(frame.rows):
        raise DomainError(
            "the domain is open on some sides only; the engine 'vertices' takes bounded domains "
            "and whole flats: use method='cells'"
        )
    head, active, cells = corners.orthants(net, frame)
    tree = Tree(net, frame, geometry, stages_of(net, head))
    return tree, Batch(1, cells, active)
