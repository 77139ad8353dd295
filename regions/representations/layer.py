"""One layer's activations, centred, without its silent neurons, ready for every measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regions.representations.extent import Extent, constant_tolerance, resolution
from regions.representations.factor import Factor, factorise
from regions.representations.rows import as_rows, centre, host


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The live neurons of a layer: Gram matrix, and rows with those inner products if known.

    `live` indexes the neurons that vary; `dead` are 0 on every sample, `constant` are constant
    but not 0. `rows` are the centred samples, or, where `square_sum` (the sum of the samples'
    fourth powers of length) is given, any matrix with the same inner products. Directions smaller
    than `resolution` times the largest are rounding of the activations.
    """

    n: int
    neurons: int
    live: np.ndarray
    dead: np.ndarray
    constant: np.ndarray
    gram: np.ndarray
    rows: Any = None
    square_sum: float | None = None
    resolution: float = 0.0

    @cached_property
    def total(self) -> float:
        """Sum of squares of the centred activations."""
        return float(np.trace(self.gram).real)

    @cached_property
    def principal(self) -> Factor:
        """Principal directions, in the neurons' own scales."""
        return factorise(self.gram, self._host_rows, self.n, self.resolution)

    @cached_property
    def whitened(self) -> Factor:
        """Directions after dividing every neuron by its own spread; for CCA, which ignores it."""
        return factorise(self.gram, self._host_rows, self.n, self.resolution, scaled=True)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Squared lengths of the centred samples; only where `rows` are samples."""
        return host((abs(self.rows) ** 2).sum(axis=1))

    @property
    def degenerate(self) -> bool:
        return len(self.live) == 0

    @property
    def _host_rows(self) -> np.ndarray | None:
        return None if self.rows is None else host(self.rows)


def layer_of(values: Any, name: str = "X", extent: Extent | None = None) -> Layer:
    """Return the layer of (samples, neurons) activations; NumPy or torch, any device.

    `extent` tells the precision they were computed in, if it is not that of `values`.
    """
    rows = as_rows(values, name)
    tolerance = constant_tolerance(values) if extent is None else extent.tolerance
    centred, mean = centre(rows, name)
    gram = host(centred.conj().T @ centred)
    silent = _silent(centred, mean, np.real(np.diag(gram)), tolerance)
    live = np.flatnonzero(~silent)
    if silent.any():
        centred, gram = centred[:, live], gram[np.ix_(live, live)]
    if len(live) > len(rows):  # rotate the neurons: n directions hold everything
        centred = _rotate(centred)
        gram = host(centred.conj().T @ centred)
    return Layer(
        n=len(rows),
        neurons=rows.shape[1],
        live=live,
        dead=np.flatnonzero(silent & (mean == 0)),
        constant=np.flatnonzero(silent & (mean != 0)),
        gram=gram,
        rows=centred,
        resolution=resolution(values) if extent is None else extent.resolution,
    )


def _silent(centred: Any, mean: np.ndarray, squares: np.ndarray, tolerance: float) -> np.ndarray:
    """Return which columns do not vary; exact on those that a bound leaves in doubt."""
    spread = np.sqrt(squares / len(centred))
    silent = spread <= 4 * tolerance * np.abs(mean)
    for column in np.flatnonzero(silent):
        part = host(centred[:, column])
        largest = np.abs(part + mean[column]).max()
        silent[column] = np.abs(part).max() <= tolerance * largest
    return silent


def _rotate(centred: Any) -> np.ndarray:
    triangle: np.ndarray = np.asarray(np.linalg.qr(host(centred).conj().T, mode="r"))
    return triangle.conj().T
