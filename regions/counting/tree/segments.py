"""The columns of cells, pushed through a network's linear segments with bounds of their errors.

In float64; and in pairs of float64 numbers where the network is so deep that the bounds would leave
too much in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from regions.counting.exact.precise import PRECISE_UNIT, Precise
from regions.counting.exact.rounding import UNIT, Rounding
from regions.counting.tree.frame import Frame
from regions.exact.scaled import joined
from regions.kernels import kernel
from regions.networks import State

Pair = tuple[State, State]  # columns of every cell, and two rows of error bounds each
_TOO_COARSE = 1e-8


@dataclass(frozen=True)
class Segments:
    """A network's linear segments in float64, for the columns of a frame.

    Errors have two rows for every cell: the directions' errors added up, and the constants'.
    """

    frame: Frame

    def start(self, cells: int) -> Pair:
        """Return the columns of so many cells, and their errors."""
        net = self.frame.net
        columns = net.start(np.tile(self.frame.columns, (cells, 1)))
        errors = net.start(np.tile(self.frame.column_errors, (cells, 1)))
        return columns, errors.map(self.two_rows)

    def advance(self, state: State, errors: State, layer: int) -> tuple[Any, Any, Pair]:
        """Push through linear segment `layer`.

        Returns
        -------
        values : (cells * (d + 1), units) array
        bounds : (cells * 2, units) array
            How far they can be off.
        pair : (State, State)
            What `activate` needs.
        """
        cells = len(next(iter(errors.values.values()))) // 2
        homogeneous = np.tile(self.frame.homogeneous, cells)
        values, after = self.frame.net.advance(state, layer, homogeneous)
        sizes = state.map(self.two_rows)
        bounds, carried = self.frame.rounding.advance(errors, sizes, layer, self.constant(cells))
        return values, bounds, (after, carried)

    def take(self, state: State, errors: State, owner: np.ndarray) -> Pair:
        """Return the columns of the cells `owner`, and their errors."""
        columns, pairs = self._rows(owner, self.frame.dimension + 1), self._rows(owner, 2)
        return state.map(lambda value: value[columns]), errors.map(lambda value: value[pairs])

    def activate(
        self, state: State, errors: State, layer: int, active: np.ndarray, owner: np.ndarray
    ) -> Pair:
        """Return columns and errors of the cells `owner` after ReLU layer `layer`."""
        slopes, rows = self.frame.net.slopes(layer, active), self.frame.dimension + 1
        after = self._multiplied(state, layer, slopes, owner, rows)
        return after, self._multiplied(errors, layer, np.abs(slopes), owner, 2)

    def _multiplied(
        self, state: State, layer: int, slopes: np.ndarray, owner: np.ndarray, rows: int
    ) -> State:
        """Return the rows of the cells `owner` after a ReLU layer, by the slopes of its units."""
        graph = self.frame.net.graph
        relu = graph.relus[layer]

        def times(_: Any, inputs: list[np.ndarray]) -> np.ndarray:
            cells = np.ascontiguousarray(inputs[0]).reshape(-1, rows, relu.size)
            out = np.empty((len(owner), rows, relu.size))
            _multiply(cells, owner, slopes, out)
            return out.reshape(-1, *relu.shape)

        alive = graph.run(state.values, times, (relu,))
        made = {relu.name: alive.pop(relu.name)}
        index = self._rows(owner, rows) if alive else None
        return State({name: value[index] for name, value in alive.items()} | made)

    @staticmethod
    def _rows(owner: np.ndarray, rows: int) -> np.ndarray:
        """Return where the rows of the cells `owner` are."""
        return (owner[:, None] * rows + np.arange(rows)).ravel()

    def constant(self, cells: int) -> np.ndarray:
        """Return which rows of errors biases are added to."""
        return np.tile([float(self.frame.cone), float(not self.frame.cone)], cells)

    def two_rows(self, value: np.ndarray) -> np.ndarray:
        """Return the sizes of every cell's d + 1 rows: the directions' added up, the constant's."""
        d, rest = self.frame.dimension, value.shape[1:]
        cells = np.ascontiguousarray(value).reshape(-1, d + 1, prod(rest))
        out = np.empty((len(cells), 2, prod(rest)))
        _add_sizes(cells, out)
        return out.reshape(-1, *rest)


