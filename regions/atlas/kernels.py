"""How far two tangent kernels are apart."""

from __future__ import annotations

import numpy as np

from regions.errors import ArgumentError


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return 1 - centred alignment of two kernel matrices of the same points.

    With H = I - 11^T / n the alignment is <HKH, HLH> / (|HKH| |HLH|), Frobenius (Cortes, Mohri
    and Rostamizadeh, JMLR 13, 2012). The distance is 0 for kernels equal up to a factor and a
    constant, at most 1 for positive semidefinite ones, and NaN where a centred kernel vanishes.

    Parameters
    ----------
    first, second : array of shape (n, n)

    Raises
    ------
    ArgumentError
        If they are not square, or of different sizes.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> round(kernel_distance(kernel, 5 * kernel + 7), 12)
    0.0
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[0] != first.shape[1]:
        raise ArgumentError(f"expected two (n, n) kernels, got {first.shape} and {second.shape}")
    a, b = _centred(first), _centred(second)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(1 - (a * b).sum() / norms) if norms > 0 else float("nan")


def _centred(kernel: np.ndarray) -> np.ndarray:
    rows = kernel - kernel.mean(axis=0, keepdims=True)
    return rows - rows.mean(axis=1, keepdims=True)
