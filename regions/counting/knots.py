"""Breakpoints along a line, carried layer by layer.

The line engine carries *knots*: points of the line between which everything so far is affine. A
layer's preactivations at two neighbouring knots tell which units change sign between them and
where; there new knots are inserted, whose values follow by interpolation. Knots are homogeneous:
(x, w) with w = 1 for points, w = 0 for the ends of an unbounded line. Pieces of the line are taken
through the layers depth first, from left to right, so that memory stays bounded however many knots
there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regions.counting.chain import TOLERANCE, absolute
from regions.counting.limits import Stopwatch
from regions.errors import DomainError
from regions.networks import Box, ReLUNetwork, Slice, State

_MEMORY = 2**26  # bytes of values that one piece may hold


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


@dataclass(frozen=True)
class LinePart:
    """A piece of the line with all its breakpoints.

    Attributes
    ----------
    knots : (m, 2) array
        Its ends and the breakpoints between them, from left to right.
    layers : (m,) int array
        The ReLU layer that breaks there; -1 at the domain's ends and at a whole line's inner
        point.
    outputs : (m, outputs) array
        The network's outputs there (no columns if they were not asked for).
    tolerance : (outputs,) array
        What counts as zero among the outputs.
    """

    knots: np.ndarray
    layers: np.ndarray
    outputs: np.ndarray
    tolerance: np.ndarray


@dataclass(frozen=True)
class _Piece:
    """Knots, and how their values mix rows `left` and `left + 1` of the layer before's."""

    layer: int
    knots: np.ndarray
    layers: np.ndarray
    values: np.ndarray
    state: State
    left: np.ndarray
    weights: np.ndarray

    def mixed(self, array: np.ndarray) -> np.ndarray:
        """Return the rows of `array` at the knots."""
        out = array[self.left]
        new = np.flatnonzero(self.weights[1])
        first, second = self.weights[:, new].reshape(2, -1, *([1] * (array.ndim - 1)))
        out[new] = first * out[new] + second * array[self.left[new] + 1]
        return out

    def activated(self, net: ReLUNetwork) -> State:
        """Return the state at the knots after the last ReLU layer."""
        state = self.state.map(self.mixed)
        if self.layer == 0:
            return state
        return net.activate(
            state, self.layer - 1, net.slopes(self.layer - 1, self.mixed(self.values) > 0)
        )


def walk(
    net: ReLUNetwork, frame: LineFrame, *, outputs: bool = False, clock: Stopwatch | None = None
) -> Iterator[LinePart]:
    """Yield the line in parts from left to right; neighbouring parts share a knot.

    Without `outputs` the last linear segment is not computed.

    Raises
    ------
    TimeoutError
        When `clock` has expired.
    """
    twin, layers, m = absolute(net), len(net.relu_layers), len(frame.knots)
    rows = max(3, _MEMORY // (64 * max(net.widths)))
    first = net.start(frame.knots @ frame.columns)
    keep = np.vstack([np.ones(m), np.zeros(m)])
    stack = [_Piece(0, frame.knots, np.full(m, -1), np.zeros((m, 0)), first, np.arange(m), keep)]
    while stack:
        if clock is not None and clock.expired():
            raise TimeoutError
        piece = stack.pop()
        if piece.layer == layers and not outputs:
            yield LinePart(piece.knots, piece.layers, np.zeros((len(piece.knots), 0)), np.zeros(0))
            continue
        before = piece.activated(net)
        values, state = net.advance(before, piece.layer, piece.knots[:, 1])
        largest = before.map(lambda value: np.abs(value).max(axis=0, keepdims=True))
        bounds, _ = twin.advance(largest, piece.layer)
        if piece.layer == layers:
            yield LinePart(piece.knots, piece.layers, values, TOLERANCE * bounds[0])
        else:
            stack += _refined(piece, values, state, TOLERANCE * bounds[0], rows)


def _refined(piece, values, state, tolerance, rows) -> list[_Piece]:
    """Return the pieces of the next layer with the breakpoints inserted, the leftmost last."""
    left, weights, fresh = insertions(values, tolerance)
    knots = weights[0][:, None] * piece.knots[left]
    knots += weights[1][:, None] * piece.knots[np.minimum(left + 1, len(piece.knots) - 1)]
    size = np.abs(knots).max(axis=1)
    knots, weights = knots / size[:, None], weights / size
    weights[0, ~fresh] = 1.0  # old knots keep their size
    knots[~fresh] = piece.knots
    layers = np.where(fresh, piece.layer, piece.layers[left])
    parts = [slice(at, at + rows) for at in range(0, len(knots) - 1, rows - 1)]
    return [
        _Piece(piece.layer + 1, knots[p], layers[p], values, state, left[p], weights[:, p])
        for p in reversed(parts)
    ]


def insertions(values: np.ndarray, tolerance: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return where units change sign between neighbouring rows of `values`, (knots, units).

    Returns
    -------
    left : (m,) int array
        For every old and new knot the old knot at or before it.
    weights : (2, m) array
        The knot mixes the old knots left and left + 1 with these weights; (1, 0) for old knots.
    fresh : (m,) bool array
        Which knots are new. Sign changes that lie closer than the tolerance are one knot.
    """
    above, below = values > tolerance, values < -tolerance
    gap, unit = np.nonzero((above[:-1] & below[1:]) | (below[:-1] & above[1:]))
    start, end = values[gap, unit], values[gap + 1, unit]
    place, width = start / (start - end), tolerance[unit] / np.abs(end - start)
    order = np.lexsort((place, gap))
    gap, place, width, start, end = (a[order] for a in (gap, place, width, start, end))
    apart = place[1:] - place[:-1] > width[1:] + width[:-1]
    new = np.append(True, (gap[1:] != gap[:-1]) | apart)[: len(gap)]
    gap, place, span = gap[new], place[new], (end - start)[new]
    old = np.arange(len(values))
    left = np.concatenate([old, gap])
    weights = np.vstack(
        [
            np.concatenate([np.ones(len(old)), end[new] / span]),
            np.concatenate([np.zeros(len(old)), -start[new] / span]),
        ]
    )
    fresh = np.arange(len(left)) >= len(old)
    order = np.lexsort((weights[1], left))
    return left[order], weights[:, order], fresh[order]
