"""Knots on a line: where it begins and ends, and where units change sign in between.

Knots are homogeneous: (x, w) with w = 1 for points, w = 0 for the ends of an unbounded line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regions.errors import DomainError
from regions.networks import Box, ReLUNetwork, Slice


@dataclass(frozen=True)
class LineFrame:
    """A one-dimensional domain in coordinates of size about one.

    Attributes
    ----------
    center, radius : float
        The domain's own coordinate is ``center + radius * x / w``.
    knots : (m, 2) array
        Its ends (x, w); for a whole line also one generic point between them.
    columns : (2, n0) array
        The inputs that the x and w axes stand for.
    """

    center: float
    radius: float
    knots: np.ndarray
    columns: np.ndarray

    def coordinates(self, knots: np.ndarray) -> np.ndarray:
        """Return the domain's own coordinate of every knot, infinite at infinity."""
        with np.errstate(divide="ignore"):
            return self.center + self.radius * knots[:, 0] / knots[:, 1]


def line_frame(net: ReLUNetwork, domain: Box | Slice | None) -> LineFrame:
    """Return the frame of a one-dimensional domain, bounded or not.

    Raises
    ------
    DomainError
        If the domain is not one-dimensional, or empty.
    """
    dimension = net.input_size if domain is None else domain.dimension
    if dimension != 1:
        raise DomainError(
            f"the domain has dimension {dimension}, and a line is needed: give "
            "Slice.through two points, or use method='plane' or 'cells'"
        )
    place = Box.cube(1, -np.inf, np.inf) if domain is None else domain
    low, high = _ends(place)
    scale = _feature_scale(net, place)
    if np.isfinite(low) and np.isfinite(high):
        center, radius = (low + high) / 2, (high - low) / 2
        knots = [[-1.0, 1.0], [1.0, 1.0]]
    elif np.isfinite(low):
        center, radius, knots = low, scale, [[0.0, 1.0], [1.0, 0.0]]
    elif np.isfinite(high):
        center, radius, knots = high, scale, [[-1.0, 0.0], [0.0, 1.0]]
    else:
        # a generic point, not on any breakpoint, splits the line into two rays
        center, radius, knots = 0.0, scale, [[-1.0, 0.0], [0.1234567891, 1.0], [1.0, 0.0]]
    columns = np.vstack([radius * place.basis, place.origin + center * place.basis[0]])
    return LineFrame(center, radius, np.array(knots), columns)


def _ends(domain: Box | Slice) -> tuple[float, float]:
    rows, limits = domain.halfspaces()
    ratio, up = limits / rows[:, 0], rows[:, 0] > 0
    low, high = ratio[~up].max(initial=-np.inf), ratio[up].min(initial=np.inf)
    if not low < high:
        raise DomainError("the line misses the inside of its box; move its points")
    return float(low), float(high)


def _feature_scale(net: ReLUNetwork, domain: Box | Slice) -> float:
    """Return the median distance of the first layer's breakpoints from coordinate 0."""
    if not net.relu_layers:
        return 1.0
    columns = np.vstack([domain.basis, domain.origin])
    (slopes, offsets), _ = net.advance(net.start(columns), 0, np.array([0.0, 1.0]))
    live = (slopes != 0) & (offsets != 0)
    return float(np.median(np.abs(offsets[live] / slopes[live]))) if live.any() else 1.0


def area(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the area that two homogeneous knots span, positive if p is to the right of q."""
    return p[..., 0] * q[..., 1] - q[..., 0] * p[..., 1]


class Insertions(NamedTuple):
    """Where units change sign between neighbouring knots, and the knots with new ones inserted.

    Attributes
    ----------
    left : (m,) int array
        For every old and new knot the old knot at or before it.
    weights : (2, m) array
        The knot mixes the old knots left and left + 1 with these weights; (1, 0) for old knots.
    fresh : (m,) bool array
        Which knots are new. Sign changes that lie closer than the tolerance are one knot.
    gap, unit, knot : (changes,) int arrays
        Every sign change: the old knot before it, the unit, and its new knot.
    """

    left: np.ndarray
    weights: np.ndarray
    fresh: np.ndarray
    gap: np.ndarray
    unit: np.ndarray
    knot: np.ndarray

    def knots(self, old: np.ndarray) -> np.ndarray:
        """Return the homogeneous knots with the new ones inserted."""
        after = np.minimum(self.left + 1, len(old) - 1)
        knots = self.weights[0][:, None] * old[self.left] + self.weights[1][:, None] * old[after]
        knots /= np.abs(knots).max(axis=1, keepdims=True)
        knots[~self.fresh] = old
        return knots


def insertions(values: np.ndarray, tolerance: np.ndarray) -> Insertions:
    """Return where units change sign between neighbouring rows of `values`, (knots, units)."""
    above, below = values > tolerance, values < -tolerance
    gap, unit = np.nonzero((above[:-1] & below[1:]) | (below[:-1] & above[1:]))
    start, end = values[gap, unit], values[gap + 1, unit]
    place, width = start / (start - end), tolerance[unit] / np.abs(end - start)
    order = np.lexsort((place, gap))
    gap, unit, place, width = (array[order] for array in (gap, unit, place, width))
    start, end = start[order], end[order]
    apart = place[1:] - place[:-1] > width[1:] + width[:-1]
    new = np.append(True, (gap[1:] != gap[:-1]) | apart)[: len(gap)]
    span = (end - start)[new]
    old = np.arange(len(values))
    left = np.concatenate([old, gap[new]])
    weights = np.vstack(
        [
            np.concatenate([np.ones(len(old)), end[new] / span]),
            np.concatenate([np.zeros(len(old)), -start[new] / span]),
        ]
    )
    order = np.lexsort((weights[1], left))
    at = np.argsort(order)[len(old) :]
    fresh = order >= len(old)
    return Insertions(left[order], weights[:, order], fresh, gap, unit, at[np.cumsum(new) - 1])
