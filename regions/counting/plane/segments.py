"""The plane engine for networks of any wiring: one compiled ReLU layer at a time.

A cell carries three rows of the network's state, those of its x, y and constant coefficients, and
two rows with bounds of their errors. They go through the network's own linear segments
(convolutions, residual additions, pooling) in small batches; no weight matrix is ever formed.
Batches are taken depth first, and a batch's cells are cut one by one, so that memory stays bounded
however many cells there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from regions.counting.exact.rounding import Rounding
from regions.counting.plane.chain import Maps, one_layer, rounded_columns, scaled_maps
from regions.counting.plane.explorer import Explorer, PlaneCells, Polygon
from regions.counting.plane.judge import Judge
from regions.exact.scaled import Scaled
from regions.networks import ReLUNetwork, State

_MEMORY = 2**25  # bytes of values that one batch may hold


@dataclass(frozen=True)
class _Batch:
    """Cells of the layers before `layer`, and their rows in the state of the batch before."""

    layer: int
    cells: PlaneCells
    state: State
    doubt: State
    parents: np.ndarray

    def activated(self, net: ReLUNetwork) -> tuple[State, State]:
        """Return the cells' state after the last ReLU layer, three rows each, and its errors."""
        states = []
        for state, rows in ((self.state, 3), (self.doubt, 2)):
            at = (rows * self.parents[:, None] + np.arange(rows)).ravel()
            state = state.map(lambda value, at=at: value[at])
            if self.layer:
                before = self.layer - 1
                size = net.relu_layers[before].size
                slopes = net.slopes(before, self.cells.patterns[:, -size:])
                slopes = np.repeat(slopes if rows == 3 else np.abs(slopes), rows, axis=0)
                state = net.activate(state, before, slopes)
            states.append(state)
        return states[0], states[1]


@dataclass(frozen=True)
class _Pushed:
    """A batch behind the linear segment of its layer: maps of every cell, and the state there."""

    batch: _Batch
    values: np.ndarray
    bounds: np.ndarray
    state: State
    doubt: State


