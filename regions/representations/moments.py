"""Sums of products of two layers, batch by batch, in memory independent of the samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from regions.representations.extent import Column
from regions.representations.layer import Layer
from regions.representations.pair import Pair
from regions.representations.rows import host, refuse_extreme

_ROUNDING = 1e-12  # of a sum of squares about the origin: what centring leaves of a constant


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over samples about a fixed origin near the mean: counts, totals, products.

    The origin is the mean of the first batch. The variance is at least (mean - origin)^2
    divided by the number of batches, so that centring the sums at the end loses no more than
    that number in relative accuracy; and sums about one origin merge by adding.

    Columns may end with the squared length of each row, for debiased CKA (`with_lengths`).
    """

    n: int
    sum_x: np.ndarray
    sum_y: np.ndarray
    gram_x: np.ndarray
    gram_y: np.ndarray
    cross: np.ndarray
    at_x: np.ndarray | None = None
    at_y: np.ndarray | None = None

    @classmethod
    def of(cls, x: Any, y: Any, positions: int | None = None) -> Moments:
        """Return the moments of rows from which the origin is subtracted.

        With `positions`, rows are images x positions and sums per position are kept, so that
        each position's own mean is taken out at the end.
        """
        return cls(
            n=len(x),
            sum_x=host(x.sum(0)),
            sum_y=host(y.sum(0)),
            gram_x=host(x.T @ x),
            gram_y=host(y.T @ y),
            cross=host(x.T @ y),
            at_x=_per_position(x, positions),
            at_y=_per_position(y, positions),
        )

    def __add__(self, other: Moments) -> Moments:
        def total(name: str) -> Any:
            mine = getattr(self, name)
            return None if mine is None else mine + getattr(other, name)

        return Moments(**{name: total(name) for name in self.__dataclass_fields__})

    def pair(self, x: Column, y: Column) -> Pair:
        """Return the centred pair of one layer of each side."""
        left, right = self._layer(x, "x"), self._layer(y, "y")
        cross = self._centred("cross", x.columns, y.columns, "xy")[np.ix_(left.live, right.live)]
        shared = self._length_products("cross", x, y, "xy")
        return Pair(x=left, y=right, cross=cross, square_sum=shared)

    def _layer(self, column: Column, side: str) -> Layer:
        name, both = f"gram_{side}", side + side
        gram = self._centred(name, column.columns, column.columns, both)
        refuse_extreme(gram, column.name)
        about_origin = np.diag(getattr(self, name)[column.columns, column.columns])
        split = column.split(np.diag(gram) > _ROUNDING * about_origin)
        return Layer(
            n=self.n,
            neurons=len(gram),
            resolution=column.extent.precision.resolution,
            noise=column.noise(self.n, split),
            **split._asdict(),
            gram=gram[np.ix_(split.live, split.live)],
            square_sum=self._length_products(name, column, column, both),
        )

    def _centred(self, name: str, rows: slice, columns: slice, sides: str) -> np.ndarray:
        """Return a block of products about the mean, or about each position's mean."""
        block = getattr(self, name)[rows, columns]
        left, right = (getattr(self, f"at_{side}") for side in sides)
        if left is not None and right is not None:
            return block - left[:, rows].T @ right[:, columns] / (self.n // len(left))
        sums = getattr(self, f"sum_{sides[0]}")[rows], getattr(self, f"sum_{sides[1]}")[columns]
        return block - np.outer(*sums) / self.n

    def _length_products(self, name: str, x: Column, y: Column, sides: str) -> float | None:
        """Return the sum of |x|^2 |y|^2 of the centred rows, where lengths were kept.

        |x - m|^2 = |x|^2 - 2 m x + |m|^2 is linear in a row and its squared length.
        """
        if not (x.lengths and y.lengths):
            return None
        weights, sums, constants = [], [], []
        for column, side in zip((x, y), sides, strict=True):
            total = getattr(self, f"sum_{side}")[column.whole]
            mean = total[:-1] / self.n
            weights.append(np.append(-2 * mean, 1.0))
            sums.append(weights[-1] @ total)
            constants.append(mean @ mean)
        product = weights[0] @ getattr(self, name)[x.whole, y.whole] @ weights[1]
        crossed = constants[1] * sums[0] + constants[0] * sums[1]
        return float(product + crossed + self.n * constants[0] * constants[1])


def with_lengths(rows: Any) -> Any:
    """Return the rows with a last column of their squared lengths."""
    lengths = (rows**2).sum(1)[:, None]
    both = [rows, lengths]
    return np.hstack(both) if isinstance(rows, np.ndarray) else torch.hstack(both)


def _per_position(rows: Any, positions: int | None) -> np.ndarray | None:
    if positions is None:
        return None
    return host(rows.reshape(-1, positions, rows.shape[1]).sum(0))
