"""`Gram`: the inner products of a layer's inputs, all that node pruning needs to know of data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from regions.errors import ArgumentError
from regions.networks.network import ReLUNetwork
from regions.networks.steps import Conv, Step
from regions.pruning.removal.units import Reader

RIDGE = 1e-8
_ENTRIES = 2**22  # of one batch's matrix of taps: 32 MB


@dataclass(frozen=True, kw_only=True, eq=False)
class Gram:
    """X X^T of the inputs x of one layer, summed over samples, with a last row of ones.

    A convolution is a linear layer on patches: its inputs are (channel, kernel position), channel
    first, and every position of every image is a sample (im2col).

    Attributes
    ----------
    matrix : array of shape (n + 1, n + 1), float64
        Inner products; the last row and column are those of the constant 1.
    units : array of int, shape (n,)
        The unit that each input holds; -1 where it holds none (zero channels).

    Examples
    --------
    >>> gram = Gram.of(np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 2.0]]))
    >>> gram.matrix.tolist(), gram.samples
    ([[2.0, 2.0, 2.0], [2.0, 8.0, 4.0], [2.0, 4.0, 3.0]], 3)
    """

    matrix: np.ndarray
    units: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, units: np.ndarray | None = None) -> Gram:
        """Return the Gram of inputs of shape (samples, n); without `units`, one unit per input."""
        rows = np.asarray(rows, dtype=np.float64)
        units = np.arange(rows.shape[1]) if units is None else units
        return cls(matrix=_products(rows.T), units=units)

    @property
    def samples(self) -> int:
        """Number of samples summed."""
        return round(self.matrix[-1, -1])

    @cached_property
    def ridged(self) -> np.ndarray:
        """The matrix with ridge 1e-8 tr(C) / n on the inputs: dead units make it singular."""
        size = len(self.units)
        ridge = RIDGE * np.trace(self.matrix[:-1, :-1]) / size
        # a layer whose inputs are all dead still needs some scale
        return self.matrix + np.diag([*np.full(size, ridge if ridge > 0 else 1.0), 0.0])

    def of_units(self, size: int) -> Gram:
        """Return the Gram of `size` units: their inner products summed over kernel positions.

        The channel Gram of a convolution, X X^T with one row per channel. Each kernel position
        counts as a sample. For a layer with one input per unit, the Gram itself.
        """
        rank = _rank_within(self.units)
        total = np.zeros((size + 1, size + 1))
        for position in range(rank.max() + 1):
            at = np.flatnonzero(rank == position)
            inner, outer = [*at, -1], [*self.units[at], -1]
            total[np.ix_(outer, outer)] += self.matrix[np.ix_(inner, inner)]
        return Gram(matrix=total, units=np.arange(size))

    def given_constant(self) -> np.ndarray:
        """Return the inner products of what the constant cannot predict, shape (n, n)."""
        last = self.ridged[:-1, -1]
        return self.ridged[:-1, :-1] - np.outer(last, last) / self.ridged[-1, -1]

    def refit(
        self, weight: np.ndarray, bias: np.ndarray | None, kept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the weight and bias that come closest to W x + b using the kept units alone.

        W' = W C[:, K] C[K, K]^-1 with C the ridged matrix: the least-squares refit. The constant
        is among K if there is a bias; else nothing may be added to the outputs. The ridge pulls
        towards the old weights, so that with all units kept nothing changes.

        Parameters
        ----------
        weight : array of shape (outputs, ...), n entries per output
        bias : array of shape (outputs,), or None
        kept : boolean array, one per unit

        Returns
        -------
        weight, bias
            Of the same shapes; weights of removed units are zero.
        """
        flat = weight.reshape(len(weight), -1)
        columns = self.columns(kept)
        keep = np.append(columns, bias is not None)
        gone = np.flatnonzero(~columns)
        factor = linalg.cho_factor(self.ridged[np.ix_(keep, keep)], lower=True)
        # each removed input is replaced by its prediction from what is kept
        predicted = linalg.cho_solve(factor, self.ridged[np.ix_(keep, gone)])
        change = np.zeros((len(flat), len(keep)))
        change[:, keep] = flat[:, gone] @ predicted.T
        refitted = np.where(columns, flat + change[:, :-1], 0.0).reshape(weight.shape)
        return refitted, None if bias is None else bias + change[:, -1]

    def columns(self, kept: np.ndarray) -> np.ndarray:
        """Return which inputs hold a kept unit, or none at all."""
        return np.append(kept, True)[self.units]

    def error(self, weight: np.ndarray, bias: np.ndarray | None = None) -> float:
        """Return the mean over samples of |W x + b|^2, for W and b that are differences."""
        flat = weight.reshape(len(weight), -1)
        full = np.column_stack([flat, np.zeros(len(flat)) if bias is None else bias])
        return float(np.einsum("oi,ij,oj->", full, self.matrix, full, optimize=True)) / self.samples