class SegmentExplorer:
    """A network on one plane.

    Parameters
    ----------
    net : ReLUNetwork
    columns : Scaled, (3, n0)
        The inputs that the plane's coordinates (x, y, 1) stand for.
    homogeneous : (3,) array
        How much of a bias each coordinate takes.
    settle : function
        Makes what settles open signs.
    """

    finished = False  # not known before the end: see `Explorer.finished`

    def __init__(
        self,
        net: ReLUNetwork,
        columns: Scaled,
        homogeneous: np.ndarray,
        settle: Callable[[], Judge],
    ) -> None:
        self.net, self.judge, self.homogeneous = net, settle(), homogeneous
        rounded, errors, start = rounded_columns(columns)
        self.rounding = Rounding(net, start)
        self.start = net.start(rounded)
        self.doubt = net.start(np.vstack([errors[:2].max(axis=0), errors[2]]))
        self.rows = max(4, _MEMORY // (5 * 8 * max(net.widths)))
        self.first = np.cumsum([0, *(layer.size for layer in net.relu_layers)])
        self.cuts = np.zeros(1, np.int64)

    def counts(self, polygon: Polygon, at_once: int | None = None) -> Iterator[int]:
        """Yield numbers of cells, about `at_once` or less, that add up to those in the polygon."""
        last = len(self.net.relu_layers) - 1
        if last < 0:
            yield 1
            return
        for pushed in self._walk(self._root(polygon), last):
            if pushed is None:
                yield 0
                continue
            for i in range(len(pushed.batch.cells)):
                below = self._layer(pushed, i)
                yield from below.counts(_polygon(pushed.batch.cells, i), at_once)

    def cells(self, polygon: Polygon) -> Iterator[PlaneCells]:
        """Yield the cells in the polygon (some parts may be empty)."""
        for pushed in self._walk(self._root(polygon), len(self.net.relu_layers)):
            if pushed is not None:
                yield replace(pushed.batch.cells, outputs=pushed.values, errors=pushed.bounds)

    def crossed(self, polygon: Polygon) -> int:
        """Return about how many units of the first layer cross the polygon."""
        if not self.net.relu_layers:
            return 0
        return self._layer(self._push(self._root(polygon)), 0).crossed(polygon)

    def halves(self, polygon: Polygon) -> list[Polygon]:
        """Return the two parts of a polygon cut by a unit of the first layer, or the polygon."""
        if not self.net.relu_layers:
            return [polygon]
        return self._layer(self._push(self._root(polygon)), 0).halves(polygon)

    def _root(self, polygon: Polygon) -> _Batch:
        cells = PlaneCells(
            rows=polygon.rows,
            labels=polygon.labels,
            ends=np.array([0, len(polygon.labels)]),
            patterns=np.zeros((1, 0), np.bool_),
            outputs=np.zeros((1, 3, 0)),
            errors=np.zeros((1, 2, 0)),
        )
        return _Batch(0, cells, self.start, self.doubt, np.zeros(1, np.int64))

    def _walk(self, batch: _Batch, final: int) -> Iterator[_Pushed | None]:
        """Yield the cells of the layers before `final`, behind its segment; None now and then."""
        pushed = self._push(batch)
        if batch.layer == final:
            yield pushed
            return
        for child in self._children(pushed):
            yield None
            if child is not None:
                yield from self._walk(child, final)

    def _push(self, batch: _Batch) -> _Pushed:
        layer, cells = batch.layer, len(batch.cells)
        state, doubt = batch.activated(self.net)
        sizes = state.map(_sizes)
        axes, tilt = self.homogeneous, np.abs(self.homogeneous[:2]).max()
        with np.errstate(all="ignore"):
            values, after = self.net.advance(state, layer, np.tile(axes, cells))
            constant = np.tile([tilt, abs(axes[2])], cells)
            bounds, doubt = self.rounding.advance(doubt, sizes, layer, constant)
        return _Pushed(
            batch, values.reshape(cells, 3, -1), bounds.reshape(cells, 2, -1), after, doubt
        )

    def _children(self, pushed: _Pushed) -> Iterator[_Batch | None]:
        """Yield batches of the cells into which the layer cuts a batch's, and None now and then."""
        cells, waiting, parents = pushed.batch.cells, [], []
        for i in range(len(cells)):
            for found in self._layer(pushed, i).cells(_polygon(cells, i), self.rows):
                yield None
                if len(found) == 0:
                    continue
                earlier = np.repeat(cells.patterns[i : i + 1], len(found), axis=0)
                waiting.append(replace(found, patterns=np.hstack([earlier, found.patterns])))
                parents.append(np.full(len(found), i))
                if sum(map(len, waiting)) >= self.rows:
                    yield self._batch(pushed, waiting, parents)
                    waiting, parents = [], []
        if waiting:
            yield self._batch(pushed, waiting, parents)

    def _batch(self, pushed: _Pushed, found: list[PlaneCells], parents: list[np.ndarray]) -> _Batch:
        layer = pushed.batch.layer + 1
        cells = PlaneCells.joined(found)
        return _Batch(layer, cells, pushed.state, pushed.doubt, np.concatenate(parents))

    def _layer(self, pushed: _Pushed, cell: int) -> Explorer:
        """Return an explorer of one ReLU layer on one cell."""
        layer = pushed.batch.layer
        relu = self.net.relu_layers[layer]
        grid = float(self.rounding.grids[layer]) if self.homogeneous[2] == 1.0 else -np.inf
        maps: Maps = scaled_maps(pushed.values[cell], pushed.bounds[cell], grid)
        chain = one_layer(relu.slope, int(self.first[layer]), int(self.first[-1]), relu.size)
        before = pushed.batch.cells.patterns[cell]
        return Explorer(chain, maps, self.judge, cuts=self.cuts, before=before)


def _polygon(cells: PlaneCells, cell: int) -> Polygon:
    at = slice(cells.ends[cell], cells.ends[cell + 1])
    return Polygon(cells.rows[at], cells.labels[at])


def _sizes(value: np.ndarray) -> np.ndarray:
    """Return the sizes of each cell's first two rows, together, and of the third."""
    size = np.abs(value).reshape(-1, 3, *value.shape[1:])
    both = np.stack([size[:, 0] + size[:, 1], size[:, 2]], axis=1)
    return both.reshape(-1, *value.shape[1:])
