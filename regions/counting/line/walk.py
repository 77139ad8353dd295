"""Breakpoints along a line, carried layer by layer.

A piece of the line holds *knots*: the points between which everything so far is affine. Its values
are those at its two ends and the kinks at the knots between them. A layer's preactivations at two
neighbouring knots tell which units change sign between them and where; there new knots are
inserted. Kinks are bounded before they are computed: a unit whose preactivation keeps its sign
between the ends by more than all kinks together can change needs no closer look, and none of its
kinks if it is inactive. Pieces are taken through the layers depth first, from left to right, and
cut when they hold many knots, so that memory stays bounded.

Which unit has which sign at which knot, and in which order knots lie, is always exactly right: a
piece carries a bound of how far each of its values, all along, may be from the exact one, and what
lies within it is settled in exact arithmetic. Linear segments add their rounding errors to that
bound, as a share of the terms that are added up, and pass on what was there; ReLU layers add how
far values are from zero at the knots where they are bent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.rounding import UNIT
from regions.counting.line import kink_kernel
from regions.counting.line.bend_kernel import Straight, straighten
from regions.counting.line.crossings import Crossings, Settler
from regions.counting.line.errors import LEAST, MORE, Errors, Flipped
from regions.counting.line.kinks import Kinks
from regions.counting.line.knots import Knots, LineFrame
from regions.counting.line.pieces import Flips, Piece, Pushed
from regions.counting.line.stretch import Stretch
from regions.networks import ReLUNetwork, State
from regions.networks.pieces import Pieces

_MEMORY = 2**29  # bytes that the kinks of one piece may take
_MOST_KNOTS, _FEWEST_KNOTS = 704, 4
_CLOSELY = 64  # bytes that looking closely at a unit takes at every knot
_SPREAD = 4  # how much farther than before a segment may take kinks


@dataclass(frozen=True)
class LinePart:
    """A piece of the line with all its breakpoints.

    Attributes
    ----------
    knots : (m, 2) array
        Its ends and the breakpoints between them, from left to right, in the frame's coordinates.
    layers : (m,) int array
        The ReLU layer where a unit changes its piece there; -1 at the two ends, and where only
        switches of maxima change (`regions.networks.pieces`).
    bends : (m,) bool array
        Where the outputs bend (nowhere, if they were not asked for).
    first, last : (hidden units,) bool array
        The activations in the first gap and the last one.
    flips : Flips
        Which units switch at which of its knots.
    blur : (m,) array
        How far the knots' two coordinates can be off.
    end : float
        The place where it ends, in the coordinate of its stretch.
    doubtful : int
        Decisions that were taken in float64 and not certified.
    """

    knots: np.ndarray
    layers: np.ndarray
    bends: np.ndarray
    first: np.ndarray
    last: np.ndarray
    flips: Flips
    blur: np.ndarray
    end: float
    doubtful: int = 0

    def switches(self, before: np.ndarray | None) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield every breakpoint's knot, and the activations before and behind it.

        `before` are those at the end of the part to the left, if there is one.
        """
        active = self.first
        if before is not None and (before != active).any():
            yield 0, before, active
        order = np.argsort(self.flips.knots, kind="stable")
        knots, starts = np.unique(self.flips.knots[order], return_index=True)
        for knot, units in zip(
            knots.tolist(), np.split(self.flips.units[order], starts[1:]), strict=False
        ):
            after = active ^ (np.bincount(units, minlength=len(active)) % 2 == 1)
            yield knot, active, after
            active = after


