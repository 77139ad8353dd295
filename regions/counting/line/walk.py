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
from dataclasses import dataclass

import numpy as np

from regions.counting.effort import Effort
from regions.counting.line import kink_kernel
from regions.counting.line.kinks import Kinks, Segments
from regions.counting.line.knots import Insertions, LineFrame, insertions
from regions.counting.line.pieces import Bends, End, Piece, Pushed, width_of
from regions.counting.plane.chain import TOLERANCE, absolute
from regions.networks import ReLUNetwork

_MEMORY = 2**30  # bytes that the kinks of one piece may take, if none were zero
_MOST_KNOTS = 704
# Knots are rounded to some 1e-16 of the line's size, and a value bends there by its kink: so much
# of the kinks counts among the terms of a sum, of which TOLERANCE counts as zero.
_ROUNDED = 0.01


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


class _Walker:
    """Takes pieces of one network's line through its layers."""

    def __init__(self, net: ReLUNetwork, frame: LineFrame, outputs: bool) -> None:
        self.net, self.frame, self.outputs = net, frame, outputs
        self.segments, self.twin = Segments(net), Segments(absolute(net))
        self.last = len(net.relu_layers)
        self.columns = int(np.clip(_MEMORY // (8 * sum(net.widths)), 4, _MOST_KNOTS))

    def start(self) -> list[Piece]:
        """Return the pieces between the frame's knots, the leftmost last."""
        ends = [self.end(knot) for knot in self.frame.knots]
        values = {"input": Kinks.none(self.net.input_shape)}
        return [
            Piece(
                0,
                (ends[i], ends[i + 1]),
                self.frame.knots[i : i + 2],
                np.array([-1, -1]),
                np.zeros(0, np.int64),
                values,
            )
            for i in reversed(range(len(ends) - 1))
        ]

    def end(self, knot: np.ndarray) -> End:
        """Return a point of the line."""
        return End(self.net, knot, self.frame.columns)

    def push(self, piece: Piece) -> Pushed:
        """Return the piece with the preactivations of its layer (or the outputs)."""
        layer, (least, most) = piece.layer, piece.reach
        before = [end.before(layer) for end in piece.ends]
        heights = np.zeros(piece.width)
        heights[piece.columns] = piece.heights
        largest, moved = {}, {}
        for name, kinks in piece.values.items():
            ends = np.maximum(*(np.abs(values[name]) for values in before))
            everyone = np.ones(ends.size, np.bool_)
            high, total = kink_kernel.sizes(kinks, heights, everyone)
            moved[name] = high.reshape(ends.shape)
            largest[name] = most * ends + moved[name] + _ROUNDED * total.reshape(ends.shape)
        rows = {name: np.concatenate([largest[name], moved[name]]) for name in largest}
        bounds = self.twin.bounds(rows, layer, np.array([1.0, 0.0]))
        first, last = (end.values(layer) for end in piece.ends)
        room = least * np.minimum(np.abs(first), np.abs(last)) - TOLERANCE * bounds[0]
        same = (first > 0) == (last > 0)
        unsure, feeding = ~(same & (room > bounds[1])), np.zeros(len(first), np.bool_)
        if layer == self.last:
            unsure[:] = True
        elif layer + 1 < self.last or self.outputs:
            feeding = (first > 0) | (self.net.relu_layers[layer].slope != 0)
        values = self.segments.push(piece.values, layer, unsure | feeding, piece.width)
        if layer < self.last:
            kinks = values[self.segments.end(layer)]
            unsure &= ~(same & (room > kink_kernel.sizes(kinks, heights, unsure)[0]))
        sizes = {
            name: Kinks.of(size.reshape(-1, 1), size.shape[1:]) for name, size in largest.items()
        }
        terms = self.twin.push(sizes, layer, unsure, 1, homogeneous=1.0)[self.segments.end(layer)]
        doubtful = np.flatnonzero(unsure)
        tolerance = TOLERANCE * kink_kernel.rows_of(terms, doubtful, 1)[:, 0]
        fields = {name: getattr(piece, name) for name in Piece.__dataclass_fields__}
        return Pushed(**{**fields, "values": values}, doubtful=doubtful, tolerance=tolerance)

    def bends(self, piece: Pushed) -> Bends:
        """Return the doubtful units of a piece, looked at closely."""
        kinks = piece.values[self.segments.end(piece.layer)]
        return Bends.of(piece, kinks, piece.doubtful, piece.tolerance)

    def cut(self, piece: Pushed, found: Insertions) -> list[tuple]:
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
        self, piece: Pushed, bends: Bends, at_knots: np.ndarray, found: Insertions
    ) -> Piece:
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
        rows = np.zeros((len(bends.units), width_of(len(columns))))
        rows[:, columns] = bends.activated(found, at_knots, knots, relu.slope)
        factor = kinks.factor * slopes
        factor[bends.units] = 1.0
        values[relu.name] = kinks.replaced(bends.units, rows, factor, self.segments.memory)
        layers = np.where(found.fresh, piece.layer, piece.layers[found.left])
        return Piece(piece.layer + 1, piece.ends, knots, layers, columns, values)

    def finished(self, piece: Piece) -> LinePart:
        """Return a piece behind the last linear segment, or before it if that is not wanted."""
        if not isinstance(piece, Pushed):
            return LinePart(piece.knots, piece.layers, *self.no_outputs(len(piece.knots)))
        found = self.bends(piece)
        return LinePart(piece.knots, piece.layers, found.values(piece), piece.tolerance)

    def no_outputs(self, knots: int) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs that were not asked for."""
        return np.zeros((knots, 0)), np.zeros(0)


def walk(
    net: ReLUNetwork, frame: LineFrame, *, outputs: bool = False, effort: Effort | None = None
) -> Iterator[LinePart]:
    """Yield the line in parts from left to right; neighbouring parts share a knot.

    Without `outputs` the last linear segment is not computed.

    Raises
    ------
    TimeoutError
        When the effort's time limit is over.
    """
    walker = _Walker(net, frame, outputs)
    stack: list = list(walker.start())
    while stack:
        if effort is not None:
            effort.check()
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
