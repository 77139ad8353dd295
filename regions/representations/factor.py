"""Rank-revealing whitening: orthonormal directions of one layer, found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_EPS = float(np.finfo(float).eps)
_NOISE = 4.0  # times the rounding of a direction: what counts as more than rounding
_SAFE = 1e-9  # smallest ratio of eigenvalues at which a Gram matrix is accurate enough


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Centred rows = basis @ diag(values) @ axes^H, restricted to the numerical rank.

    `scale` holds column scales that were divided out first (ones if none). `basis` is None
    where it was not needed: then basis = rows @ whitener.
    """

    values: np.ndarray
    axes: np.ndarray
    scale: np.ndarray
    basis: np.ndarray | None
    reliable: bool

    @property
    def rank(self) -> int:
        return len(self.values)

    @property
    def condition(self) -> float:
        return float(self.values[0] / self.values[-1]) if self.rank else float("nan")

    @property
    def whitener(self) -> np.ndarray:
        return self.axes / (self.scale[:, None] * self.values)

    def keep(self, count: int) -> Factor:
        """Return the factor of the `count` directions with the largest values."""
        return Factor(
            values=self.values[:count],
            axes=self.axes[:, :count],
            scale=self.scale,
            basis=None if self.basis is None else self.basis[:, :count],
            reliable=self.reliable,
        )


def factorise(
    gram: np.ndarray,
    find_rows: Callable[[], np.ndarray | None],
    samples: int,
    resolution: float = 0.0,
    noise: np.ndarray | None = None,
    scaled: bool = False,
) -> Factor:
    """Factorise a layer from its Gram matrix; from its rows where the Gram is not enough.

    An eigendecomposition of the Gram matrix loses directions below 1e-8 of the largest and is
    accurate to 1e-9 down to a ratio of 3e-5. Beyond that, or where directions are missing, the
    rows are factorised by QR and an SVD of R. Without rows the Gram's answer stands and is
    marked as unreliable. Activations in single precision end at `resolution`, which the Gram
    matrix in double precision always resolves. A direction also ends where its sum of squares is
    not clearly above what `noise`, that of each neuron's rounding, gives it.
    """
    scale = np.sqrt(np.real(np.diag(gram))) if scaled else np.ones(len(gram))
    gram = gram / np.outer(scale, scale) if scaled else gram
    found, axes = np.linalg.eigh(gram)
    found, axes = found[::-1], axes[:, ::-1]
    floor = None if noise is None else _NOISE * noise / scale**2
    kept = found > max(max(samples, len(gram)) * _EPS, resolution**2) * found[0]
    kept &= _above(found, axes, floor)
    safe = resolution > 0 or bool(found[kept][-1] >= _SAFE * found[0])
    if safe and kept.all():
        return Factor(values=np.sqrt(found), axes=axes, scale=scale, basis=None, reliable=True)
    rows = None if resolution else find_rows()
    if rows is not None:
        return _from_rows(rows / scale if scaled else rows, scale, floor)
    values = np.sqrt(found[kept])
    return Factor(values=values, axes=axes[:, kept], scale=scale, basis=None, reliable=safe)


def _above(squares: np.ndarray, axes: np.ndarray, floor: np.ndarray | None) -> np.ndarray:
    """Return which directions hold more than their share of the floor; the first always does."""
    if floor is None:
        return np.ones(len(squares), dtype=bool)
    above = squares > (np.abs(axes) ** 2).T @ floor
    above[0] = True
    return above


def _from_rows(rows: np.ndarray, scale: np.ndarray, floor: np.ndarray | None) -> Factor:
    orthonormal, triangle = np.linalg.qr(rows)
    left, values, right = np.linalg.svd(triangle, full_matrices=False)
    kept = values > max(rows.shape) * _EPS * values[0]
    kept &= _above(values**2, right.conj().T, floor)
    return Factor(
        values=values[kept],
        axes=right[kept].conj().T,
        scale=scale,
        basis=orthonormal @ left[:, kept],
        reliable=True,
    )
