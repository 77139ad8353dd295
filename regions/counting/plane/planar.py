"""Two-dimensional domains as convex polygons in homogeneous coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from regions.counting.line.knots import LineFrame
from regions.counting.plane.polygon_kernel import Stack, clip
from regions.errors import DomainError
from regions.networks import Box, ReLUNetwork, Slice

BOUNDARY = -1  # label of the domain's own edges
_ON_EDGE = 1e-12


@dataclass(frozen=True)
class PlanarFrame:
    """A planar domain in coordinates of size about one.

    Attributes
    ----------
    center, radius : (2,) arrays
        The domain's own coordinates are ``center + radius * (x, y) / w``.
    polygons : tuple of (k, 3) arrays
        The domain: one polygon if it is bounded, else three sectors that meet in `apex`.
    directions : (2, n0) array
        Inputs that the x and y axes stand for.
    point : (n0,) array
        The input at (0, 0, 1).
    apex : (2,) array or None
        An inner point in the frame's coordinates; None for a bounded domain.
    """

    center: np.ndarray
    radius: np.ndarray
    polygons: tuple[np.ndarray, ...]
    directions: np.ndarray
    point: np.ndarray
    apex: np.ndarray | None = None

    @property
    def columns(self) -> np.ndarray:
        """The inputs that the x, y and w axes stand for, (3, n0)."""
        return np.vstack([self.directions, self.point])

    def rays(self) -> Iterator[LineFrame]:
        """Yield the rays from the apex that cut an unbounded domain into sectors."""
        if self.apex is None:
            return
        start = np.array([*self.apex, 1.0])
        for polygon in self.polygons:
            at = int(np.flatnonzero((polygon == start).all(axis=1))[0])
            end = polygon[(at + 1) % len(polygon)]
            far = end[2] == 0.0
            direction = end if far else end / end[2] - start
            knots = np.array([[0.0, 1.0], [1.0, 0.0 if far else 1.0]])
            columns = np.vstack([direction @ self.columns, start @ self.columns])
            yield LineFrame(0.0, 1.0, knots, columns)

    def coordinates(self, vertices: np.ndarray) -> np.ndarray:
        """Return the domain's own coordinates of homogeneous vertices, (k, 2)."""
        return self.center + self.radius * vertices[:, :2] / vertices[:, 2:]


def planar_frame(net: ReLUNetwork, domain: Box | Slice | None) -> PlanarFrame:
    """Return the frame of a planar domain, bounded or not.

    Raises
    ------
    DomainError
        If the domain is not two-dimensional, or empty or flat.
    """
    dimension = net.input_size if domain is None else domain.dimension
    if dimension != 2:
        raise DomainError(
            f"the domain has dimension {dimension}, and a planar one is needed: give a Box of two "
            "inputs or a Slice through three points, or use method='cells'"
        )
    place = Box.cube(2, -np.inf, np.inf) if domain is None else domain
    return _bounded(place) if place.bounded else _unbounded(net, place)


def _bounded(domain: Box | Slice) -> PlanarFrame:
    if isinstance(domain, Box):
        low, high = domain.low, domain.high
        polygon = _rectangle(1.0)
    else:
        low, high = _extent(domain)
        # once to find the size of the polygon, once more in coordinates of that size
        for _ in range(2):
            center, radius = (low + high) / 2, (high - low) / 2
            polygon = clipped(_rectangle(2.0), _rows(domain, center, radius))
            points = center + radius * polygon[:, :2]
            low, high = points.min(axis=0), points.max(axis=0)
            if not (high > low).all():
                raise DomainError("the planar domain is flat; widen its box or move its points")
        polygon[:, :2] = (points - (low + high) / 2) / ((high - low) / 2)
    return _frame(domain, (low + high) / 2, (high - low) / 2, (polygon,))


