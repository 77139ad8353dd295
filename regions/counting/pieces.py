"""Breakpoints along a line, carried layer by layer.

A piece of the line holds *knots*: the points between which everything so far is affine. Its values
are those at its two ends, found by running the network there, and the kinks at the knots between
them. A layer's preactivations at two neighbouring knots tell which units change sign between them
and where; there new knots are inserted. Kinks are bounded before they are computed: a unit whose
preactivation keeps its sign between the ends by more than all kinks together can change needs no
closer look, and none of its kinks if it is inactive. Pieces are taken through the layers depth
first, from left to right, and cut when they hold many knots, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regions.counting import kink_kernel
from regions.counting.chain import TOLERANCE, absolute
from regions.counting.kinks import Kinks, Segments
from regions.counting.knots import Insertions, LineFrame, insertions
from regions.counting.limits import Stopwatch
from regions.networks import ReLUNetwork, State

_MEMORY = 2**30
_MOST_KNOTS = 512


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


class _End:
    """A point of the line, and the values of every layer there."""

    def __init__(self, net: ReLUNetwork, knot: np.ndarray, columns: np.ndarray) -> None:
        self.net, self.knot = net, knot
        self._before = [net.start(knot[None] @ columns)]
        self._values: list[np.ndarray] = []
        self._after: State | None = None

    def before(self, layer: int) -> dict[str, np.ndarray]:
        """Return the values that segment `layer` reads, each of shape (1, *shape)."""
        while len(self._before) <= layer:
            done = len(self._before) - 1
            active = self.values(done)[None] > 0
            assert self._after is not None
            self._before.append(
                self.net.activate(self._after, done, self.net.slopes(done, active))
            )
        return dict(self._before[layer].values)

    def values(self, layer: int) -> np.ndarray:
        """Return the preactivations of a layer (or the outputs)."""
        while len(self._values) <= layer:
            done = len(self._values)
            state = State(self.before(done))
            values, self._after = self.net.advance(state, done, self.knot[1:])
            self._values.append(values[0])
        return self._values[layer]


@dataclass(frozen=True)
class _Piece:
    """A piece of the line before linear segment `layer`, or behind it (`_Pushed`).

    Attributes
    ----------
    knots : (m + 2, 2) array
        Its ends and the knots between them.
    layers : (m + 2,) int array
        The ReLU layers that break there.
    columns : (m,) int array
        Where the inner knots' kinks are in `values`.
    """

    layer: int
    ends: tuple[_End, _End]
    knots: np.ndarray
    layers: np.ndarray
    columns: np.ndarray
    values: dict[str, Kinks]

    @cached_property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """How inner knots mix the two ends."""
        (first, last), inner = self.knots[[0, -1]], self.knots[1:-1]
        span = area(last, first)
        return area(last, inner) / span, area(inner, first) / span

    @cached_property
    def heights(self) -> np.ndarray:
        """The most that a kink of 1 at an inner knot moves a value between the ends."""
        return self.shares[1] * area(self.knots[-1], self.knots[1:-1])


def area(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the area that two homogeneous knots span, positive if p is to the right of q."""
    return p[..., 0] * q[..., 1] - q[..., 0] * p[..., 1]


@dataclass(frozen=True)
class _Pushed(_Piece):
    """A piece with the preactivations of its layer.

    Attributes
    ----------
    doubtful : (k,) int array
        The units that may change sign.
    tolerance : (k,) array
        What counts as zero among them.
    """

    doubtful: np.ndarray
    tolerance: np.ndarray

    def part(self, found: Insertions, low: int, high: int, ends: tuple[_End, _End]) -> _Pushed:
        """Return the part between two of the knots that `found` gives."""
        knots, fresh = found.knots(self.knots), found.fresh
        layers = np.where(fresh, self.layer, self.layers[found.left])
        kept = np.concatenate([[low], low + 1 + np.flatnonzero(~fresh[low + 1 : high]), [high]])
        columns = self.columns[found.left[kept[1:-1]] - 1]
        new = np.full(len(self.columns), -1)
        new[np.sort(columns)] = np.arange(len(columns))
        values = {
            name: Kinks(*kink_kernel.taken(kinks, new), kinks.factor)
            for name, kinks in self.values.items()
        }
        fields = {"knots": knots[kept], "layers": layers[kept], "columns": new[columns]}
        return replace(self, ends=ends, values=values, **fields)


