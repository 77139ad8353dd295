"""The wiring as a graph of units: which channels each layer reads and writes, and what joins them.

A node is one channel. Every output channel of a layer is a *unit*, and so is every channel of a
ReLU (or another activation) behind a junction. A *junction* is a channel of a sum into which
several channels lead; it is no unit. Concatenations, slices, shuffles and pooling only move
channels. Channels that meet in junctions are one *stream*, such as a channel of a residual stream,
to which several layers write. Taps and places are not told apart here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from regions.networks import Graph
from regions.networks.mix import Mix
from regions.networks.steps import Add, AvgPool, Conv, ConvTranspose, Linear, Move, ReLU, Step


@dataclass(frozen=True)
class Wires:
    """What one use of a weight joins.

    Attributes
    ----------
    module : str
    reads : array of shape (groups, columns)
        The node that each column of the weight, as a matrix (rows, columns), reads; -1 for none.
        The rows are shared by the groups in turn.
    writes : array of shape (rows,)
    """

    module: str
    reads: np.ndarray
    writes: np.ndarray


@dataclass(frozen=True)
class UnitGraph:
    """Nodes, numbered in an order in which values flow.

    Attributes
    ----------
    inputs, outputs : arrays of int
        Nodes of the input (one for each entry of its first axis) and of the output.
    is_unit : boolean array
        Which nodes are units: a path that passes one keeps all others out of it.
    edges : array of shape (2, edges)
        What leads into junctions, and from junctions into the units behind them.
    wires : tuple of Wires
        The layers in order, kept whole or not.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    is_unit: np.ndarray
    edges: np.ndarray
    wires: tuple[Wires, ...]

    @cached_property
    def streams(self) -> np.ndarray:
        """The number of the stream that each node belongs to."""
        size = len(self.is_unit)
        joins = sparse.coo_array((np.ones(self.edges.shape[1]), self.edges), shape=(size, size))
        return connected_components(joins, directed=False)[1]


def unit_graph(graph: Graph) -> UnitGraph:
    """Return the graph of units of a wiring.

    Values of which each depends on all channels, as in attention, are one unit.

    Examples
    --------
    >>> import numpy as np, regions
    >>> net = regions.as_network([(np.ones((2, 3)), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))])
    >>> units = unit_graph(net.graph)
    >>> units.wires[1].reads.tolist(), units.outputs.tolist()
    ([[3, 4]], [5])
    """
    start, walk = graph.steps[0], _Walk()
    inputs = walk.add(start.shape[0] if start.shape else 1, unit=False)
    values = graph.run({start.name: _spread(inputs, start.shape, 0)}, walk.follow)
    outputs = np.unique(values[graph.steps[-1].name])
    return UnitGraph(
        inputs=inputs,
        outputs=outputs[outputs >= 0],
        is_unit=np.array(walk.is_unit, dtype=bool),
        edges=np.array(walk.edges, dtype=np.int64).reshape(-1, 2).T,
        wires=tuple(walk.wires),
    )


class _Walk:
    """Makes the nodes on the way; the value of a step is the node of each scalar, -1 for zeros."""

    def __init__(self) -> None:
        self.is_unit: list[bool] = []
        self.edges: list[tuple[int, int]] = []
        self.wires: list[Wires] = []
        self.junctions: set[int] = set()

    def add(self, count: int, unit: bool) -> np.ndarray:
        nodes = len(self.is_unit) + np.arange(count)
        self.is_unit += [unit] * count
        return nodes

    def follow(self, step: Step, read: list[np.ndarray]) -> np.ndarray:
        if isinstance(step, (Linear, Conv, ConvTranspose)):
            return self._layer(step, read[0])
        if isinstance(step, Move):
            if step.reshapes:
                return _short(read[0].reshape(step.shape))
            places = step.places
            moved = np.where(places >= 0, read[0].reshape(-1)[np.maximum(places, 0)], -1)
            return _short(moved.reshape(step.shape))
        if isinstance(step, AvgPool):
            return _spread(self._along(read[0], 0), step.shape, 0)
        if isinstance(step, ReLU):
            return self._active(read[0], step)
        if isinstance(step, Mix):
            if step.how in ("product", "all"):  # of all channels: one unit behind one junction
                everything = np.unique(np.concatenate([_views(part).ravel() for part in read]))
                return self._active(_wide(self._merged(everything[None]), step.shape), step)
            return self._active(self._joined(read, step), step)
        return self._joined(read, step) if isinstance(step, Add) else _wide(read[0], step.shape)

    def _layer(self, step: Linear | Conv | ConvTranspose, read: np.ndarray) -> np.ndarray:
        axis, groups, taps = len(read.shape) - 1, 1, 1
        if not isinstance(step, Linear):
            axis, groups = 0, step.groups
            taps = 1 if isinstance(step, ConvTranspose) else prod(step.weight_shape[2:])
        below = self._along(read, axis).reshape(groups, -1)
        writes = self.add(step.shape[axis], unit=True)
        self.wires.append(Wires(str(step.module), np.repeat(below, taps, axis=1), writes))
        return _spread(writes, step.shape, axis)

    def _along(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Return one node for each entry of an axis: a junction where places differ."""
        short = np.moveaxis(_views(values), axis, 0)
        return _wide(self._merged(short.reshape(len(short), -1)), (values.shape[axis],))

    def _joined(self, read: list[np.ndarray], step: Step) -> np.ndarray:
        parts = np.broadcast_arrays(*(_views(value) for value in read))
        nodes = self._merged(np.stack([part.ravel() for part in parts], axis=1))
        return _wide(nodes.reshape(parts[0].shape), step.shape)

    def _merged(self, rows: np.ndarray) -> np.ndarray:
        """Return one node for each row of nodes."""
        found = rows.max(axis=1)
        open_ = np.flatnonzero(((rows != found[:, None]) & (rows >= 0)).any(axis=1))
        if open_.size:
            kinds, which = np.unique(np.sort(rows[open_], axis=1), axis=0, return_inverse=True)
            junctions = self.add(len(kinds), unit=False)
            self.junctions.update(junctions.tolist())
            for junction, parents in zip(junctions.tolist(), kinds, strict=True):
                self.edges += [(int(node), junction) for node in np.unique(parents) if node >= 0]
            found[open_] = junctions[which.ravel()]
        return found

    def _active(self, values: np.ndarray, step: Step) -> np.ndarray:
        """Return the units behind junctions: of each of them one for this step."""
        short = _views(values)
        nodes, which = np.unique(short, return_inverse=True)
        behind = nodes.copy()
        for place, node in enumerate(nodes.tolist()):
            if node in self.junctions:
                (behind[place],) = self.add(1, unit=True)
                self.edges.append((node, int(behind[place])))
        return _wide(behind[which].reshape(short.shape), step.shape)


def _views(values: np.ndarray) -> np.ndarray:
    """Return an array with repeated axes cut to one entry."""
    cut = [slice(0, 1) if stride == 0 else slice(None) for stride in values.strides]
    return values[tuple(cut)]


def _wide(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(values, shape)


def _spread(nodes: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Return `nodes` along one axis of an array, repeated along all others without memory."""
    sides = [1] * len(shape)
    if shape:
        sides[axis] = len(nodes)
    return np.broadcast_to(nodes.reshape(sides), shape)


def _short(values: np.ndarray) -> np.ndarray:
    """Return an array whose constant axes take no memory."""
    shape = values.shape
    for axis in range(1, len(shape)):
        first = values.take([0], axis=axis)
        if (values == first).all():
            values = first
    return _wide(values, shape)