class Walker:
    """Takes pieces of one stretch of a network's line through its layers."""

    def __init__(
        self, net: ReLUNetwork, stretch: Stretch, outputs: bool, effort: Effort | None
    ) -> None:
        self.net, self.stretch, self.outputs = net, stretch, outputs
        self.settler = Settler(stretch, effort)
        self.errors = Errors(net, outputs, self.settler)
        self.segments = self.errors.segments
        self.last = len(net.relu_layers)
        sizes = [layer.size for layer in net.relu_layers]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.pieces = Pieces(net.graph)

    def piece(self, first: float, last: float) -> Piece:
        """Return the piece between two places, before the first layer."""
        net, knots = self.net, Knots.between(first, last)
        inputs, _ = self.stretch.inputs(knots.places)
        errors = self.stretch.input_errors
        return Piece(
            0,
            knots,
            np.zeros(0, np.int64),
            {"input": Kinks.none(net.input_shape)},
            dict(net.start(inputs).values),
            {"input": errors},
            {"input": 2 * errors / (last - first)} if self.outputs else {},
            np.zeros(self.starts[-1], np.bool_),
            Flips(np.zeros(0, np.int64), np.zeros(0, np.int64)),
        )

    def push(self, piece: Piece) -> Pushed:
        """Return the piece with the preactivations of its layer (or the outputs)."""
        layer, end = piece.layer, self.segments.end(piece.layer)
        made, homogeneous = self.errors.rounding(piece)
        rows = {name: self.errors.with_errors(row, piece, name) for name, row in made.items()}
        bounds = self.errors.twin.bounds(rows, layer, homogeneous)
        biases = self.stretch.knots(piece.knots.places[[0, -1]])[:, 1]
        (first, last), state = self.net.advance(State(piece.ends), layer, biases)
        errors, tilts = dict(piece.errors), dict(piece.tilts)
        for name in state.values.keys() - piece.ends.keys():
            errors[name] = MORE * bounds[name][0].ravel() + LEAST
            if self.outputs:
                tilts[name] = MORE * bounds[name][2].ravel() + LEAST
        together = self.errors.together(piece, made, homogeneous, errors, tilts)
        moved = MORE * bounds[end][1].ravel() + LEAST
        room = np.minimum(np.abs(first), np.abs(last)) - errors[end]
        same = (first > 0) == (last > 0)
        unsure, feeding = ~(same & (room > moved)), np.zeros(len(first), np.bool_)
        if layer == self.last:
            unsure[:] = True
        elif layer + 1 < self.last or self.outputs:
            feeding = (first > 0) | (self.net.relu_layers[layer].slope != 0)
        values = self.segments.push(piece.values, layer, unsure | feeding, piece.width)
        if layer < self.last:
            high = kink_kernel.sizes(values[end], piece.heights, unsure)[0]
            unsure &= ~(same & (room > MORE * high + LEAST))
            self._drop_dead(piece, unsure, (first == 0.0) & (last == 0.0) & (high == 0.0))
        doubtful, names = np.flatnonzero(unsure), set(state.values)
        self.errors.sharpen(piece, rows, homogeneous, unsure, (errors, tilts))
        fields = {name: getattr(piece, name) for name in Piece.__dataclass_fields__}
        fields["together"] = together
        fields["values"], fields["ends"] = values, dict(state.values)
        fields["errors"] = {name: error for name, error in errors.items() if name in names}
        fields["tilts"] = {name: tilt for name, tilt in tilts.items() if name in names}
        return Pushed(
            **fields, end=end, doubtful=doubtful, close=errors[end][doubtful], positive=first > 0
        )

    def _drop_dead(self, piece: Piece, unsure: np.ndarray, zero: np.ndarray) -> None:
        """Take units out of `unsure` that nothing reaches all along, of those that look zero."""
        units = np.flatnonzero(unsure & zero)
        if len(units):
            dead = self.stretch.wiring.dead(piece.layer, piece.ever[None], units)[0]
            unsure[units[dead]] = False

    def straight(self, piece: Pushed) -> Straight:
        """Return the doubtful units of a piece, looked at closely."""
        rows = kink_kernel.rows_of(piece.values[piece.end], piece.doubtful, piece.width)
        ends = piece.ends[piece.end].reshape(2, -1)[:, piece.doubtful]
        knots = piece.knots
        return straighten(ends, rows[:, piece.columns], knots.places, knots.errors, piece.close)

    def most(self, piece: Pushed) -> int:
        """Return how many knots a piece may have behind its ReLU layer.

        Kinks that were made not far before reach few positions: what they take in the next segment
        is foreseen from the share of values that have any.
        """
        numbers = sum(len(kinks.entries) for kinks in piece.values.values())
        full = max(len(piece.columns), 1) * sum(len(k.factor) for k in piece.values.values())
        share = min(1.0, _SPREAD * numbers / max(full, 1))
        room = 8 * share * self.segments.rooms[piece.layer + 1] + _CLOSELY * len(piece.doubtful)
        return int(np.clip(_MEMORY / max(room, 1.0), _FEWEST_KNOTS, _MOST_KNOTS))

    def cut(self, piece: Pushed, found: Crossings) -> list[tuple]:
        """Return the arguments of `part` for parts with fewer knots, the leftmost last.

        There are none where there are not too many knots, or none where it can be cut.
        """
        knots, most = found.knots, self.most(piece)
        if len(knots) <= most + 2:
            return []
        parts = -(-len(knots) // (most // 2))
        gaps = np.diff(knots.places) - 2 * (knots.errors[1:] + knots.errors[:-1])
        chosen: list[int] = []
        for at in np.linspace(0, len(gaps), parts + 1)[1:-1].astype(int):
            near = np.arange(max(0, at - 8), min(len(gaps), at + 8))
            best = int(near[np.argmax(np.nan_to_num(gaps[near], nan=-1.0))])
            if gaps[best] > 8 * UNIT and best not in chosen:
                chosen.append(best)
        if not chosen:
            return []
        middle = (knots.places[:-1] + knots.places[1:])[sorted(chosen)] / 2
        places = [knots.places[0], *middle, knots.places[-1]]
        within = [0, *found.left[sorted(chosen)], len(piece.knots) - 2]
        return [
            (piece, within[i], within[i + 1], float(places[i]), float(places[i + 1]))
            for i in reversed(range(len(within) - 1))
        ]

    def behind(self, piece: Pushed, found: Crossings, active: np.ndarray) -> Piece:
        """Return the piece behind its ReLU layer with all but its values."""
        layer, start = piece.layer, self.starts[piece.layer]
        pattern = piece.active.copy()
        pattern[start : self.starts[layer + 1]] = piece.positive
        pattern[start + piece.doubtful] = active[:, 0]
        columns = np.full(len(found.knots), -1)
        columns[~found.fresh] = np.concatenate([[0], piece.columns, [0]])
        columns[found.fresh] = len(piece.columns) + np.arange(found.fresh.sum())
        unit, gap = np.nonzero(active[:, 1:] != active[:, :-1])
        old, units = np.flatnonzero(~found.fresh)[piece.flips.knots], start + piece.doubtful[unit]
        flips = Flips(np.concatenate([old, gap + 1]), np.concatenate([piece.flips.units, units]))
        return Piece(layer + 1, found.knots, columns[1:-1], {}, {}, {}, {}, pattern, flips)

    def activate(self, piece: Pushed, straight: Straight, found: Crossings) -> Piece:
        """Return the piece behind its ReLU layer, with the new knots."""
        layer, relu, active = piece.layer, self.net.graph.relus[piece.layer], found.active()
        after = self.behind(piece, found, active)
        if layer == self.last - 1 and not self.outputs:
            return after
        ends = np.stack([piece.positive, piece.positive])
        ends[:, piece.doubtful] = active[:, [0, -1]].T
        state = self.net.activate(State(piece.ends), layer, self.net.slopes(layer, ends))
        kinks, doubtful = piece.values[piece.end], piece.doubtful
        old = kink_kernel.rows_of(kinks, doubtful, piece.width)[:, piece.columns]
        rows = np.zeros((len(doubtful), after.width))
        rows[:, after.columns] = _bent(straight, found, active, relu.slope, old)
        multiplier = self.net.slopes(layer, piece.positive)
        factor = kinks.factor * multiplier
        factor[doubtful] = 1.0
        values = {name: value for name, value in piece.values.items() if name in state.values}
        values[relu.name] = kinks.replaced(doubtful, rows, factor)
        flips = Flipped.of(straight, found, active)
        added = self.errors.added(piece, straight, flips, found.wrong)
        errors, tilts = dict(piece.errors), dict(piece.tilts)
        most = np.abs(multiplier)
        most[doubtful] = max(1.0, abs(relu.slope))
        for bounds, extra in zip((errors, tilts), added, strict=False):
            bounds[relu.name] = bounds[piece.end] * most + extra
            for name in bounds.keys() - state.values.keys():
                del bounds[name]
        if piece.together is not None:
            after = replace(
                after, together=self.errors.bent_together(piece, straight, found, active, added)
            )
        return replace(after, values=values, ends=dict(state.values), errors=errors, tilts=tilts)

    def finished(self, piece: Piece) -> LinePart:
        """Return a piece behind the last ReLU layer, or behind the last linear segment."""
        knots, inner = piece.knots, np.zeros(len(piece.knots), np.bool_)
        layers = knots.layers
        if self.pieces.maxima:
            layers = self._broken(piece)
        if isinstance(piece, Pushed):
            inner[1:-1] = self._bends(piece, layers[1:-1] >= 0)
        last = piece.pattern(len(knots) - 2)
        doubtful, self.settler.doubtful = self.settler.doubtful, 0
        blur = knots.errors * np.abs(np.diff(self.stretch.ends, axis=0)).max() + 4 * UNIT
        return LinePart(
            knots=self.stretch.knots(knots.places),
            layers=layers,
            bends=inner,
            first=piece.active,
            last=last,
            flips=piece.flips,
            blur=blur,
            doubtful=doubtful,
            end=float(knots.places[-1]),
        )

    def _broken(self, piece: Piece) -> np.ndarray:
        """Return the layers of the knots, -1 where only switches of maxima change."""
        layers, active, flips = piece.knots.layers.copy(), piece.active.copy(), piece.flips
        order = np.argsort(flips.knots, kind="stable")
        units, at = flips.units[order], flips.knots[order]
        for group in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at)) + 1):
            if len(group):
                before, switched = active.copy(), units[group]
                active[switched] ^= True
                layers[at[group[0]]] = self.pieces.first_change(before, active, switched)
        return layers

    def _bends(self, piece: Pushed, broken: np.ndarray) -> np.ndarray:
        """Tell at which inner knots the outputs bend, of those where a unit changes its piece."""
        kinks = kink_kernel.rows_of(piece.values[piece.end], piece.doubtful, piece.width)
        kinks = np.abs(kinks[:, piece.columns])
        bends = (kinks > 2 * piece.tilts[piece.end][:, None]).any(axis=0) & broken
        for knot in np.flatnonzero(~bends & broken):
            before, after = piece.pattern(int(knot)), piece.pattern(int(knot) + 1)
            if self.settler.reaches:
                bends[knot] = self.stretch.bends(before, after)
            else:
                self.settler.doubtful += 1
        return bends


