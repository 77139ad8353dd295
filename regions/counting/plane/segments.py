"""The plane engine for networks of any wiring: one compiled ReLU layer at a time.

A cell carries three rows of the network's state, those of its x, y and w coefficients. They go
through the network's own linear segments (convolutions, residual additions, pooling) in batches;
no weight matrix is ever formed. Batches are taken depth first, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from regions.counting.plane.chain import absolute, one_layer
from regions.counting.plane.explorer import Explorer, PlaneCells
from regions.counting.plane.planar import BOUNDARY
from regions.networks import ReLUNetwork, State

_MEMORY = 2**28  # bytes of values that one batch may hold


@dataclass(frozen=True)
class _Batch:
    """Cells of the layers before `layer`, and their rows in the state of the batch before."""

    layer: int
    cells: PlaneCells
    state: State
    parents: np.ndarray

    def activated(self, net: ReLUNetwork) -> State:
        """Return the state of the cells, three rows each, after the last ReLU layer."""
        rows = (3 * self.parents[:, None] + np.arange(3)).ravel()
        state = self.state.map(lambda value: value[rows])
        if self.layer == 0:
            return state
        size = net.relu_layers[self.layer - 1].size
        active = np.repeat(self.cells.patterns[:, -size:], 3, axis=0)
        return net.activate(state, self.layer - 1, net.slopes(self.layer - 1, active))


class SegmentExplorer:
    """A network on one plane, whose x, y and w axes stand for the inputs `columns`."""

    def __init__(self, net: ReLUNetwork, columns: np.ndarray) -> None:
        self.net, self.twin = net, absolute(net)
        self.start = net.start(columns)
        self.rows = max(4, _MEMORY // (3 * 64 * max(net.widths)))
        self.units = sum(layer.size for layer in net.relu_layers)
        self.cuts = np.zeros(1, np.int64)

    def counts(self, polygon: np.ndarray) -> Iterator[int]:
        """Yield numbers of cells that add up to the number of cells in the polygon."""
        last = len(self.net.relu_layers) - 1
        if last < 0:
            yield 1
            return
        for cells, maps, bounds in self._walk(polygon, np.full(len(polygon), BOUNDARY), last):
            for i in range(len(cells)):
                yield sum(self._layer(last, maps[i], bounds[i]).counts(cells.polygon(i)))

    def cells(self, polygon: np.ndarray, labels: np.ndarray) -> Iterator[PlaneCells]:
        """Yield the cells in the polygon."""
        for cells, maps, _ in self._walk(polygon, labels, len(self.net.relu_layers)):
            yield replace(cells, outputs=maps)

    def crossed(self, polygon: np.ndarray) -> int:
        """Return how many units of the first layer cross the polygon."""
        if not self.net.relu_layers:
            return 0
        values = polygon @ self.net.advance(self.start, 0, np.array([0.0, 0.0, 1.0]))[0]
        return int(((values.max(axis=0) > 0) & (values.min(axis=0) < 0)).sum())

    def halves(self, polygon: np.ndarray) -> list[np.ndarray]:
        """Return the two parts of a polygon cut by a unit of the first layer, or the polygon."""
        if not self.net.relu_layers:
            return [polygon]
        labels = np.full(len(polygon), BOUNDARY)
        _, maps, bounds = next(self._walk(polygon, labels, 0))
        return self._layer(0, maps[0], bounds[0]).halves(polygon)

    def _walk(
        self, polygon: np.ndarray, labels: np.ndarray, final: int
    ) -> Iterator[tuple[PlaneCells, np.ndarray, np.ndarray]]:
        """Yield the cells of the layers before `final`, and that layer's maps and bounds there."""
        none = np.zeros((1, 0), np.bool_)
        root = PlaneCells(polygon, labels, np.array([0, len(polygon)]), none, np.zeros((1, 3, 0)))
        stack = [_Batch(0, root, self.start, np.zeros(1, np.int64))]
        while stack:
            batch = stack.pop()
            cells, layer = batch.cells, batch.layer
            before = batch.activated(self.net)
            axes = np.tile([0.0, 0.0, 1.0], len(cells))
            values, state = self.net.advance(before, layer, axes)
            bounds, _ = self.twin.advance(before.map(_sizes), layer)
            maps = values.reshape(len(cells), 3, -1)
            if layer == final:
                yield cells, maps, bounds
                continue
            parts = [self._split(cells, i, layer, maps[i], bounds[i]) for i in range(len(cells))]
            parents = np.repeat(np.arange(len(cells)), [len(part) for part in parts])
            children = PlaneCells.joined(parts)
            stack += [
                _Batch(
                    layer + 1,
                    children.part(at, at + self.rows),
                    state,
                    parents[at : at + self.rows],
                )
                for at in range(0, len(children), self.rows)
            ]

    def _split(
        self, cells: PlaneCells, cell: int, layer: int, maps: np.ndarray, bounds: np.ndarray
    ) -> PlaneCells:
        """Return the cells into which the units of `layer` cut one cell."""
        labels = cells.labels[cells.ends[cell] : cells.ends[cell + 1]]
        explorer = self._layer(layer, maps, bounds)
        found = PlaneCells.joined(list(explorer.cells(cells.polygon(cell), labels)))
        earlier = np.repeat(cells.patterns[cell : cell + 1], len(found), axis=0)
        return replace(found, patterns=np.hstack([earlier, found.patterns]))

    def _layer(self, layer: int, maps: np.ndarray, bounds: np.ndarray) -> Explorer:
        """Return an explorer of one ReLU layer."""
        relus = self.net.relu_layers
        first = sum(relu.size for relu in relus[:layer])
        chain = one_layer(relus[layer].size, relus[layer].slope, first, self.units)
        return Explorer(chain._replace(bounds=bounds), maps, self.cuts)


def _sizes(value: np.ndarray) -> np.ndarray:
    """Return the size of each cell's three rows, taken together."""
    return np.abs(value).reshape(-1, 3, *value.shape[1:]).sum(axis=1)
