"""Tangent kernel of a perceptron from its forward and backward vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from regions.progress import track
from regions.theory.perceptron import Perceptron

_FEW = 8  # up to so many points of x, every pair of points is compared with the mask itself

_LIGHT = 256  # up to so many kept weights x outputs, a unit's gradients are written out
_COLUMNS = 2048  # of the gradients written out at a time

Factor = tuple[float, np.ndarray | None]


class Vectors(NamedTuple):
    """Of each layer: inputs (rows, columns) and gradients of outputs (rows, outputs, units)."""

    forward: list[np.ndarray]
    backward: list[np.ndarray]


def perceptron_ntk(
    net: Perceptron,
    x: np.ndarray,
    y: np.ndarray,
    factors: Mapping[str, Factor],
    progress: bool = False,
) -> np.ndarray:
    """Return the kernel of points `x` and `y` (the same array: symmetric), summed over outputs."""
    of_x = _vectors(net, x, factors)
    of_y = of_x if y is x else _vectors(net, y, factors)
    kernel = np.zeros((len(x), len(y)))
    for layer, name in track(enumerate(net.names), show=progress, label="layers of the kernel"):
        scale, mask = factors[name]
        parts = (of_x.forward[layer], of_x.backward[layer])
        others = (of_y.forward[layer], of_y.backward[layer])
        if mask is not None and len(x) <= _FEW:
            kernel += scale**2 * _few(mask, *parts, *others)
        else:
            kernel += scale**2 * _many(mask, *parts, *others)
        if net.biases[layer] is not None:
            kernel += _trace(parts[1], others[1])
    return kernel


def _vectors(net: Perceptron, points: np.ndarray, factors: Mapping[str, Factor]) -> Vectors:
    """Run the masked, scaled network forwards and backwards."""
    weights = [_weight(w, *factors[name]) for name, w in zip(net.names, net.weights, strict=True)]
    for move in net.moves:
        points = move.linear([points], {})
    forward, multipliers = [points], []
    for weight, bias, slope in zip(weights, net.biases, net.slopes, strict=False):
        value = forward[-1] @ weight.T + (0.0 if bias is None else bias)
        multipliers.append(np.where(value > 0, 1.0, slope))
        forward.append(value * multipliers[-1])
    outputs = len(weights[-1])
    backward = [np.broadcast_to(np.eye(outputs), (len(points), outputs, outputs))]
    for weight, multiplier in zip(weights[:0:-1], multipliers[::-1], strict=True):
        backward.append((backward[-1] @ weight) * multiplier[:, None, :])
    return Vectors(forward, backward[::-1])


def _weight(weight: np.ndarray, scale: float, mask: np.ndarray | None) -> np.ndarray:
    return scale * (weight if mask is None else weight * mask)


def _trace(d_x: np.ndarray, d_y: np.ndarray) -> np.ndarray:
    """Return the products of gradients, summed over outputs and units: (rows, rows)."""
    flat = np.ascontiguousarray(d_x).reshape(len(d_x), -1)
    return _gram(flat, flat if d_y is d_x else np.ascontiguousarray(d_y).reshape(len(d_y), -1))


def _gram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x @ y.T  # NumPy computes half of it if x is y


def _few(
    mask: np.ndarray, a_x: np.ndarray, d_x: np.ndarray, a_y: np.ndarray, d_y: np.ndarray
) -> np.ndarray:
    """Return (d_x * d_y)^T M (a_x * a_y), one row of the kernel at a time."""
    mask = mask.astype(np.float64)
    rows = [
        np.einsum("ij,ij->i", np.einsum("ku,iku->iu", d, d_y) @ mask, a * a_y)
        for a, d in zip(a_x, d_x, strict=True)
    ]
    return np.stack(rows)


def _many(
    mask: np.ndarray | None, a_x: np.ndarray, d_x: np.ndarray, a_y: np.ndarray, d_y: np.ndarray
) -> np.ndarray:
    """Return the same from explicit gradients of units with few weights, products for others."""
    outputs, units = d_x.shape[1:]
    if mask is None:
        mask = np.ones((units, a_x.shape[1]), dtype=bool)
    light = (outputs * mask.sum(axis=1) <= _LIGHT)[:, None]
    explicit = _explicit(mask & light, a_x, d_x, a_y, d_y)
    return explicit + _shared(mask & ~light, a_x, d_x, a_y, d_y)


def _explicit(
    mask: np.ndarray, a_x: np.ndarray, d_x: np.ndarray, a_y: np.ndarray, d_y: np.ndarray
) -> np.ndarray:
    """Multiply the gradients of kept weights, some thousand numbers per point at a time."""
    total = np.zeros((len(a_x), len(a_y)))
    units, columns = np.nonzero(mask)
    block = max(1, _COLUMNS // d_x.shape[1])
    for start in range(0, len(units), block):
        u, c = units[start : start + block], columns[start : start + block]
        of_x = (d_x[:, :, u] * a_x[:, None, c]).reshape(len(a_x), -1)
        same = a_y is a_x
        of_y = of_x if same else (d_y[:, :, u] * a_y[:, None, c]).reshape(len(a_y), -1)
        total += _gram(of_x, of_y)
    return total


def _shared(
    mask: np.ndarray, a_x: np.ndarray, d_x: np.ndarray, a_y: np.ndarray, d_y: np.ndarray
) -> np.ndarray:
    """Multiply inputs and gradients apart, once for all units that keep the same inputs."""
    same = a_y is a_x
    dense = None
    total = np.zeros((len(a_x), len(a_y)))
    for units, columns in _groups(mask):
        part = d_x[:, :, units]
        spread = _trace(part, part if same else d_y[:, :, units])
        few = columns if 2 * columns.sum() <= len(columns) else ~columns
        chosen = a_x[:, few]
        product = _gram(chosen, chosen if same else a_y[:, few])
        if few is not columns:
            dense = _gram(a_x, a_y) if dense is None else dense
            product = dense - product
        total += np.multiply(spread, product, out=spread)
    return total


def _groups(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (units, kept inputs) for every distinct row of the mask that keeps anything."""
    packed, inverse = np.unique(np.packbits(mask, axis=1), axis=0, return_inverse=True)
    rows = np.unpackbits(packed, axis=1, count=mask.shape[1]).astype(bool)
    groups = ((np.flatnonzero(inverse.ravel() == i), row) for i, row in enumerate(rows))
    return [(members, row) for members, row in groups if row.any()]
