"""One layer's activations, centred, without its silent neurons, ready for every measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.extent import Extent, Precision
from regions.representations.factor import Factor, factorise
from regions.representations.rows import (
    CentredRows,
    as_rows,
    centre,
    gram_of,
    host,
    refuse_uneven,
    squares_of,
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The live neurons of a layer: Gram matrix, and rows with those inner products if known.

    `live` indexes the neurons that vary; `dead` are 0 on every sample, `constant` are constant
    but not 0. `centred` are the samples of all neurons. `matrix` has the inner products of the
    live neurons, in rows that are samples unless `square_sum` (the sum of the samples' fourth
    powers of length) is given. Directions smaller than `resolution` times the largest are rounding
    of the activations, and so are those that `noise`, what rounding adds to each live neuron's sum
    of squares, explains.

    Examples
    --------
    >>> rows = np.array([[0.0, 1, 5], [0, 2, 5], [0, 4, 5]])
    >>> layer = layer_of(rows)
    >>> layer.live, layer.dead, layer.constant
    (array([1]), array([0]), array([2]))
    """

    n: int
    neurons: int
    live: np.ndarray
    dead: np.ndarray
    constant: np.ndarray
    gram: np.ndarray
    matrix: Any = None
    centred: CentredRows | None = None
    square_sum: float | None = None
    resolution: float = 0.0
    noise: np.ndarray | None = None

    @cached_property
    def rows(self) -> Any:
        """A matrix of the live neurons with their inner products; None if only sums are known."""
        if self.matrix is not None or self.centred is None:
            return self.matrix
        full = self.centred.full()
        return full if len(self.live) == self.neurons else full[:, self.live]

    @cached_property
    def total(self) -> float:
        """Sum of squares of the centred activations."""
        return float(np.trace(self.gram).real)

    @cached_property
    def principal(self) -> Factor:
        """Principal directions, in the neurons' own scales."""
        return factorise(self.gram, self.host_rows, self.n, self.resolution, self.noise)

    @cached_property
    def whitened(self) -> Factor:
        """Directions after dividing every neuron by its own spread; for CCA, which ignores it."""
        return factorise(
            self.gram, self.host_rows, self.n, self.resolution, self.noise, scaled=True
        )

    @cached_property
    def lengths(self) -> np.ndarray:
        """Squared lengths of the centred samples; only where `rows` are samples."""
        return host((abs(self.rows) ** 2).sum(axis=1))

    @cached_property
    def peakedness(self) -> float | None:
        """Sum over the live neurons of sum x^4 / (sum x^2)^2; None where no samples are held.

        A neuron that varies on s samples only adds about 1 / s, a Gaussian one 3 / n.
        """
        if self.rows is None or self.square_sum is not None:
            return None
        squares = host(abs(self.rows) ** 2)
        return float((np.einsum("ij,ij->j", squares, squares) / squares.sum(axis=0) ** 2).sum())

    @property
    def degenerate(self) -> bool:
        return len(self.live) == 0

    @property
    def crowded(self) -> bool:
        """Whether as many neurons live as there are samples: CCA is 1 whatever the data."""
        return len(self.live) >= self.n - 1

    def host_rows(self) -> np.ndarray | None:
        """Return `rows` as a NumPy array."""
        return None if self.rows is None else host(self.rows)


def layer_of(values: Any, name: str = "X", extent: Extent | None = None) -> Layer:
    """Return the layer of (samples, neurons) activations; NumPy or torch, any device.

    `extent` tells the precision they were computed in, if it is not that of `values`.

    Examples
    --------
    >>> layer_of(np.random.default_rng(0).standard_normal((100, 3))).neurons
    3
    """
    if not (extent is None or isinstance(extent, Extent)):
        raise ArgumentError(f"extent is a {type(extent).__name__}; expected an Extent, or None")
    (centred,), gram = centre((as_rows(values, name), name))
    return make_layer(centred, gram, Precision.of(values) if extent is None else extent.precision)


def make_layer(centred: CentredRows, gram: np.ndarray | None, precision: Precision) -> Layer:
    """Return the layer of centred rows, without its silent neurons.

    The Gram matrix may be missing; that of many neurons is never formed.
    """
    mean, n = host(centred.mean), len(centred.values)
    if gram is None and centred.width <= n:
        gram = gram_of([centred])
    squares = squares_of(centred) if gram is None else np.real(np.diag(gram))
    silent = _silent(centred, squares, precision.constant)
    live = np.flatnonzero(~silent)
    refuse_uneven(squares, live)
    matrix, noise = None, None
    if len(live) > n:  # rotate the neurons: n directions hold everything
        matrix = _rotate(centred.full()[:, live])
        gram = matrix.conj().T @ matrix
    else:
        sizes = np.sqrt(np.abs(mean[live]) ** 2 + squares[live] / n)
        noise = precision.noise(sizes, n)
        gram = _live_gram(centred, gram, live)
    return Layer(
        n=n,
        neurons=centred.width,
        live=live,
        dead=np.flatnonzero(silent & (mean == 0)),
        constant=np.flatnonzero(silent & (mean != 0)),
        gram=gram,
        matrix=matrix,
        centred=centred,
        resolution=precision.resolution,
        noise=noise,
    )


def _live_gram(centred: CentredRows, gram: np.ndarray | None, live: np.ndarray) -> np.ndarray:
    if gram is None:  # many neurons, few of them live
        rows = centred.full()[:, live]
        return host(rows.conj().T @ rows)
    return gram if len(live) == centred.width else gram[np.ix_(live, live)]


def _silent(centred: CentredRows, squares: np.ndarray, tolerance: float) -> np.ndarray:
    """Return which columns do not vary; exact on those that a bound leaves in doubt."""
    silent = np.sqrt(squares / len(centred.values)) <= 4 * tolerance * np.abs(host(centred.mean))
    for column in np.flatnonzero(silent):
        part = host(centred.values[:, column])
        silent[column] = np.abs(part - part[0]).max() <= tolerance * np.abs(part).max()
    return silent


def _rotate(centred: Any) -> np.ndarray:
    triangle: np.ndarray = np.asarray(np.linalg.qr(host(centred).conj().T, mode="r"))
    return triangle.conj().T