def _unbounded(net: ReLUNetwork, domain: Box | Slice) -> PlanarFrame:
    scale = _feature_scale(net, domain)
    center, inner = _inner_point(domain, scale)
    radius = np.full(2, scale)
    # a generic apex and generic rays meet no boundary in a vertex
    rng = np.random.default_rng(20230117)
    apex = rng.uniform(-0.3, 0.3, size=2) * inner / scale
    angles = rng.uniform(0, 2) + 2 * np.pi * np.arange(4) / 3
    rays = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(4)])
    rows = _rows(domain, center, radius)
    sectors = (np.vstack([[*apex, 1.0], rays[i], rays[i + 1]]) for i in range(3))
    return _frame(domain, center, radius, tuple(clipped(s, rows) for s in sectors), apex)


def _frame(domain, center, radius, polygons, apex=None) -> PlanarFrame:
    directions = radius[:, None] * domain.basis
    point = domain.origin + center @ domain.basis
    return PlanarFrame(center, radius, polygons, directions, point, apex)


def _rectangle(half: float) -> np.ndarray:
    return np.array([[-half, -half, 1], [half, -half, 1], [half, half, 1], [-half, half, 1]])


def _extent(domain: Slice) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of the coordinates of a bounded slice of a box."""
    if domain.box is not None and domain.box.bounded:
        low, high = domain.box.low - domain.origin, domain.box.high - domain.origin
        ends = np.stack([domain.basis * low, domain.basis * high])
        return ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)
    rows, limits = domain.halfspaces()
    bounds = [_optimum(rows, limits, sign * axis) for sign in (-1, 1) for axis in np.eye(2)]
    return -np.array(bounds[:2]), np.array(bounds[2:])


def _optimum(rows: np.ndarray, limits: np.ndarray, direction: np.ndarray) -> float:
    return -linprog(-direction, rows, limits, bounds=(None, None)).fun


def _rows(domain: Box | Slice, center: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return rows with rows @ (x, y, w) >= 0 inside the domain, their terms of size 1."""
    normals, limits = domain.halfspaces()
    offset = normals @ center
    rows = np.column_stack([-normals * radius, limits - offset])
    size = np.abs(normals * radius).sum(axis=1) + np.abs(limits) + np.abs(offset)
    return rows / size[:, None]


def clipped(polygon: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the part of a homogeneous polygon where rows @ vertex >= 0.

    Raises
    ------
    DomainError
        If nothing is left.
    """
    room = len(polygon) + 2 * len(rows) + 8
    stack = Stack(
        nodes=np.zeros((0, 6), np.int64),
        vertices=np.zeros((2 * room, 3)),
        labels=np.full(2 * room, BOUNDARY, np.int64),
        units=np.zeros(0, np.int64),
    )
    stack.vertices[: len(polygon)] = polygon
    k = clip(stack, len(polygon), rows, np.full(len(rows), _ON_EDGE))
    if k < 3:
        raise DomainError("the planar domain is empty; widen its box or move its points")
    return stack.vertices[:k].copy()


def _feature_scale(net: ReLUNetwork, domain: Box | Slice) -> float:
    """Return the median distance of the first layer's boundaries from the slice's origin."""
    if not net.relu_layers:
        return 1.0
    columns = np.vstack([domain.basis, domain.origin])
    forms, _ = net.advance(net.start(columns), 0, np.array([0.0, 0.0, 1.0]))
    slopes, offsets = np.linalg.norm(forms[:2], axis=0), np.abs(forms[2])
    live = (slopes > 0) & (offsets > _ON_EDGE * slopes)
    return float(np.median(offsets[live] / slopes[live])) if live.any() else 1.0


def _inner_point(domain: Box | Slice, scale: float) -> tuple[np.ndarray, float]:
    """Return the center of a largest circle in the domain of radius at most `scale`."""
    rows, limits = domain.halfspaces()
    if len(rows) == 0:
        return np.zeros(2), scale
    norms = np.linalg.norm(rows, axis=1)
    bounds = [(None, None), (None, None), (0.0, scale)]
    found = linprog([0, 0, -1.0], np.column_stack([rows, norms]), limits, bounds=bounds)
    if found.status != 0 or -found.fun <= 0:
        raise DomainError("the planar domain is empty; widen its box or move its points")
    return found.x[:2], float(-found.fun)
