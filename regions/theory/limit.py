"""The limit of the tangent kernel of wide ReLU networks, dense and randomly pruned."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.arguments import check_flag, check_whole, is_number
from regions.errors import ArgumentError
from regions.theory.points import read_points, squeeze_kernel

_BLOCK = 4096  # pairs whose differences are in memory at a time


def limit_ntk(x: Any, y: Any, depth: int) -> Any:
    """Return the neural tangent kernel of infinitely wide bias-free ReLU networks.

    With rho_0 the cosine of x and y, tau(r) = (sqrt(1 - r^2) + r asin r) / pi + r / 2,
    tau'(r) = 1/2 + asin(r) / pi and rho_h = tau(rho_{h-1}),

        Theta(x, y) = |x| |y| sum_{h=0..L} rho_h prod_{k=h..L-1} tau'(rho_k).

    So Theta(x, x) = (L + 1) |x|^2. It is the limit, as the widths grow, for L hidden layers with
    independent standard normal weights, hidden activations multiplied by sqrt(2 / width), and one
    output. Random pruning with rescaled weights has the same limit; without rescaling it is
    multiplied by `limit_factor`.

    Parameters
    ----------
    x, y : array of shape (rows, ...) or (n0,)
        Points; they need not have norm one. All axes but the first are inputs.
    depth : int
        Number L of hidden layers; 0 gives the products <x, y>.

    Returns
    -------
    array of shape (rows of x, rows of y)
        Without the axis of an argument that is a single vector; a float if both are.

    References
    ----------
    Jacot, Gabriel, Hongler (2018), arXiv:1806.07572; for random pruning Yang and Wang (AISTATS
    2023), arXiv:2203.14328.

    Examples
    --------
    >>> round(limit_ntk([1.0, 0.0], [0.0, 1.0], depth=1), 6)  # 0 * 1/2 + 1/pi
    0.31831
    >>> limit_ntk([3.0, 4.0], [3.0, 4.0], depth=3)
    100.0
    """
    check_whole(depth, "depth", least=0)
    (x, single_x), (y, single_y) = read_points("x", x), read_points("y", y)
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    if x.shape[1] != y.shape[1]:
        raise ArgumentError(f"x has {x.shape[1]} inputs per point, but y has {y.shape[1]}")
    norm_x, norm_y = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    angle = _angles(_unit(x, norm_x), _unit(y, norm_y))
    theta = np.cos(angle)
    for _ in range(depth):
        slope = 1 - angle / np.pi  # tau'(cos angle)
        angle = _next_angle(angle)
        theta = theta * slope + np.cos(angle)
    return squeeze_kernel(norm_x[:, None] * theta * norm_y, single_x, single_y)


def limit_factor(density: float, depth: int, masked_input: bool = False) -> float:
    """Return by what random pruning without rescaling multiplies the limit of the tangent kernel.

    Each weight is kept with probability `density`, and only kept weights count as parameters. Every
    term of the kernel then carries one factor `density` per masked matrix: density^L with a dense
    input matrix, density^(L+1) with a masked one. That the limit is a multiple of the dense one is
    the claim of Yang and Wang (arXiv:2203.14328), known to us from its summary; the exponents are
    our derivation, checked by simulation.

    >>> limit_factor(0.5, depth=3), limit_factor(0.5, depth=3, masked_input=True)
    (0.125, 0.0625)
    """
    check_whole(depth, "depth", least=0)
    check_flag(masked_input, "masked_input")
    if not (is_number(density) and 0 <= density <= 1):
        raise ArgumentError(f"density must be a number in [0, 1], got {density!r}")
    return float(density) ** (int(depth) + bool(masked_input))


def _unit(points: np.ndarray, norms: np.ndarray) -> np.ndarray:
    return points / np.where(norms > 0, norms, 1.0)[:, None]


def _angles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the angles between unit vectors; nearly parallel ones from their differences.

    The arc cosine of a rounded product would be off by 1e-8 for equal points.
    """
    cosine = np.clip(x @ y.T, -1, 1)
    angle = np.arccos(cosine)
    rows, cols = np.nonzero(np.abs(cosine) > 1 - 1e-4)
    for start in range(0, len(rows), _BLOCK):
        i, j = rows[start : start + _BLOCK], cols[start : start + _BLOCK]
        far, near = (np.linalg.norm(x[i] + sign * y[j], axis=1) for sign in (-1, 1))
        angle[i, j] = 2 * np.arctan2(far, near)
    return angle


def _next_angle(angle: np.ndarray) -> np.ndarray:
    """Return arccos tau(cos angle), from 1 - tau, which keeps small angles exact."""
    gap = 2 * np.sin(angle / 2) ** 2 - (np.sin(angle) - angle * np.cos(angle)) / np.pi
    return 2 * np.arcsin(np.sqrt(np.clip(gap / 2, 0, 1)))
