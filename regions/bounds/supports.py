"""The supports of weights that a mask, or a network, leaves between layers of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.bounds.recursion import Step
from regions.errors import UnsupportedModelError

if TYPE_CHECKING:
    from regions.networks import Layer, ReLUNetwork

Matrix = Any  # scipy.sparse.csr_array, whose type stubs know no shape

# Larger matrices are not decomposed: their rank is bounded by their support alone.
LARGEST = 2**22
# The matrices of all layers together: 12 bytes an entry, and more while they are made.
_MOST_ENTRIES = 10**8


@dataclass(frozen=True, kw_only=True)
class Support:
    """Which coordinates of the state before a ReLU layer reach which coordinates after it.

    The first `units` rows of `matrix` are preactivations, the rest is carried past the ReLU.
    `bias` and signed entries are only known where a network, not a mask alone, was given, and so
    are `ranks`: the numerical ranks of the units' rows and of all rows.
    """

    matrix: Matrix
    units: int
    slope: float = 0.0
    bias: np.ndarray | None = None
    ranks: tuple[int, int] | None = None

    def unit_rank(self, part: Matrix) -> int:
        """Return a bound on the rank of `part`, taken from the rows of units."""
        found = generic_rank(part)
        return found if self.ranks is None else min(found, self.ranks[0])

    def image_rank(self, part: Matrix) -> int:
        """Return a bound on the rank of `part`, taken from any rows."""
        found = generic_rank(part)
        return found if self.ranks is None else min(found, self.ranks[1])


@dataclass(frozen=True, kw_only=True)
class Supports:
    """Supports of all ReLU layers; `output` is None where the last state is the output."""

    input_size: int
    layers: tuple[Support, ...]
    output: Matrix | None = None


def supports_of_masks(masks: Sequence[np.ndarray], output: np.ndarray | None = None) -> Supports:
    """Return the supports of fully connected layers that keep the weights where masks are true."""
    layers = tuple(Support(matrix=_support(mask), units=mask.shape[0]) for mask in masks)
    return Supports(
        input_size=masks[0].shape[1],
        layers=layers,
        output=None if output is None else _support(output),
    )


def supports_of_network(net: ReLUNetwork, ranks: bool = False) -> Supports:
    """Return the supports of the hidden ReLU layers of a network, with its signs and biases.

    With `ranks` also the numerical ranks of its own weights, which no other weights on the same
    support need have.
    """
    if (entries := matrix_entries(net)) > _MOST_ENTRIES:
        raise UnsupportedModelError(
            f"this needs the matrices of whole layers, which have about {entries:.2g} entries "
            f"({12 * entries / 1e9:.0f} GB), over the limit of {_MOST_ENTRIES:.0g}; use "
            "upper_bound with kind='rank', 'rows', 'live' or 'effective', which does without"
        )
    *hidden, output = net.layers()
    layers = tuple(_layer_support(layer, ranks) for layer in hidden)
    return Supports(input_size=net.input_size, layers=layers, output=_without_zeros(output.matrix))


def matrix_entries(net: ReLUNetwork) -> int:
    """Return how many entries the matrices of all layers have, weights that are zero included."""
    return sum(step.size * step.fan_in for step in net.graph.steps if step.module is not None)


def _layer_support(layer: Layer, ranks: bool) -> Support:
    matrix = _without_zeros(layer.matrix)
    found = None
    if ranks and matrix.shape[0] * matrix.shape[1] <= LARGEST:
        image = numerical_rank(matrix)
        units = image if layer.carried == 0 else numerical_rank(matrix[: layer.units])
        found = (units, image)
    return Support(
        matrix=matrix, units=layer.units, slope=layer.slope, bias=layer.bias, ranks=found
    )


def dense_steps(net: ReLUNetwork) -> list[Step]:
    """Return the recursion's steps as if no weight were zero, without forming a matrix."""
    steps = []
    for relu, names in zip(net.graph.relus, net.graph.carried, strict=True):
        carried = sum(net.graph.by_name[name].size for name in names)
        steps.append(Step(relu.size, relu.size, relu.size + carried, carried, relu.slope != 0.0))
    return steps


def _without_zeros(matrix: Matrix) -> Matrix:
    matrix = matrix.copy()
    matrix.eliminate_zeros()
    return matrix


def _support(mask: Matrix) -> Matrix:
    if sparse.issparse(mask):
        return sparse.csr_array(mask)
    row, col = np.nonzero(mask)
    starts = np.searchsorted(row, np.arange(mask.shape[0] + 1))
    return sparse.csr_array((np.ones(col.size, np.int8), col, starts), shape=mask.shape)


def fed(supports: Supports) -> list[np.ndarray]:
    """Return, for the input and after every layer, which coordinates can vary at all."""
    states = [np.ones(supports.input_size, dtype=bool)]
    for layer in supports.layers:
        states.append(touched(layer.matrix, states[-1]))
    return states


def feeding(supports: Supports) -> list[np.ndarray]:
    """Return, for the input and after every layer, which coordinates can reach the output."""
    if supports.output is None:
        states = [np.ones(supports.layers[-1].matrix.shape[0], dtype=bool)]
    else:
        states = [np.diff(supports.output.tocsc().indptr) > 0]
    for layer in reversed(supports.layers):
        states.append(touched(layer.matrix.T.tocsr(), states[-1]))
    return states[::-1]


def touched(matrix: Matrix, columns: np.ndarray) -> np.ndarray:
    """Return which rows have an entry in one of the columns."""
    hits = np.concatenate([[0], np.cumsum(columns[matrix.indices])])
    return hits[matrix.indptr[1:]] > hits[matrix.indptr[:-1]]


def steps_between(supports: Supports, states: Sequence[np.ndarray]) -> list[Step]:
    """Return the recursion's steps when only the given coordinates of every state count."""
    triples = zip(supports.layers, states[:-1], states[1:], strict=True)
    return [_step(layer, layer.matrix[rows][:, columns], rows) for layer, columns, rows in triples]


def _step(layer: Support, kept: Matrix, rows: np.ndarray) -> Step:
    units = int(rows[: layer.units].sum())
    image = layer.image_rank(kept)
    rank = image if units == rows.sum() else layer.unit_rank(kept[:units])
    return Step(units, rank, image, int(rows.sum()) - units, layer.slope != 0.0)


def generic_rank(matrix: Matrix) -> int:
    """Return the rank of almost every matrix with this support: its maximum matching."""
    if 0 in matrix.shape or matrix.nnz == 0:
        return 0
    return int(sparse.csgraph.structural_rank(matrix))


def numerical_rank(matrix: Matrix) -> int:
    """Return how many singular values of the equilibrated matrix are not rounding errors.

    Rows and columns are first scaled to a largest entry of 1 by powers of two, which changes no
    rank and no arrangement but lets small units and inputs count like others. Zero is then what
    is at most max(rows, columns) * 2^-52 times the largest singular value: the error of rounding
    the entries to double precision.
    """
    dense = matrix.toarray()
    dense = dense[dense.any(axis=1)][:, dense.any(axis=0)]
    if dense.size == 0:
        return 0
    for axis in (1, 0):
        largest = np.abs(dense).max(axis=axis, keepdims=True)
        dense = np.ldexp(dense, -np.frexp(largest)[1])
    return int(np.linalg.matrix_rank(dense))
