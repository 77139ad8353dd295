"""Two layers over the same samples, and the products between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.extent import Precision
from regions.representations.factor import Factor
from regions.representations.layer import Layer, make_layer
from regions.representations.rows import as_rows, centre, check_paired, host


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two layers and their cross product, X^H Y of the centred live neurons.

    `square_sum` is the sum over samples of |x|^2 |y|^2, for debiased CKA; None if unknown.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> pair = pair_of(X, X[:, :2])
    >>> pair.n, pair.cross.shape
    (100, (3, 2))
    """

    x: Layer
    y: Layer
    cross: np.ndarray
    square_sum: float | None = None

    @property
    def n(self) -> int:
        return self.x.n

    @property
    def degenerate(self) -> bool:
        return self.x.degenerate or self.y.degenerate

    @cached_property
    def canonical(self) -> np.ndarray:
        """Q_x^H Q_y for orthonormal bases of both whole column spaces."""
        return self.align(self.x.whitened, self.y.whitened)

    def align(self, factor_x: Factor, factor_y: Factor) -> np.ndarray:
        """Return Q_x^H Q_y, the products of the two factors' orthonormal bases."""
        if factor_x.basis is None and factor_y.basis is None:
            return factor_x.whitener.conj().T @ self.cross @ factor_y.whitener
        return _basis(self.x, factor_x).conj().T @ _basis(self.y, factor_y)


def pair_of(X: Any, Y: Any) -> Pair:
    """Return the pair of two (samples, neurons) arrays.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> pair_of(X, X[:, :2]).degenerate
    False
    """
    rows_x, rows_y = as_rows(X, "X"), as_rows(Y, "Y")
    check_paired(len(rows_x), len(rows_y))
    (left, right), gram = centre((rows_x, "X"), (rows_y, "Y"))
    p, precisions = left.width, (Precision.of(X), Precision.of(Y))
    if gram is None:
        return pair_layers(*map(make_layer, (left, right), (None, None), precisions))
    x = make_layer(left, gram[:p, :p], precisions[0])
    y = make_layer(right, gram[p:, p:], precisions[1])
    return Pair(x=x, y=y, cross=gram[:p, p:][np.ix_(x.live, y.live)])


def pair_layers(x: Layer, y: Layer) -> Pair:
    """Return the pair of two layers that hold their rows.

    Examples
    --------
    >>> from regions.representations import layer_of
    >>> layer = layer_of(np.random.default_rng(0).standard_normal((100, 3)))
    >>> pair_layers(layer, layer).cross.shape
    (3, 3)
    """
    for name, layer in (("x", x), ("y", y)):
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"{name} is a {type(layer).__name__}; expected a Layer, as layer_of gives"
            )
    check_paired(x.n, y.n)
    if x is y:
        return Pair(x=x, y=y, cross=x.gram)
    left, right = x.rows, y.rows
    same_kind = type(left) is type(right)
    cross = left.conj().T @ right if same_kind else host(left).conj().T @ host(right)
    return Pair(x=x, y=y, cross=host(cross))


def _basis(layer: Layer, factor: Factor) -> np.ndarray:
    return host(layer.rows) @ factor.whitener if factor.basis is None else factor.basis
