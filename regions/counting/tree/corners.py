"""The cells from which the `vertices` engine starts: a clipped box, or orthants of a whole flat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

from regions.counting.tree.doubts import INFINITE, InDoubtError, vertex_of
from regions.counting.tree.frame import Frame
from regions.counting.tree.newton import NO_GRID, UNIT, gamma_of
from regions.counting.tree.signs import FORM_EXTRA, VERTEX_EXTRA
from regions.counting.tree.vertex_cells import VertexCells
from regions.exact.scaled import primitive
from regions.exact.solve import Form, crossing, value

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork

_BITS = 64
_ARTIFICIAL = -(2**29)  # and below: labels of bounds outside the domain

Corner = tuple[Form, int]  # homogeneous integers, and its facets as bits


def of_bounded(frame: Frame, check: Callable[[], None]) -> VertexCells:
    """Return a bounded domain as one cell: its box, cut by its other sides, exactly."""
    while True:
        labels, corners = _box(frame)
        labels, corners = _clipped(frame, labels, corners, check)
        if all(label > _ARTIFICIAL for label in labels):
            sides = frame.forms.sides()
            return _cells(
                [corners], {label: sides[-1 - label] for label in labels}, frame.dimension
            )
        # bounds that were to lie outside the domain cut it
        frame = replace(
            frame,
            low=np.where(frame.low_sides < 0, 4 * frame.low - 3 * frame.high, frame.low),
            high=np.where(frame.high_sides < 0, 4 * frame.high - 3 * frame.low, frame.high),
        )


def _box(frame: Frame) -> tuple[list[int], list[Corner]]:
    """Return labels and corners of the box given by the frame's bounds."""
    d, exact = frame.dimension, frame.forms.sides()
    labels, ends = [], []
    for k in range(d):
        pair = []
        for end, bound, sides in (
            (0, frame.low, frame.low_sides),
            (1, frame.high, frame.high_sides),
        ):
            if sides[k] >= 0:
                form = exact[int(sides[k])]
                pair.append((-form[-1], form[k]) if form[k] > 0 else (form[-1], -form[k]))
                labels.append(-1 - int(sides[k]))
            else:
                pair.append(float(bound[k]).as_integer_ratio())
                labels.append(_ARTIFICIAL - 2 * k - end)
        ends.append(pair)
    corners = []
    for choice in product((0, 1), repeat=d):
        chosen = [ends[k][end] for k, end in enumerate(choice)]
        below = 1
        for _, under in chosen:
            below *= under
        point = primitive([above * below // under for above, under in chosen] + [below])
        corners.append((point, sum(1 << 2 * k + end for k, end in enumerate(choice))))
    return labels, corners


def _clipped(frame: Frame, labels: list[int], corners: list[Corner], check: Callable[[], None]):
    """Return labels and corners of what the domain's other sides leave."""
    d, rows, exact = frame.dimension, frame.rows, frame.forms.sides()
    sides = frame.row_sides
    sizes = np.abs(rows).sum(axis=1, keepdims=True)
    while len(rows):
        check()
        # rows, corners and sums are each rounded
        at = np.array([vertex_of(point)[: d + 1] for point, _ in corners])
        depths = rows @ at.T
        doubtful = np.abs(depths) <= 2 * (d + 4) * UNIT * sizes * np.abs(at).max(axis=1)
        for i, j in zip(*np.nonzero(doubtful), strict=True):
            found = value(exact[int(sides[i])], corners[j][0])
            depths[i, j] = 0.0 if found == 0 else np.sign(found) * max(abs(depths[i, j]), UNIT)
        cutting = depths.min(axis=1) < 0
        if not cutting.any():
            break
        # the deepest cut first: most of the others then miss what is left
        deepest = int(depths.min(axis=1).argmin())
        side = int(sides[deepest])
        corners = _kept(corners, exact[side], 1 << len(labels), d, check)
        labels = [*labels, -1 - side]
        cutting[deepest] = False
        rows, sides, sizes = rows[cutting], sides[cutting], sizes[cutting]
    return _renumbered(labels, corners)


def _kept(
    corners: list[Corner], form: Form, bit: int, d: int, check: Callable[[], None]
) -> list[Corner]:
    """Return the part of a polytope where a form is not negative, the new facet as `bit`."""
    values = [value(form, point) for point, _ in corners]
    parts = list(zip(values, corners, strict=True))
    kept = [corner for at, corner in parts if at > 0]
    kept += [(point, mask | bit) for at, (point, mask) in parts if at == 0]
    for p, (u, one) in parts:
        check()
        for q, (v, two) in parts:
            shared = one & two
            if not p > 0 > q or shared.bit_count() < d - 1:
                continue
            if sum(1 for _, other in corners if not shared & ~other) == 2:
                point = primitive([p * y - q * x for x, y in zip(u, v, strict=True)])
                kept.append((point, shared | bit))
    return kept


def _renumbered(labels: list[int], corners: list[Corner]) -> tuple[list[int], list[Corner]]:
    """Return the labels that are still facets' and the corners with their bits."""
    used = 0
    for _, mask in corners:
        used |= mask
    bits = [bit for bit in range(len(labels)) if used >> bit & 1]
    return [labels[bit] for bit in bits], [
        (point, sum(1 << new for new, bit in enumerate(bits) if mask >> bit & 1))
        for point, mask in corners
    ]


def orthants(net: ReLUNetwork, frame: Frame) -> tuple[np.ndarray, np.ndarray, VertexCells]:
    """Return (units, active, cells): a whole flat cut by d independent first-layer units.

    Each of the 2^d cells has its apex where the units' hyperplanes meet, and d vertices at
    infinity.
    """
    d = frame.dimension
    hidden = sum(layer.size for layer in net.relu_layers)
    active = np.zeros((2**d, hidden), bool)
    if d == 0:
        return np.zeros(0, int), active, _cells([[((1,), 0)]], {}, 0)
    units, forms = _independent(net, frame)
    apex, infinity = crossing(forms), (0,) * d + (1,)
    rays = []
    for k, form in enumerate(forms):
        ray = crossing([*forms[:k], *forms[k + 1 :], infinity])
        assert ray is not None
        rays.append(ray if value(form[:d], ray[:d]) > 0 else tuple(-x for x in ray))
    facets, corners = (1 << d) - 1, []
    for cell, signs in enumerate(product((1, -1), repeat=d)):
        ends = [tuple(sign * x for x in ray) for sign, ray in zip(signs, rays, strict=True)]
        others = [(end, facets & ~(1 << k) | 1 << d) for k, end in enumerate(ends)]
        corners.append([(apex, facets), *others])
        active[cell, units] = np.array(signs) > 0
    named = dict(zip([*units.tolist(), INFINITE], [*forms, infinity], strict=True))
    return units, active, _cells(corners, named, d)


def _independent(net: ReLUNetwork, frame: Frame) -> tuple[np.ndarray, list[Form]]:
    """Return d first-layer units whose hyperplanes meet in one point, and their forms."""
    d, exact = frame.dimension, frame.forms
    forms, _ = net.advance(net.start(frame.columns), 0, frame.homogeneous)
    slopes = forms[:-1].T
    norms = np.abs(slopes).max(axis=1, keepdims=True, initial=0.0)
    with np.errstate(under="ignore"):
        slopes = slopes / np.where(norms > 0, norms, 1.0)
    order = np.asarray(qr(slopes.T, mode="r", pivoting=True)[-1])
    # the choice is one of float64, that they are independent is not
    if exact.within_reach and len(order) >= d and np.isfinite(slopes).all():
        none = np.zeros(sum(layer.size for layer in net.relu_layers), bool)
        units = np.sort(order[:d])
        chosen = exact.units(0, none, units)
        apex = crossing(chosen)
        if apex is not None and apex[-1] > 0:
            return units, chosen
    raise InDoubtError("the first layer's units do not bound cells of the whole domain")


def _cells(corners: Sequence[list[Corner]], facets: dict[int, Form], d: int) -> VertexCells:
    """Return cells given by their corners; bit k is the k-th facet."""
    words = 1 + len(facets) // _BITS
    flat = [corner for cell in corners for corner in cell]
    vertices = np.empty((len(flat), d + VERTEX_EXTRA))
    masks = np.zeros((len(flat), words), np.uint64)
    for row, (point, mask) in enumerate(flat):
        vertices[row] = vertex_of(point)
        for word in range(words):
            masks[row, word] = mask >> _BITS * word & (2**_BITS - 1)
    bits = np.arange(_BITS * words, dtype=np.int32)
    bits[len(facets) :] = 0
    planes = np.array([_plane(form) for form in facets.values()]).reshape(-1, d + FORM_EXTRA)
    starts = np.cumsum([0, *map(len, corners)])
    units = np.array(list(facets), dtype=np.int64)
    return VertexCells(vertices, masks, starts, np.tile(bits, (len(corners), 1)), planes, units)


def _plane(form: Form) -> np.ndarray:
    """Return a form of integers, rounded, with the bounds of its errors."""
    d, scale = len(form) - 1, 1 << max(abs(x) for x in form).bit_length()
    row = np.empty(d + FORM_EXTRA)
    row[: d + 1] = [x / scale for x in form]
    sizes, error = np.abs(row[: d + 1]), gamma_of(d) + UNIT
    slopes, constant = error * sizes[:d].sum(), error * sizes[d]
    row[d + 1 :] = 2 * sizes.sum(), slopes + constant, slopes, constant, NO_GRID
    return row
