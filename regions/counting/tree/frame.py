"""The domain in coordinates of size about one, and the network's columns in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from regions.errors import DomainError

if TYPE_CHECKING:
    from regions.networks import Box, ReLUNetwork, Slice

_NOISE = 1e-14
_LARGEST_CHAIN = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Coordinates y of the domain: its own coordinates are ``center + y @ axes``.

    In an open domain on which the network depends on fewer directions only, y has as many.

    Attributes
    ----------
    center : (domain's dimension,) array
    axes : (d, domain's dimension) array, orthogonal rows
    low, high : (d,) arrays
        Bounds of y, infinite where the domain is open.
    rows : (m, d + 1) array
        The domain is where ``rows[:, :d] @ y + rows[:, d] >= 0`` within the bounds; unit normals.
    columns : (d + 1, n0) array
        Inputs to push through the network: d directions, then the input at y = 0.
    noise : tuple of (units,) arrays, one per ReLU layer
        Rounding level of each preactivation's coefficients in these coordinates.
    cone : bool
        Whether y ends with a homogeneous coordinate (see `cone_over`).
    """

    center: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    noise: tuple[np.ndarray, ...]
    cone: bool = False

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return len(self.low)

    @cached_property
    def back(self) -> np.ndarray:
        """Matrix that takes the domain's own coordinates (less `center`) to y."""
        return np.linalg.pinv(self.axes)

    @property
    def bounded(self) -> bool:
        """Whether every coordinate has two finite bounds."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def homogeneous(self) -> np.ndarray:
        """1 for the row of `columns` that is a point, 0 for the directions."""
        flags = np.zeros(len(self.columns))
        flags[len(self.axes)] = 1.0
        return flags

    def coordinates(self, y: np.ndarray) -> np.ndarray:
        """Return the domain's own coordinates at `y`, (..., d)."""
        if self.cone:
            y = y[..., :-1] / y[..., -1:]
        return self.center + y @ self.axes


def frame_of(net: ReLUNetwork, domain: Box | Slice | None) -> Frame:
    """Return the frame of `domain` (None: the whole input space)."""
    n0 = net.input_size
    origin = np.zeros(n0) if domain is None else domain.origin
    basis = np.eye(n0) if domain is None else domain.basis
    normals, limits = (np.zeros((0, n0)), np.zeros(0)) if domain is None else domain.halfspaces()
    low, high, normals, limits = _bounds(normals, limits, len(basis))
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        center = np.where(finite, (low + high) / 2, np.clip(0.0, low, high))
        radius = np.where(finite, (high - low) / 2, _reach(net, origin, basis))
    norms = np.linalg.norm(normals * radius, axis=1, keepdims=True)
    rows = np.column_stack([-normals * radius, limits - normals @ center]) / norms
    axes, low, high = np.diag(radius), (low - center) / radius, (high - center) / radius
    columns = np.vstack([axes @ basis, origin + center @ basis])
    if np.isinf(low).all() and np.isinf(high).all() and not len(rows):
        turn = _relevant_directions(net, columns)
        axes, low, high = turn @ axes, low[: len(turn)], high[: len(turn)]
        rows = np.zeros((0, len(turn) + 1))
        columns = np.vstack([axes @ basis, columns[-1]])
    return Frame(
        center=center,
        axes=axes,
        low=low,
        high=high,
        rows=rows,
        columns=columns,
        noise=noise_levels(net, columns),
    )


