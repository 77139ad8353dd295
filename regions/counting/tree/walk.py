"""The tree of cells, layer by layer: what the engines share, whatever a cell is described by.

A batch of cells is pushed through one linear segment of the network at a time (so convolutions
and residual additions need no matrix), cut by the units of the next layer, and its children are
walked before its siblings: memory is that of one batch per layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from regions.counting.tree.frame import Frame
from regions.counting.tree.segments import Pair, Segments, segments_of
from regions.counting.undecided import Undecided
from regions.networks import ReLUNetwork

_STATE_BYTES = 32 * 2**20
_quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # NaN leaves it in doubt

States = tuple[Pair, Pair]  # before and after a linear segment
Described = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # see `Geometry.described`


@dataclass(frozen=True)
class Stage:
    """Some units of one ReLU layer that cut the cells together; `last` ends the layer."""

    layer: int
    units: np.ndarray
    first: int
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
    errors : State or None
        How far they can be off, two rows for every cell: the directions' errors added up, and the
        constants'.
    """

    stage: int
    cells: Any
    active: np.ndarray
    state: Any = None
    errors: Any = None

    def __len__(self) -> int:
        return len(self.active)


@dataclass(frozen=True)
class StageForms:
    """The units of one stage on a batch of cells.

    Attributes
    ----------
    stage : Stage
    values : (cells, d + 1, units) array
        Their coefficients in float64, the constant last.
    errors : (cells, 2, units) array
        How far the d slopes can be off, added up, and how far the constant can be: at a point y
        the form's value is off by at most ``errors[0] * max |y| + errors[1]`` (and by what is
        rounded when it is evaluated).
    active : (cells, hidden units) bool array
        Activations of the earlier layers on each cell.
    frame : Frame
        Its `forms` give them exactly.
    """

    stage: Stage
    values: np.ndarray
    errors: np.ndarray
    active: np.ndarray
    frame: Frame

    def take(self, index: np.ndarray) -> StageForms:
        """Return those on some of the cells."""
        values, errors, active = self.values[index], self.errors[index], self.active[index]
        return StageForms(self.stage, values, errors, active, self.frame)

    def exact(self, cell: int, unit: int) -> tuple[int, ...]:
        """Return the form of the stage's `unit` on a cell as integers."""
        hidden = int(self.stage.hidden[unit])
        return self.frame.forms.unit(hidden, self.active[cell])


