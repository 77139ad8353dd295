"""The tree of cells, layer by layer: what the engines share, whatever a cell is described by.

A batch of cells is pushed through one linear segment of the network at a time (so convolutions
and residual additions need no matrix), cut by the units of the next layer, and its children are
walked before its siblings: memory is that of one batch per layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from regions.counting.tree.frame import Frame

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

_STATE_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Stage:
    """Some units of one ReLU layer that cut the cells together; `last` ends the layer."""

    layer: int
    units: np.ndarray
    first: int
    noise: np.ndarray
    last: bool

    @property
    def hidden(self) -> np.ndarray:
        """Indices of the units among all hidden units."""
        return self.first + self.units


@dataclass(frozen=True)
class Batch:
    """Cells that have passed the first `stage` stages.

    Attributes
    ----------
    cells : Any
        Their description (see `Geometry`).
    active : (cells, hidden units) bool array
        Activations so far; False for units still to come.
    state : State or None
        Columns of every cell before its next layer; None: push them again from the start.
    """

    stage: int
    cells: Any
    active: np.ndarray
    state: Any = None

    def __len__(self) -> int:
        return len(self.active)


class Geometry(Protocol):
    """How cells are described, cut and counted: by halfspaces or by vertices."""

    def children(
        self, cells: Any, forms: np.ndarray, stage: Stage, budget: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
        """Yield (owner, active, cells) for at most `budget` children at a time."""
        ...

    def count(self, cells: Any, forms: np.ndarray, stage: Stage) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        ...

    def take(self, cells: Any, index: slice) -> Any:
        """Return some of the cells."""
        ...


@dataclass(frozen=True)
class Tree:
    """The tree of cells of `net` over the domain of `frame`, cut in the order of `stages`."""

    net: ReLUNetwork
    frame: Frame
    geometry: Geometry
    stages: tuple[Stage, ...]

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return sum(len(stage.units) for stage in self.stages)

    def root(self, cells: Any) -> Batch:
        """Return the batch that holds the whole domain as one cell."""
        return Batch(0, cells, np.zeros((1, self.hidden), dtype=bool))

    def leaves(self, batch: Batch) -> Iterator[Batch]:
        """Yield all cells below `batch`, depth first, in batches."""
        if batch.stage == len(self.stages):
            yield batch
            return
        for child in self.children(batch):
            yield from self.leaves(child)

    def counts(self, batch: Batch) -> Iterator[int]:
        """Yield numbers of cells that add up to all cells below `batch`, as they are found."""
        if batch.stage == len(self.stages):
            yield len(batch)
            return
        if batch.stage == len(self.stages) - 1:
            forms, _ = self.forms(batch)
            yield from self.geometry.count(batch.cells, forms, self.stages[-1])
            return
        for child in self.children(batch):
            yield from self.counts(child)

    def children(self, batch: Batch) -> Iterator[Batch]:
        """Yield the children of `batch` in its next stage, in batches of bounded size."""
        stage = self.stages[batch.stage]
        forms, states = self.forms(batch)
        budget = self._budget(states, len(batch))
        found = self.geometry.children(batch.cells, forms, stage, budget)
        for owner, signs, cells in found:
            active = batch.active[owner]
            active[:, stage.hidden] = signs
            after = self.after(stage, states, active, owner)
            yield Batch(batch.stage + 1, cells, active, after)

    def forms(self, batch: Batch) -> tuple[np.ndarray, tuple[Any, Any]]:
        """Return the next units' coefficients on every cell, (cells, d + 1, units), and the states.

        The states are those before and after the linear segment.
        """
        stage, rows = self.stages[batch.stage], self.frame.dimension + 1
        before = batch.state if batch.state is not None else self.state(batch)
        homogeneous = np.tile(self.frame.homogeneous, len(batch))
        values, after = self.net.advance(before, stage.layer, homogeneous)
        if len(stage.units) < values.shape[1]:
            values = values[:, stage.units]
        return values.reshape(len(batch), rows, len(stage.units)), (before, after)

    def state(self, batch: Batch) -> Any:
        """Push the columns of every cell up to its next layer, by its activations."""
        layer = self._next_layer(batch)
        state = self.net.start(np.tile(self.frame.columns, (len(batch), 1)))
        homogeneous, first = np.tile(self.frame.homogeneous, len(batch)), 0
        for index in range(layer):
            _, state = self.net.advance(state, index, homogeneous)
            size = self.net.relu_layers[index].size
            state = self._activated(state, index, batch.active[:, first : first + size])
            first += size
        return state

    def resized(self, batch: Batch, size: int) -> Iterator[Batch]:
        """Yield `batch` in pieces of at most `size` cells, without their states."""
        for start in range(0, len(batch), size):
            piece = slice(start, start + size)
            cells = self.geometry.take(batch.cells, piece)
            yield replace(batch, cells=cells, active=batch.active[piece], state=None)

    def _next_layer(self, batch: Batch) -> int:
        if batch.stage == len(self.stages):
            return len(self.net.relu_layers)
        return self.stages[batch.stage].layer

    def after(self, stage: Stage, states: tuple, active: np.ndarray, owner: np.ndarray) -> Any:
        """Return the children's columns after `stage`, from the states that `forms` gave."""
        rows = self.frame.dimension + 1
        index = (owner[:, None] * rows + np.arange(rows)).ravel()
        if not stage.last:
            return states[0].map(lambda value: value[index])
        size = self.net.relu_layers[stage.layer].size
        state = states[1].map(lambda value: value[index])
        return self._activated(state, stage.layer, active[:, stage.first : stage.first + size])

    def _activated(self, state: Any, layer: int, active: np.ndarray) -> Any:
        slopes = self.net.slopes(layer, active)
        return self.net.activate(state, layer, np.repeat(slopes, self.frame.dimension + 1, axis=0))

    def _budget(self, states: tuple, cells: int) -> int:
        size = sum(value.nbytes for value in states[1].values.values()) / cells
        return int(np.clip(_STATE_BYTES / max(size, 1.0), 1, 1024))


def stages_of(
    net: ReLUNetwork, frame: Frame, head: np.ndarray | None = None, tail: int = 0
) -> tuple[Stage, ...]:
    """Return one stage per layer.

    With `head`, these first-layer units come first, on their own; with `tail`, so many of the last
    layer's units come last, on their own.
    """
    stages, first = [], 0
    for index, layer in enumerate(net.relu_layers):
        units = np.arange(layer.size)
        parts = [units]
        if index == 0 and head is not None and 0 < len(head) < layer.size:
            parts = [np.asarray(head), np.setdiff1d(units, head)]
        if index == len(net.relu_layers) - 1 and 0 < tail < len(parts[-1]):
            parts = [*parts[:-1], parts[-1][:-tail], parts[-1][-tail:]]
        for number, part in enumerate(parts):
            noise = frame.noise[index][part]
            stages.append(Stage(index, part, first, noise, number == len(parts) - 1))
        first += layer.size
    return tuple(stages)
