"""The layers of a network with branches, as disjoint paths need them: who feeds whom, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from regions.errors import UnsupportedModelError
from regions.pruning.methods.disjoint_paths import scaled
from regions.pruning.methods.unit_graph import UnitGraph, Wires

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Layer:
    """One pruned layer as a matrix, and the streams of its columns and rows.

    Attributes
    ----------
    name : str
    place : int
        Its place among the uses of weights, in order.
    matrix : array of shape (rows, columns)
    reads : array of shape (groups, columns)
        The stream that each column reads; -1 for none.
    writes : array of shape (rows,)
        The stream of each row.
    count : int
        How many weights it keeps.
    """

    name: str
    place: int
    matrix: np.ndarray
    reads: np.ndarray
    writes: np.ndarray
    count: int

    @cached_property
    def group(self) -> np.ndarray:
        """The group of each row."""
        return np.arange(len(self.writes)) * len(self.reads) // len(self.writes)

    @cached_property
    def scaled(self) -> np.ndarray:
        """The sizes of the weights over their root mean square."""
        return scaled(self.matrix)

    @cached_property
    def sources(self) -> np.ndarray:
        """The streams it reads."""
        found = np.unique(self.reads)
        return found[found >= 0]

    def by_stream(self, values: np.ndarray, rows: np.ndarray, streams: np.ndarray) -> np.ndarray:
        """Return the largest of `values` between `rows` and `streams`, -inf where there is none."""
        best = np.full((len(rows), len(streams)), -np.inf)
        if not len(streams):
            return best
        for group, columns in enumerate(self.reads):
            mine = np.flatnonzero(self.group[rows] == group)
            place = np.minimum(np.searchsorted(streams, columns), len(streams) - 1)
            known = np.flatnonzero(streams[place] == columns)
            if not mine.size or not known.size:
                continue
            known = known[np.argsort(place[known], kind="stable")]
            found, starts = np.unique(place[known], return_index=True)
            part = values[rows[mine]][:, known]
            best[np.ix_(mine, found)] = np.maximum.reduceat(part, starts, axis=1)
        return best


@dataclass(frozen=True, eq=False)
class Streams:
    """The pruned layers of a network in order, and the life of its streams.

    Attributes
    ----------
    layers : tuple of Layer
        Those that keep weights, in order.
    given : boolean array
        Streams of the input, or written by layers that are kept whole: they need no care.
    opener : array of int
        The first layer (its number in `layers`) that writes each stream; -1 if none does.
    last_reader : array of int
        The last layer that reads each stream; -1 if none does.
    passed_on : boolean array
        Streams that the output or a whole layer reads after they were last written.
    is_input, is_output : boolean arrays
        Streams of the input and of the output.
    ends : array of float
        The root mean square of the scaled weights that read each stream.
    """

    layers: tuple[Layer, ...]
    given: np.ndarray
    opener: np.ndarray
    last_reader: np.ndarray
    passed_on: np.ndarray
    is_input: np.ndarray
    is_output: np.ndarray
    ends: np.ndarray

    @cached_property
    def parts(self) -> np.ndarray:
        """The number of the part of each layer: layers of a part share streams."""
        size = len(self.given)
        pairs = [
            (number, stream)
            for number, layer in enumerate(self.layers)
            for stream in np.unique(np.concatenate([layer.sources, layer.writes]))
            if not self.given[stream]
        ]
        rows, streams = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        total = len(self.layers) + size
        at = (rows, len(self.layers) + streams)
        joins = sparse.coo_array((np.ones(len(rows)), at), shape=(total, total))
        return connected_components(joins, directed=False)[1][: len(self.layers)]


def streams_of(units: UnitGraph, weights: Arrays, counts: Mapping[str, int]) -> Streams:
    """Return the layers to prune with their streams; those that keep nothing are left out."""
    size = int(units.streams.max()) + 1
    is_input, is_output = np.zeros((2, size), dtype=bool)
    is_input[units.streams[units.inputs]] = True
    is_output[units.streams[units.outputs]] = True
    given = is_input.copy()
    opener, last_reader = np.full(size, -1), np.full(size, -1)
    last_write, last_whole = np.full(size, -1), np.full(size, -1)
    energy, number = np.zeros(size), np.zeros(size)
    layers: list[Layer] = []
    _check_single(units.wires, counts)
    for place, wires in enumerate(units.wires):
        reads = np.where(wires.reads >= 0, units.streams[wires.reads], -1)
        writes = units.streams[wires.writes]
        if wires.module not in counts:
            given[writes] = True
            last_whole[reads[reads >= 0]] = place
        elif counts[wires.module] > 0:
            matrix = weights[wires.module].reshape(len(writes), -1)
            layer = Layer(wires.module, place, matrix, reads, writes, counts[wires.module])
            opener[writes] = np.where(opener[writes] < 0, len(layers), opener[writes])
            last_write[writes] = place
            last_reader[layer.sources] = len(layers)
            _add_energy(layer, energy, number)
            layers.append(layer)
    return Streams(
        layers=tuple(layers),
        given=given,
        opener=opener,
        last_reader=last_reader,
        passed_on=is_output | (last_whole > last_write),
        is_input=is_input,
        is_output=is_output,
        ends=np.sqrt(energy / np.maximum(number, 1.0)),
    )


def _add_energy(layer: Layer, energy: np.ndarray, number: np.ndarray) -> None:
    per_group = len(layer.writes) // len(layer.reads)
    squares = np.square(layer.scaled).reshape(len(layer.reads), per_group, -1).sum(axis=1)
    known = layer.reads >= 0
    np.add.at(energy, layer.reads[known], squares[known])
    np.add.at(number, layer.reads[known], per_group)


def _check_single(wires: tuple[Wires, ...], counts: Mapping[str, int]) -> None:
    used = [one.module for one in wires if one.module in counts]
    for name in used:
        if used.count(name) > 1:
            raise UnsupportedModelError(
                f"criterion 'disjoint' needs layers of its own throughout, but {name!r} is used "
                f"{used.count(name)} times; use criterion='magnitude' with repair=True"
            )