def _rank_within(units: np.ndarray) -> np.ndarray:
    """Return for each input how many inputs of its unit come before it; -1 where it holds none."""
    order = np.argsort(units, kind="stable")
    first = np.searchsorted(units[order], units[order])
    rank = np.empty(len(units), dtype=int)
    rank[order] = np.arange(len(units)) - first
    return np.where(units < 0, -1, rank)


def _products(columns: np.ndarray) -> np.ndarray:
    """Return the Gram of inputs of shape (n, samples), with the constant."""
    size = len(columns)
    matrix = np.empty((size + 1, size + 1))
    matrix[:-1, :-1] = columns @ columns.T
    matrix[-1, :-1] = matrix[:-1, -1] = columns.sum(axis=1)
    matrix[-1, -1] = columns.shape[1]
    return matrix


def layer_grams(
    network: ReLUNetwork, readers: Collection[Reader], inputs: np.ndarray
) -> dict[str, Gram]:
    """Return the Gram of the inputs of each reader, by the name of its layer.

    Parameters
    ----------
    network : ReLUNetwork
    readers : collection of Reader
        From `find_units`.
    inputs : array of shape (samples, *input_shape), or (samples, n0)
        See `checked_inputs`. One pass in float64, in batches.
    """
    wanted = {reader.step: reader for reader in readers}
    sums: dict[str, np.ndarray] = {}
    steps = [network.graph.by_name[name] for name in wanted]
    batch = max(1, _ENTRIES // max((_tap_entries(step, network) for step in steps), default=1))
    for at in range(0, len(inputs), batch):
        for step, value in inputs_of(network, wanted, inputs[at : at + batch]):
            part = _products(_samples(step, value))
            sums[step.name] = sums[step.name] + part if step.name in sums else part
    grams = {}
    for name, reader in wanted.items():
        units = np.repeat(reader.columns, (len(sums[name]) - 1) // len(reader.columns))
        grams[reader.layer] = Gram(matrix=sums[name], units=units)
    return grams


def inputs_of(
    network: ReLUNetwork, wanted: Collection[str], points: np.ndarray
) -> list[tuple[Step, np.ndarray]]:
    """Run the network on `points` and return each wanted step with what it reads."""
    graph, read = network.graph, []
    end = max((graph.position[name] for name in wanted), default=0)

    def value(step: Step, sources: list[np.ndarray]) -> np.ndarray:
        if step.name in wanted:
            read.append((step, sources[0]))
        return step.value(sources, network.parameters)

    graph.run(network.start(points).values, value, graph.steps[1 : end + 1])
    return read


def _tap_entries(step: Step, network: ReLUNetwork) -> int:
    shape = network.graph.by_name[step.inputs[0]].shape
    if isinstance(step, Conv):
        return int(np.prod(step.weight_shape[1:]) * np.prod(step.shape[1:]))
    return int(np.prod(shape))


def _samples(step: Step, value: np.ndarray) -> np.ndarray:
    """Return what a layer reads as columns, shape (n, samples)."""
    if not isinstance(step, Conv):
        return value.reshape(-1, value.shape[-1]).T
    taps = step.taps(value.shape[1:])
    flat = value.reshape(len(value), -1).T
    padded = np.vstack([flat, np.zeros((1, len(value)))])  # tap -1, outside the image, is zero
    return padded[taps].reshape(len(taps), -1)


def checked_inputs(given: Any, network: ReLUNetwork) -> np.ndarray:
    """Return the calibration inputs given to a method in float64, after checking them."""
    if given is None:
        raise ArgumentError(
            "this method measures activations: give inputs=, calibration images of shape "
            f"(samples, *{network.input_shape}), from the training part"
        )
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    try:
        inputs = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"inputs must be an array of numbers, got {given!r:.60}") from error
    fits = inputs.shape[1:] in (network.input_shape, (network.input_size,))
    if inputs.ndim < 2 or not fits or len(inputs) == 0:
        raise ArgumentError(
            f"inputs have shape {inputs.shape}; expected (samples, *{network.input_shape}), at "
            "least one sample"
        )
    if not np.isfinite(inputs).all():
        raise ArgumentError("inputs hold NaN or infinite values; give finite calibration images")
    return inputs
