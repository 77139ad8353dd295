"""A network as a list of layers: one sparse affine map from ReLU layer to ReLU layer.

Residual additions carry values past a ReLU layer; here these coordinates are rows of the map
without a ReLU, so every network that `as_network` reads has this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add

import numpy as np
import scipy.sparse as sp

from regions.networks.graph import Graph
from regions.networks.steps import Step

# of the state after the last ReLU layer (None: the state itself), and a constant
Map = tuple[sp.csr_array | None, np.ndarray]


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

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0, 2.0]], [0.5]), ([[3.0]], [0.0])])
    >>> [(layer.name, layer.units, layer.matrix.toarray().tolist()) for layer in net.layers()]
    [('layer1', 1, [[1.0, 2.0]]), ('output', 0, [[3.0]])]
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


def affine_layers(graph: Graph, parameters: Mapping[str, np.ndarray]) -> tuple[Layer, ...]:
    """Return the layers of `graph`, the last one for the output."""
    layers, maps = [], _joined([("input", graph.steps[0].size)])

    def compose(step: Step, inputs: list[Map]) -> Map:
        shapes = [graph.by_name[source].shape for source in step.inputs]
        parts = step.matrices(shapes, parameters)
        pairs = zip(parts, inputs, strict=True)
        matrix = reduce(add, (part if m is None else part @ m for part, (m, _) in pairs))
        constant = np.zeros(step.size)
        for part, (_, before) in zip(parts, inputs, strict=True):
            constant = constant + part @ before
        offset = step.offset(parameters)
        if offset is not None:
            constant = constant + np.broadcast_to(offset, step.shape).ravel()
        return sp.csr_array(matrix), constant

    for position, segment in enumerate(graph.segments):
        relu = None if position == len(graph.relus) else graph.relus[position]
        maps = graph.run(maps, compose, segment)
        passing = () if relu is None else graph.carried[position]
        carried = [name for name in maps if name in passing]
        rows = [maps[name] for name in (graph.ends[position], *carried)]
        layers.append(
            Layer(
                name="output" if relu is None else graph.relu_names[position],
                matrix=_stacked(rows),
                bias=np.concatenate([bias for _, bias in rows]),
                units=0 if relu is None else relu.size,
                slope=0.0 if relu is None else relu.slope,
            )
        )
        if relu is not None:
            passed = [(name, len(maps[name][1])) for name in carried]
            maps = _joined([(relu.name, relu.size), *passed])
    return tuple(layers)


def _stacked(rows: list[Map]) -> sp.csr_array:
    parts = [sp.eye_array(len(bias)) if matrix is None else matrix for matrix, bias in rows]
    return sp.csr_array(parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr"))


def _joined(parts: list[tuple[str, int]]) -> dict[str, Map]:
    """Return the maps that take each part out of a state of them all."""
    if len(parts) == 1:
        return {name: (None, np.zeros(size)) for name, size in parts}
    total = sum(size for _, size in parts)
    starts = accumulate((size for _, size in parts), initial=0)
    return {
        name: (sp.csr_array(sp.eye_array(size, total, k=start)), np.zeros(size))
        for (name, size), start in zip(parts, starts, strict=False)
    }