class Geometry(Protocol):
    """How cells are described, cut and counted: by halfspaces or by vertices.

    Attributes
    ----------
    undecided : Undecided
        What had to be left to float64 so far.
    """

    @property
    def undecided(self) -> Any: ...

    def children(
        self, cells: Any, forms: StageForms, budget: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
        """Yield (owner, active, cells) for at most `budget` children at a time."""
        ...

    def count(self, cells: Any, forms: StageForms) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        ...

    def take(self, cells: Any, index: slice) -> Any:
        """Return some of the cells."""
        ...

    def described(self, tree: Tree, batch: Batch) -> Described:
        """Return (points, rows, units, starts): where cells are, and their facets.

        A point inside every cell, rounded; the facets of all cells one after the other, the
        domain's sides included: ``rows[:, :d] @ y + rows[:, d] >= 0`` inside, whose they are (a
        hidden unit's, or below 0 a side's), and where each cell's begin.
        """
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

    @cached_property
    @_quietly
    def segments(self) -> Segments:
        """The network's linear segments, for columns with error bounds."""
        return segments_of(self.frame)

    @property
    def undecided(self) -> Undecided:
        """What had to be left to float64 so far."""
        return self.geometry.undecided

    def apart(self) -> Tree:
        """Return the tree with an account of what is undecided of its own, as workers need it."""
        geometry, tree = copy(self.geometry), copy(self)
        object.__setattr__(geometry, "undecided", Undecided())
        object.__setattr__(tree, "geometry", geometry)
        return tree

    def root(self, cells: Any) -> Batch:
        """Return the batch that holds the whole domain as one cell."""
        return Batch(0, cells, np.zeros((1, self.hidden), dtype=bool))

    def leaves(self, batch: Batch) -> Iterator[Batch]:
        """Yield all cells below `batch`, depth first, in batches."""
        if len(batch) == 0:
            return
        if batch.stage == len(self.stages):
            yield batch
            return
        for child in self.children(batch):
            yield from self.leaves(child)

    def counts(self, batch: Batch) -> Iterator[int]:
        """Yield numbers of cells that add up to all cells below `batch`, as they are found."""
        if batch.stage == len(self.stages) or len(batch) == 0:
            yield len(batch)
            return
        if batch.stage == len(self.stages) - 1:
            forms, _ = self.forms(batch)
            yield from self.geometry.count(batch.cells, forms)
            return
        for child in self.children(batch):
            yield from self.counts(child)

    def children(self, batch: Batch) -> Iterator[Batch]:
        """Yield the children of `batch` in its next stage, in batches of bounded size.

        A batch can be empty: then a geometry has worked for long and lets the clock be read.
        """
        stage = self.stages[batch.stage]
        forms, states = self.forms(batch)
        budget = self._budget(states, len(batch))
        found = self.geometry.children(batch.cells, forms, budget)
        for owner, signs, cells in found:
            active = batch.active[owner]
            active[:, stage.hidden] = signs
            if len(active) == 0:
                yield Batch(batch.stage + 1, cells, active)
                continue
            yield Batch(batch.stage + 1, cells, active, *self.after(stage, states, active, owner))

    def forms(self, batch: Batch) -> tuple[StageForms, States]:
        """Return the next units' forms on every cell, and the states around the linear segment."""
        return self._forms(batch, self.stages[batch.stage])

    @_quietly
    def _forms(self, batch: Batch, stage: Stage) -> tuple[StageForms, States]:
        d = self.frame.dimension
        if batch.state is None:
            batch = self._pushed(batch)
        before = (batch.state, batch.errors)
        values, bounds, after = self.segments.advance(*before, stage.layer)
        if len(stage.units) < values.shape[1]:
            values, bounds = values[:, stage.units], bounds[:, stage.units]
        forms = StageForms(
            stage,
            values.reshape(len(batch), d + 1, len(stage.units)),
            bounds.reshape(len(batch), 2, len(stage.units)),
            batch.active,
            self.frame,
        )
        return forms, (before, after)

    def _pushed(self, batch: Batch) -> Batch:
        """Return the batch with its columns pushed up to its next layer, by its activations."""
        pair, first, every = self.segments.start(len(batch)), 0, np.arange(len(batch))
        for index in range(self._next_layer(batch)):
            _, _, pair = self.segments.advance(*pair, index)
            size = self.net.relu_layers[index].size
            active = batch.active[:, first : first + size]
            pair = self.segments.activate(*pair, index, active, every)
            first += size
        return replace(batch, state=pair[0], errors=pair[1])

    def outputs(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the network's map on every cell, (cells, d + 1, outputs), and its errors."""
        last = Stage(len(self.net.relu_layers), np.arange(self.net.widths[-1]), self.hidden, True)
        forms, _ = self._forms(replace(batch, stage=len(self.stages)), last)
        return forms.values, forms.errors

    def resized(self, batch: Batch, size: int) -> Iterator[Batch]:
        """Yield `batch` in pieces of at most `size` cells, without their states."""
        for start in range(0, len(batch), size):
            piece = slice(start, start + size)
            cells = self.geometry.take(batch.cells, piece)
            yield replace(batch, cells=cells, active=batch.active[piece], state=None, errors=None)

    def _next_layer(self, batch: Batch) -> int:
        if batch.stage == len(self.stages):
            return len(self.net.relu_layers)
        return self.stages[batch.stage].layer

    @_quietly
    def after(self, stage: Stage, states: States, active: np.ndarray, owner: np.ndarray) -> Pair:
        """Return the children's columns and their errors after `stage`."""
        if not stage.last:
            return self.segments.take(*states[0], owner)
        size = self.net.relu_layers[stage.layer].size
        active = active[:, stage.first : stage.first + size]
        return self.segments.activate(*states[1], stage.layer, active, owner)

    def _budget(self, states: States, cells: int) -> int:
        size = sum(value.nbytes for value in states[1][0].values.values()) / cells
        return int(np.clip(_STATE_BYTES / max(size, 1.0), 1, 2048))


def stages_of(net: ReLUNetwork, head: np.ndarray | None = None, tail: int = 0) -> tuple[Stage, ...]:
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
            stages.append(Stage(index, part, first, number == len(parts) - 1))
        first += layer.size
    return tuple(stages)