def cone_over(frame: Frame) -> Frame:
    """Return an open domain as a truncated cone: y = (t z, t) with |t z| <= 1 and 0 <= t <= 1.

    Regions become cones with apex 0, one to one, and every coordinate is bounded.
    """
    d = frame.dimension
    sides = [
        (sign * np.eye(d)[k], -sign * side[k])
        for sign, side in ((1.0, frame.low), (-1.0, frame.high))
        for k in range(d)
        if np.isfinite(side[k])
    ]
    rows = np.vstack([frame.rows, *(np.append(*side) for side in sides)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return replace(
        frame,
        low=np.append(-np.ones(d), 0.0),
        high=np.ones(d + 1),
        rows=np.column_stack([rows, np.zeros(len(rows))]),
        columns=np.vstack([frame.columns, np.zeros_like(frame.columns[:1])]),
        cone=True,
    )


def _bounds(normals: np.ndarray, limits: np.ndarray, d: int):
    """Return bounds of every coordinate and the halfspaces that these do not express."""
    low, high = np.full(d, -np.inf), np.full(d, np.inf)
    axis = (normals != 0).sum(axis=1) == 1
    for normal, limit in zip(normals[axis], limits[axis], strict=True):
        k = int(np.flatnonzero(normal)[0])
        if normal[k] > 0:
            high[k] = min(high[k], limit / normal[k])
        else:
            low[k] = max(low[k], limit / normal[k])
    if axis.all():
        normals, limits = normals[:0], limits[:0]
    else:  # the bounds are widened, so every halfspace stays, also along an axis
        low, high = _tightened(low, high, normals[~axis], limits[~axis])
    if (low >= high).any():
        raise DomainError("the domain is empty or flat; widen its box or move its points")
    return low, high, normals, limits


def _tightened(low, high, normals, limits):
    """Return bounds from linear programs, a little wider than the domain."""
    bounds = list(zip(low, high, strict=True))
    for k in range(len(low)):
        cost = np.zeros(len(low))
        for sign, side in ((1.0, low), (-1.0, high)):
            cost[k] = sign
            found = linprog(cost, normals, limits, bounds=bounds, method="highs")
            if found.status == 2:
                raise DomainError("the domain is empty; widen its box or move its points")
            if found.status == 0:
                side[k] = sign * found.fun
    # wider, so that the bounds themselves are never facets
    margin = 0.1 * np.where(np.isfinite(high - low), high - low, 1.0)
    return low - margin, high + margin


def _relevant_directions(net: ReLUNetwork, columns: np.ndarray) -> np.ndarray:
    """Return orthonormal rows that span the directions on which the first layer depends.

    If the input is used again further on (a residual skip), these are all directions.
    """
    everything = np.eye(len(columns) - 1)
    if not net.relu_layers or _is_large(net) or net.layers()[0].carried:
        return everything
    forms, _ = net.advance(net.start(columns[:-1]), 0, 0.0)
    norms = np.linalg.norm(forms, axis=0)
    forms = forms[:, norms > 0] / norms[norms > 0]
    left, singular, _ = np.linalg.svd(forms, full_matrices=False)
    rank = int((singular > 1e-10 * singular.max(initial=0.0)).sum())
    return everything if rank == len(everything) else left[:, :rank].T


def _is_large(net: ReLUNetwork) -> bool:
    """Tell whether the network is too large for its chain of sparse matrices."""
    largest = max((layer.size for layer in net.relu_layers), default=0)
    return largest * largest * len(net.relu_layers) > _LARGEST_CHAIN


def _reach(net: ReLUNetwork, origin: np.ndarray, basis: np.ndarray) -> float:
    """Return the typical distance at which first-layer units switch: the scale of open domains."""
    if not net.relu_layers:
        return 1.0
    homogeneous = np.append(np.zeros(len(basis)), 1.0)
    forms, _ = net.advance(net.start(np.vstack([basis, origin])), 0, homogeneous)
    slopes = np.linalg.norm(forms[:-1], axis=0)
    offsets = np.abs(forms[-1])
    live = (slopes > 0) & (offsets > 1e-12 * slopes)
    return float(np.median(offsets[live] / slopes[live])) if live.any() else 1.0


def noise_levels(net: ReLUNetwork, columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the rounding level of every unit's coefficients: |W| ... |W| |columns| times 1e-14."""
    if _is_large(net):
        return _sampled_noise(net, columns)
    values, found = np.abs(columns).sum(axis=0), []
    for layer in net.layers()[:-1]:
        values = abs(layer.matrix) @ values + np.abs(layer.bias)
        found.append(_NOISE * values[: layer.units])
    return tuple(found)


def _sampled_noise(net: ReLUNetwork, columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the rounding level of a large network's units from their sizes along the columns."""
    state, found = net.start(columns), []
    homogeneous = np.append(np.zeros(len(columns) - 1), 1.0)
    for index, layer in enumerate(net.relu_layers):
        forms, state = net.advance(state, index, homogeneous)
        found.append(_NOISE * np.abs(forms).sum(axis=0))
        state = net.activate(state, index, np.ones((1, layer.size)))
    return tuple(found)
