"""The cells from which the `vertices` engine starts: a clipped box, or orthants of a whole flat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

from regions.counting.tree import polytopes
from regions.counting.tree.frame import Frame
from regions.errors import RegionsError

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

_BITS = 64


class InDoubtError(RegionsError, ArithmeticError):
    """Rounding or too many facets left the vertices of a cell in doubt."""


@dataclass(frozen=True)
class VertexCells:
    """A batch of cells, each given by its vertices.

    Attributes
    ----------
    vertices : (total, d + 1) array
        Homogeneous coordinates (y, t), all cells one after the other; t = 0 is at infinity.
    masks : (total, words) uint64 array
        The facets every vertex lies on, as bits.
    starts : (cells + 1,) int array
        Where each cell's vertices begin.
    """

    vertices: np.ndarray
    masks: np.ndarray
    starts: np.ndarray


def of_bounded(frame: Frame) -> VertexCells:
    """Return a bounded domain as one cell: its box, cut by its other halfspaces."""
    d, rows = frame.dimension, frame.rows
    words = 1 + (2 * d + len(rows)) // _BITS
    ends = np.stack([frame.low, frame.high], axis=1)
    vertices = np.array([[*corner, 1.0] for corner in product(*ends)])
    masks = np.zeros((len(vertices), words), np.uint64)
    for vertex, choice in enumerate(product((0, 1), repeat=d)):
        for axis, high in enumerate(choice):
            _set(masks, vertex, 2 * axis + high)
    while len(rows):
        # the deepest cut first: most of the others then miss what is left
        depths = (vertices @ rows.T).min(axis=0)
        deepest = int(depths.argmin())
        if depths[deepest] >= -polytopes.TOLERANCE:
            break
        vertices, masks = _clipped(vertices, masks, rows[deepest])
        rows = rows[depths < -polytopes.TOLERANCE]
    used = int(np.bitwise_or.reduce(masks, axis=0).astype(bool).nonzero()[0].max(initial=0)) + 1
    return VertexCells(vertices, masks[:, : max(used, 1)].copy(), np.array([0, len(vertices)]))


def _clipped(vertices: np.ndarray, masks: np.ndarray, row: np.ndarray):
    """Return the vertices and masks of the part of a polytope where ``row @ (y, 1) >= 0``."""
    values = vertices @ row
    values[np.abs(values) <= polytopes.TOLERANCE] = 0.0
    if values.min() >= 0:
        return vertices, masks
    nv, dimension = len(vertices), vertices.shape[1] - 1
    room = nv * nv + 4 * nv + 64
    here, mask = np.empty((room, dimension + 1)), np.zeros((room, masks.shape[1]), np.uint64)
    here[:nv], mask[:nv] = vertices, masks
    section = (
        np.empty((room, 2), np.int64),
        np.empty(room),
        np.empty_like(mask),
        np.empty_like(here),
        np.empty_like(here),
        np.empty_like(mask),
    )
    plus, _ = polytopes.cut(here, mask, nv, values, dimension, section, room)
    if plus < 0:
        raise InDoubtError("rounding left the corners of the domain in doubt")
    return here[:plus].copy(), mask[:plus].copy()


def orthants(net: ReLUNetwork, frame: Frame) -> tuple[np.ndarray, np.ndarray, VertexCells]:
    """Return (units, active, cells): a whole flat cut by d independent first-layer units.

    Each of the 2^d cells has its apex where the units' hyperplanes meet, and d vertices at
    infinity.
    """
    d = frame.dimension
    hidden = sum(layer.size for layer in net.relu_layers)
    if d == 0:
        point = VertexCells(np.ones((1, 1)), np.zeros((1, 1), np.uint64), np.array([0, 1]))
        return np.zeros(0, int), np.zeros((1, hidden), bool), point
    forms, _ = net.advance(net.start(frame.columns), 0, frame.homogeneous)
    slopes, offsets = forms[:-1].T, forms[-1]
    norms = np.linalg.norm(slopes, axis=1, keepdims=True)
    order = qr((slopes / np.where(norms > 0, norms, 1.0)).T, mode="r", pivoting=True)[-1]
    units = np.sort(np.asarray(order)[:d])
    apex = np.append(np.linalg.solve(slopes[units], -offsets[units]), 1.0)
    rays = np.linalg.inv(slopes[units]).T
    rays /= np.abs(rays).max(axis=1, keepdims=True)
    vertices, masks, active = [], [], np.zeros((2**d, hidden), bool)
    for cell, signs in enumerate(product((1.0, -1.0), repeat=d)):
        directions = np.column_stack([np.array(signs)[:, None] * rays, np.zeros(d)])
        vertices += [apex / np.abs(apex).max(), *directions]
        active[cell, units] = np.array(signs) > 0
        facets = (1 << d) - 1
        masks += [facets, *(facets & ~(1 << k) | 1 << d for k in range(d))]
    starts = np.arange(2**d + 1) * (d + 1)
    bits = np.array(masks, np.uint64)[:, None]
    return units, active, VertexCells(np.array(vertices), bits, starts)


def _set(masks: np.ndarray, vertex: int, facet: int) -> None:
    masks[vertex, facet // _BITS] |= np.uint64(1 << (facet % _BITS))