def _rows(kinks: Kinks, units: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return kink_kernel.rows_of(kinks, units, len(columns))[:, columns]


@dataclass(frozen=True)
class _Bends:
    """Some units of a piece: their kinks, and their affine maps between neighbouring knots.

    `at_first` and `at_last`, (units, m + 1), are what the maps say at the piece's two ends.
    """

    units: np.ndarray
    tolerance: np.ndarray
    kinks: np.ndarray
    at_first: np.ndarray
    at_last: np.ndarray

    @classmethod
    def of(cls, piece: _Piece, kinks: Kinks, units: np.ndarray, tolerance: np.ndarray) -> _Bends:
        """Return those of `units` that may change sign."""
        first, last = (end.values(piece.layer)[units] for end in piece.ends)
        bends, inner = _rows(kinks, units, piece.columns), piece.knots[1:-1]
        steps = bends * area(piece.knots[0], inner), bends * area(piece.knots[-1], inner)
        zero = np.zeros((len(units), 1))
        at_first = first[:, None] + np.hstack([zero, np.cumsum(steps[0], axis=1)])
        from_right = np.cumsum(steps[1][:, ::-1], axis=1)[:, ::-1]
        at_last = last[:, None] - np.hstack([from_right, zero])
        return cls(units, tolerance, bends, at_first, at_last)

    def take(self, kept: np.ndarray) -> _Bends:
        """Return some of the units."""
        return _Bends(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    def values(self, piece: _Piece) -> np.ndarray:
        """Return the values at the piece's knots, (m + 2, units)."""
        shares = piece.shares
        inner = shares[0] * self.at_first[:, 1:] + shares[1] * self.at_last[:, 1:]
        return np.vstack([self.at_first[:, 0], inner.T, self.at_last[:, -1]])


class _Walker:
    """Takes pieces of one network's line through its layers."""

    def __init__(self, net: ReLUNetwork, frame: LineFrame, outputs: bool) -> None:
        self.net, self.frame, self.outputs = net, frame, outputs
        self.segments, self.twin = Segments(net), Segments(absolute(net))
        self.last = len(net.relu_layers)
        self.columns = int(np.clip(_MEMORY // (8 * sum(net.widths)), 4, _MOST_KNOTS))

    def start(self) -> list[_Piece]:
        """Return the pieces between the frame's knots, the leftmost last."""
        ends = [self.end(knot) for knot in self.frame.knots]
        values = {"input": Kinks.none(self.net.input_shape)}
        return [
            _Piece(
                0,
                (ends[i], ends[i + 1]),
                self.frame.knots[i : i + 2],
                np.array([-1, -1]),
                np.zeros(0, np.int64),
                values,
            )
            for i in reversed(range(len(ends) - 1))
        ]

    def end(self, knot: np.ndarray) -> _End:
        """Return a point of the line."""
        return _End(self.net, knot, self.frame.columns)

    def push(self, piece: _Piece) -> _Pushed:
        """Return the piece with the preactivations of its layer (or the outputs)."""
        layer, reach = piece.layer, sum(piece.shares)
        before = [end.before(layer) for end in piece.ends]
        heights = np.empty(len(piece.columns))
        heights[piece.columns] = piece.heights
        largest, moved = {}, {}
        for name, kinks in piece.values.items():
            ends = np.maximum(*(np.abs(values[name]) for values in before))
            moved[name] = kink_kernel.sizes(kinks, heights).reshape(ends.shape)
            largest[name] = reach.max(initial=1.0) * ends + moved[name]
        rows = {name: np.concatenate([largest[name], moved[name]]) for name in largest}
        bounds = self.twin.bounds(rows, layer, np.array([1.0, 0.0]))
        first, last = (end.values(layer) for end in piece.ends)
        room = reach.min(initial=1.0) * np.minimum(np.abs(first), np.abs(last))
        sure = ((first > 0) == (last > 0)) & (room > bounds[1] + TOLERANCE * bounds[0])
        if layer == self.last:
            sure[:] = False
            wanted = ~sure
        else:
            deeper = layer + 1 < self.last or self.outputs
            wanted = ~sure | (deeper & ((first > 0) | (self.net.relu_layers[layer].slope != 0)))
        values = self.segments.push(piece.values, layer, wanted, len(piece.columns))
        sizes = {
            name: Kinks.of(size.reshape(-1, 1), size.shape[1:]) for name, size in largest.items()
        }
        terms = self.twin.push(sizes, layer, ~sure, 1, homogeneous=1.0)[self.segments.end(layer)]
        doubtful = np.flatnonzero(~sure)
        tolerance = TOLERANCE * kink_kernel.rows_of(terms, doubtful, 1)[:, 0]
        fields = {name: getattr(piece, name) for name in _Piece.__dataclass_fields__}
        return _Pushed(**{**fields, "values": values}, doubtful=doubtful, tolerance=tolerance)

    def bends(self, piece: _Pushed) -> _Bends:
        """Return the units of a piece that may change sign, looked at closely."""
        kinks = piece.values[self.segments.end(piece.layer)]
        found = _Bends.of(piece, kinks, piece.doubtful, piece.tolerance)
        first, last = found.at_first[:, 0], found.at_last[:, -1]
        moved = np.abs(found.kinks) @ piece.heights
        room = sum(piece.shares).min(initial=1.0) * np.minimum(np.abs(first), np.abs(last))
        sure = ((first > 0) == (last > 0)) & (room > moved + found.tolerance)
        return found.take(~sure)

    def cut(self, piece: _Pushed, found: Insertions) -> list[tuple]:
        """Return the arguments of `part` for parts with fewer knots, the leftmost last."""
        knots = found.knots(piece.knots)
        parts = -(-len(knots) // (self.columns // 2))
        cuts = np.linspace(0, len(knots) - 1, parts + 1).round().astype(int)
        ends = [piece.ends[0], *(self.end(knots[i]) for i in cuts[1:-1]), piece.ends[1]]
        return [
            (piece, found, cuts[i], cuts[i + 1], (ends[i], ends[i + 1]))
            for i in reversed(range(parts))
        ]

    def activate(
        self, piece: _Pushed, bends: _Bends, values_: np.ndarray, found: Insertions
    ) -> _Piece:
        """Return the piece behind its ReLU layer, with the new knots."""
        relu, name = self.net.graph.relus[piece.layer], self.segments.end(piece.layer)
        knots = found.knots(piece.knots)
        columns = np.full(len(knots), -1)
        columns[~found.fresh] = np.concatenate([[0], piece.columns, [0]])
        columns[found.fresh] = len(piece.columns) + np.arange(found.fresh.sum())
        columns = columns[1:-1]
        kinks, values = piece.values[name], dict(piece.values)
        graph = self.net.graph
        if graph.last_use[name] == graph.position[relu.name]:
            values.pop(name)
        slopes = self.net.slopes(piece.layer, piece.ends[0].values(piece.layer) > 0)
        rows = np.zeros((len(bends.units), len(columns)))
        rows[:, columns] = _activated(bends, found, values_, knots, relu.slope)
        factor = kinks.factor * slopes
        factor[bends.units] = 1.0
        values[relu.name] = Kinks(*kink_kernel.replaced(kinks, bends.units, rows), factor)
        layers = np.where(found.fresh, piece.layer, piece.layers[found.left])
        return _Piece(piece.layer + 1, piece.ends, knots, layers, columns, values)

    def finished(self, piece: _Piece) -> LinePart:
        """Return a piece behind the last linear segment, or before it if that is not wanted."""
        if not isinstance(piece, _Pushed):
            return LinePart(piece.knots, piece.layers, *self.no_outputs(len(piece.knots)))
        kinks = piece.values[self.segments.end(piece.layer)]
        found = _Bends.of(piece, kinks, piece.doubtful, piece.tolerance)
        return LinePart(piece.knots, piece.layers, found.values(piece), piece.tolerance)

    def no_outputs(self, knots: int) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs that were not asked for."""
        return np.zeros((knots, 0)), np.zeros(0)


def _activated(bends: _Bends, found: Insertions, values: np.ndarray, knots, slope) -> np.ndarray:
    """Return the kinks behind a ReLU layer at all inner knots, (units, knots).

    Where a unit does not switch, its kinks stay or vanish; where it does, its affine map is
    c * area(., knot) on each side, and the kink is the difference of the two.
    """
    after_old = np.flatnonzero(~found.fresh)
    active = ((values > bends.tolerance)[:-1]) | ((values > bends.tolerance)[1:])
    active[found.gap, found.unit] = values[found.gap, found.unit] > 0
    active = active[found.left[:-1]]
    for gap, unit, knot in zip(found.gap, found.unit, found.knot, strict=True):
        active[knot : after_old[gap + 1], unit] = values[gap + 1, unit] > 0
    multiplier = np.where(active, 1.0, slope).T
    kinks = np.zeros((len(bends.units), len(knots) - 2))
    kinks[:, ~found.fresh[1:-1]] = bends.kinks
    kinks *= multiplier[:, :-1]
    at, unit = np.nonzero(active[:-1] != active[1:])
    knot = knots[at + 1]
    areas = area(knots[0], knot), area(knots[-1], knot)
    first = np.abs(areas[0]) > np.abs(areas[1])  # the end where rounding counts least
    ends = np.where(first, areas[0], areas[1])
    sides = []
    for gap in (found.left[at], found.left[at + 1]):
        sides.append(np.where(first, bends.at_first[unit, gap], bends.at_last[unit, gap]) / ends)
    kinks[unit, at] = multiplier[unit, at + 1] * sides[1] - multiplier[unit, at] * sides[0]
    return kinks


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
    walker = _Walker(net, frame, outputs)
    stack: list = list(walker.start())
    while stack:
        if clock is not None and clock.expired():
            raise TimeoutError
        piece = stack.pop()
        if isinstance(piece, tuple):
            piece = piece[0].part(*piece[1:])
        elif piece.layer < walker.last or outputs:
            piece = walker.push(piece)
        if piece.layer == walker.last:
            yield walker.finished(piece)
            continue
        bends = walker.bends(piece)
        values = bends.values(piece)
        found = insertions(values, bends.tolerance)
        if piece.layer == walker.last - 1 and not outputs:
            layers = np.where(found.fresh, piece.layer, piece.layers[found.left])
            yield LinePart(found.knots(piece.knots), layers, *walker.no_outputs(len(layers)))
        elif len(found.left) > walker.columns + 2:
            stack += walker.cut(piece, found)
        else:
            stack.append(walker.activate(piece, bends, values, found))