@dataclass(frozen=True)
class PreciseSegments(Segments):
    """The same in pairs of float64 numbers: columns are (cells * (d + 1), 2, *shape)."""

    @cached_property
    def precise(self) -> Precise:
        """The network on pairs."""
        return Precise(self.frame.net)

    @cached_property
    def rounding(self) -> Rounding:
        """How far pairs can be off."""
        return Rounding(self.frame.net, -(10**6), self.precise.gammas)

    def start(self, cells: int) -> Pair:
        place, frame = self.frame.place, self.frame
        exact = joined([place.directions, place.start.reshape(1, -1)])
        pairs = self.precise.start(exact).values["input"]
        if frame.cone:
            pairs = np.concatenate([pairs, np.zeros_like(pairs[:1])])
        tiled = np.tile(pairs, (cells, *[1] * (pairs.ndim - 1)))
        errors = State({"input": self.two_rows(PRECISE_UNIT * tiled[:, 0])})
        return State({"input": tiled}), errors

    def advance(self, state: State, errors: State, layer: int) -> tuple[Any, Any, Pair]:
        cells = len(next(iter(errors.values.values()))) // 2
        homogeneous = np.tile(self.frame.homogeneous, cells)
        pairs, after = self.precise.advance(state, layer, homogeneous)
        sizes = state.map(lambda value: self.two_rows(_largest(np.abs(value[:, 0]))))
        bounds, carried = self.rounding.advance(errors, sizes, layer, self.constant(cells))
        values = pairs[:, 0]
        return values, bounds + 2 * UNIT * self.two_rows(values), (after, carried)

    def activate(
        self, state: State, errors: State, layer: int, active: np.ndarray, owner: np.ndarray
    ) -> Pair:
        slopes, rows = self.frame.net.slopes(layer, active), self.frame.dimension + 1
        index = self._rows(owner, rows)
        state = state.map(lambda value: value[index])
        after = self.precise.activate(state, layer, np.repeat(slopes, rows, axis=0))
        return after, self._multiplied(errors, layer, np.abs(slopes), owner, 2)


def segments_of(frame: Frame) -> Segments:
    """Return segments in float64, or in pairs if float64 would be too coarse at some point."""
    plain = Segments(frame)
    net = frame.net
    pair, worst = plain.start(1), 0.0
    middle = np.zeros(frame.dimension)
    if frame.cone:
        middle[-1] = 1.0
    for layer in range(len(net.relu_layers)):
        values, bounds, pair = plain.advance(*pair, layer)
        size = float(np.median(np.abs(values).max(axis=0)))
        worst = max(worst, float(np.median(bounds.sum(axis=0))) / size if size else 0.0)
        active = middle @ values[:-1] + values[-1] > 0
        pair = plain.activate(*pair, layer, active[None], np.zeros(1, np.int64))
    precise = PreciseSegments(frame)
    return precise if worst > _TOO_COARSE and precise.precise.possible else plain


@kernel(nogil=True)
def _add_sizes(cells, out):
    """Fill (cells, 2, units): the sizes of all rows but the last added up, and the last one's."""
    count, rows, units = cells.shape
    for cell in range(count):
        for unit in range(units):
            out[cell, 0, unit] = 0.0
            out[cell, 1, unit] = abs(cells[cell, rows - 1, unit])
        for row in range(rows - 1):
            for unit in range(units):
                out[cell, 0, unit] += abs(cells[cell, row, unit])


@kernel(nogil=True)
def _multiply(cells, owner, slopes, out):
    """Fill (children, rows, units): the rows of each child's owner, times the units' slopes."""
    count, rows, units = out.shape
    for child in range(count):
        cell = owner[child]
        for row in range(rows):
            for unit in range(units):
                out[child, row, unit] = cells[cell, row, unit] * slopes[child, unit]


def _largest(sizes: np.ndarray) -> np.ndarray:
    """Return every row's largest number in the place of each."""
    flat = sizes.reshape(len(sizes), -1).max(axis=1, initial=0.0)
    return np.broadcast_to(flat.reshape(-1, *[1] * (sizes.ndim - 1)), sizes.shape)
