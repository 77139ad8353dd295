"""The chain form of a network: one sparse affine map from ReLU layer to ReLU layer.

Residual additions carry values past a ReLU layer; in the chain form these coordinates are rows of
the map without a ReLU, so every network that `as_network` reads is a chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse as sp

from regions.networks.graph import Graph
from regions.networks.steps import Step


@dataclass(frozen=True)
class Layer:
    """An affine map from the state after one ReLU layer to the state before the next.

    Attributes
    ----------
    name : str
        Name of the ReLU layer, or "output".
    matrix : scipy.sparse.csr_array of shape (rows, columns)
        The first `units` rows are preactivations; the other rows are carried on without a ReLU
        (residual skips; for the output layer, all rows). Columns: the previous layer's units,
        then its carried rows.
    bias : array of shape (rows,)
    units : int
        Number of ReLU units; 0 for the output layer.
    slope : float
        Negative slope of the units, 0 for ReLU.
    """

    name: str
    matrix: sp.csr_array
    bias: np.ndarray
    units: int
    slope: float

    @property
    def carried(self) -> int:
        """Number of rows without a ReLU."""
        return len(self.bias) - self.units


def chain_layers(
    graph: Graph, parameters: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> tuple[Layer, ...]:
    """Return the layers of `graph` in the chain form."""
    layers, columns = [], [("input", graph.steps[0].size)]
    for position, segment in enumerate(graph.segments):
        last = position == len(graph.relus)
        relu = None if last else graph.relus[position]
        maps = _compose(graph, segment, parameters, columns)
        source = graph.steps[-1].name if relu is None else relu.inputs[0]
        carried = [] if relu is None else _alive_after(graph, relu, maps)
        rows = [source, *carried]
        layers.append(
            Layer(
                name="output" if relu is None else names[position],
                matrix=sp.csr_array(sp.vstack([maps[row][0] for row in rows], format="csr")),
                bias=np.concatenate([maps[row][1] for row in rows]),
                units=0 if relu is None else relu.size,
                slope=0.0 if relu is None else relu.slope,
            )
        )
        if relu is not None:
            columns = [(relu.name, relu.size)]
            columns += [(row, len(maps[row][1])) for row in carried]
    return tuple(layers)


def _alive_after(graph: Graph, relu: Step, maps: Mapping) -> list[str]:
    return [name for name in maps if graph.last_use[name] > graph.position[relu.name]]


def _compose(
    graph: Graph,
    segment: tuple[Step, ...],
    parameters: Mapping[str, np.ndarray],
    columns: list[tuple[str, int]],
) -> dict[str, tuple[sp.csr_array, np.ndarray]]:
    """Return, for every value alive in the segment, its map from the state and its constant."""
    total = sum(size for _, size in columns)
    maps, start = {}, 0
    for name, size in columns:
        maps[name] = (sp.csr_array(sp.eye_array(size, total, k=start)), np.zeros(size))
        start += size
    for step in segment:
        shapes = [graph.by_name[source].shape for source in step.inputs]
        parts = step.matrices(shapes, parameters)
        sources = [maps[source] for source in step.inputs]
        matrix = reduce(
            lambda a, b: a + b,
            (part @ source[0] for part, source in zip(parts, sources, strict=True)),
        )
        constant = np.zeros(step.size)
        for part, source in zip(parts, sources, strict=True):
            constant = constant + part @ source[1]
        offset = step.offset(parameters)
        if offset is not None:
            constant = constant + np.broadcast_to(offset, step.shape).ravel()
        maps[step.name] = (sp.csr_array(matrix), constant)
    return maps
