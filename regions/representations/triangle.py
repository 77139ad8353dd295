"""Triangular factors of two layers, batch by batch (TSQR): as accurate as holding all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.representations.extent import Column
from regions.representations.layer import Layer
from regions.representations.pair import Pair
from regions.representations.rows import host, refuse_extreme

_ROUNDING = 1e-12  # of a column's norm about the origin: what centring leaves of a constant


@dataclass(frozen=True, kw_only=True)
class Triangle:
    """The R factor of [1 | X | Y] over all samples; R^T R holds every product.

    Without its first row and column R is the factor of the centred columns. It squares no
    condition number, unlike sums of products. Source: Demmel et al. 2012 (arXiv 0808.2664).
    """

    n: int
    width_x: int
    r: np.ndarray

    @classmethod
    def of(cls, x: Any, y: Any, positions: int | None = None) -> Triangle:
        """Return the factor of rows from which the origin is subtracted."""
        stacked = np.hstack([np.ones((len(x), 1)), host(x), host(y)])
        return cls(n=len(x), width_x=x.shape[1], r=_upper(stacked))

    def __add__(self, other: Triangle) -> Triangle:
        r = _upper(np.vstack([self.r, other.r]))
        return Triangle(n=self.n + other.n, width_x=self.width_x, r=r)

    def pair(self, x: Column, y: Column) -> Pair:
        """Return the centred pair of one layer of each side."""
        left, right = self._layer(x, 1), self._layer(y, 1 + self.width_x)
        shared = None
        if x.lengths and y.lengths:
            shared = float(self._lengths(x, 1) @ self._lengths(y, 1 + self.width_x))
        return Pair(x=left, y=right, cross=left.rows.T @ right.rows, square_sum=shared)

    def _layer(self, column: Column, offset: int) -> Layer:
        whole = self.r[:, offset + column.start : offset + column.start + column.neurons]
        rows, sizes = whole[1:], np.linalg.norm(whole, axis=0)
        split = column.split(np.linalg.norm(rows, axis=0) > _ROUNDING * sizes)
        rows = rows[:, split.live]
        gram = rows.T @ rows
        refuse_extreme(gram, column.name)
        lengths = self._lengths(column, offset) if column.lengths else np.zeros(1)
        return Layer(
            n=self.n,
            neurons=column.neurons,
            resolution=column.extent.precision.resolution,
            noise=column.noise(self.n, split),
            **split._asdict(),
            gram=gram,
            matrix=rows,
            square_sum=float(lengths @ lengths),
        )

    def _lengths(self, column: Column, offset: int) -> np.ndarray:
        """Return R times the weights that turn [1 | row, |row|^2] into |row - mean|^2."""
        whole = slice(offset + column.whole.start, offset + column.whole.stop)
        mean = self.r[0, whole][:-1] / self.r[0, 0]
        weights = np.zeros(self.r.shape[1])
        weights[0], weights[whole] = mean @ mean, np.append(-2 * mean, 1.0)
        return self.r @ weights


def _upper(stacked: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(stacked, mode="r"))