def _bent(
    straight: Straight, found: Crossings, active: np.ndarray, slope: float, old: np.ndarray
) -> np.ndarray:
    """Return the kinks behind a ReLU layer at all inner knots, (units, knots).

    Where a unit does not switch, its kinks stay or vanish; where it does, its affine map is
    c * (s - knot) on each side, and the kink is the difference of the two.
    """
    places = found.knots.places
    multiplier = np.where(active, 1.0, slope)
    kinks = np.zeros((len(active), len(places) - 2))
    kinks[:, ~found.fresh[1:-1]] = old
    kinks *= multiplier[:, :-1]
    unit, at = np.nonzero(active[:, :-1] != active[:, 1:])
    knot = places[at + 1]
    ways = places[0] - knot, places[-1] - knot
    first = np.abs(ways[0]) > np.abs(ways[1])  # the end where rounding counts least
    way = np.where(first, ways[0], ways[1])
    sides = []
    for gap in (found.left[at], found.left[at + 1]):
        ends = np.where(first, straight.at_first[unit, gap], straight.at_last[unit, gap])
        sides.append(ends / way)
    kinks[unit, at] = multiplier[unit, at + 1] * sides[1] - multiplier[unit, at] * sides[0]
    return kinks


def walk(
    net: ReLUNetwork, frame: LineFrame, *, outputs: bool = False, effort: Effort | None = None
) -> Iterator[LinePart]:
    """Yield the line in parts from left to right; with `outputs`, also where these bend.

    Raises
    ------
    OutOfTime
        When the effort's time limit is over.
    """
    parts = (
        part
        for number in range(len(frame.knots) - 1)
        for part in walk_between(net, frame, number, (-1.0, 1.0), outputs, effort)
    )
    return joined(net, frame, parts, outputs)


def walk_between(
    net: ReLUNetwork,
    frame: LineFrame,
    number: int,
    places: tuple[float, float],
    outputs: bool,
    effort: Effort | None,
) -> Iterator[LinePart]:
    """Yield what lies between two places on a stretch of the line, in parts to be joined."""
    walker = Walker(net, Stretch(net, frame, number), outputs, effort)
    stack: list = [walker.piece(*places)]
    while stack:
        if effort is not None:
            effort.check()
        piece = stack.pop()
        with np.errstate(all="ignore"):
            if isinstance(piece, tuple):
                piece = piece[0].part(*piece[1:])
            elif piece.layer < walker.last or outputs:
                piece = walker.push(piece)
            if piece.layer < walker.last:
                stack += _behind(walker, piece)
                continue
            part = walker.finished(piece)
        yield part


def _behind(walker: Walker, piece: Pushed) -> list:
    """Return the piece behind its ReLU layer, or how to cut it before that, the leftmost last."""
    straight = walker.straight(piece)
    found = walker.settler.crossings(piece, straight)
    last = piece.layer == walker.last - 1 and not walker.outputs
    parts = [] if last else walker.cut(piece, found)
    return parts or [walker.activate(piece, straight, found)]


def joined(
    net: ReLUNetwork, frame: LineFrame, parts: Iterable[LinePart], outputs: bool
) -> Iterator[LinePart]:
    """Yield parts with the breakpoints where they meet: a part is cut anywhere, and may be there.

    Such a breakpoint becomes the first knot of the part behind it.
    """
    pieces = Pieces(net.graph)
    settler, before = Settler(Stretch(net, frame, 0)), None
    for part in parts:
        switched = np.flatnonzero(before != part.first) if before is not None else np.arange(0)
        broken = -1
        if before is not None and len(switched):
            broken = pieces.first_change(before, part.first, switched)
        if before is not None and broken >= 0:
            layers, bends, doubtful = part.layers.copy(), part.bends.copy(), part.doubtful
            layers[0] = broken
            if outputs:
                bends[0] = not settler.reaches or settler.stretch.bends(before, part.first)
                doubtful += not settler.reaches
            part = replace(part, layers=layers, bends=bends, doubtful=doubtful)
        before = part.last
        yield part
