"""Where units change sign between a piece's knots: certified in float64, or settled exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.forms import within_reach
from regions.counting.exact.rounding import UNIT
from regions.counting.line.bend_kernel import Straight
from regions.counting.line.knots import Knots
from regions.counting.line.pieces import Pushed
from regions.counting.line.stretch import Point, Stretch, root


@dataclass(frozen=True)
class Crossings:
    """The signs of a layer's doubtful units at the knots, and the new knots between those.

    Attributes
    ----------
    signs : (units, m) int8 array
        The exact signs.
    gap, unit, knot : (changes,) int arrays
        Every change of sign between neighbouring knots: the old knot before it, the unit (by its
        index among the doubtful ones), and its knot among all, old and new.
    left : (n,) int array
        For every old and new knot the old knot at or before it.
    fresh : (n,) bool array
        Which knots are new.
    knots : Knots
        All of them.
    wrong : (units,) array
        The most that a value has that should have another sign.
    """

    signs: np.ndarray
    gap: np.ndarray
    unit: np.ndarray
    knot: np.ndarray
    left: np.ndarray
    fresh: np.ndarray
    knots: Knots
    wrong: np.ndarray

    def active(self) -> np.ndarray:
        """Return whether units are active between neighbouring knots, (units, n - 1)."""
        before, after = self.signs[:, :-1], self.signs[:, 1:]
        active = ((before > 0) | ((before == 0) & (after > 0)))[:, self.left[:-1]]
        # behind its knot, a unit that changes sign is what it is at the gap's end
        ends = np.append(np.flatnonzero(~self.fresh), len(self.fresh))[self.gap + 1]
        counts = ends - self.knot
        unit = np.repeat(self.unit, counts)
        at = np.repeat(self.knot + counts - np.cumsum(counts), counts) + np.arange(counts.sum())
        active[unit, at] ^= True
        return active


@dataclass
class Settler:
    """Settles on one stretch what float64 leaves in doubt.

    Attributes
    ----------
    certified : bool
        Whether error bounds are rigorous: not any more where they had to be cut, since exact
        arithmetic on the network is out of reach.
    doubtful : int
        Decisions that were taken in float64 and not certified.
    """

    stretch: Stretch
    effort: Effort | None = None
    certified: bool = True
    doubtful: int = 0

    @cached_property
    def reaches(self) -> bool:
        """Whether exact arithmetic is within reach."""
        return within_reach(self.stretch.net)

    def _check(self) -> None:
        if self.effort is not None:
            self.effort.check()

    def crossings(self, piece: Pushed, straight: Straight) -> Crossings:
        """Return the signs of a piece's doubtful units and where they change."""
        signs = straight.signs
        doubt, wrong = signs == 0, np.zeros(len(signs))
        if not self.certified:
            self.doubtful += signs.size
        if doubt.any():
            unit, knot = np.nonzero(doubt)
            signs[unit, knot] = self._signs(piece, unit, knot)
            other = ~(signs * straight.values > 0)
            wrong = np.where(other, np.abs(straight.values), 0.0).max(axis=1)
        gap, unit = np.nonzero((signs[:, :-1] * signs[:, 1:] < 0).T)
        found, knot = self._between(piece, straight, doubt, gap, unit)
        old = np.arange(len(piece.knots))
        left = np.concatenate([old, gap[np.unique(knot, return_index=True)[1]]])
        order = np.argsort(left, kind="stable")
        at = np.argsort(order)[len(old) :]
        knots = Knots.joined([piece.knots, found])[order]
        return Crossings(signs, gap, unit, at[knot], left[order], order >= len(old), knots, wrong)

    def _signs(self, piece: Pushed, unit: np.ndarray, knot: np.ndarray) -> np.ndarray:
        """Return the signs of units at old knots."""
        signs = np.zeros(len(unit), np.int8)
        if not self.reaches:
            self.doubtful += self._alive(piece, unit, knot) if self.certified else 0
            return signs
        knots, place = np.unique(knot, return_inverse=True)
        before, after = _beside(piece, knots)
        sides, numbers = np.unique([before, after], return_inverse=True)
        active, names = np.stack([piece.pattern(gap) for gap in sides]), piece.doubtful[unit]
        before, after = numbers.reshape(2, -1)
        # a unit that is zero on either side is zero at the knot
        zero = self.stretch.cancelled(piece.layer, active)
        open_ = ~(zero[before[place], names] | zero[after[place], names])
        for i in np.unique(place[open_]):
            self._check()
            here = np.flatnonzero(open_ & (place == i))
            pattern = active[before[i]]
            point = self._point(piece, int(knots[i]), pattern)
            signs[here] = self.stretch.signs(piece.layer, pattern, names[here], point)
        return signs

    def _alive(self, piece: Pushed, unit: np.ndarray, knot: np.ndarray) -> int:
        """Return how many of some units at knots are not known to be zero there."""
        left, right = _beside(piece, knot)
        open_ = np.ones(len(unit), np.bool_)
        for gap in np.unique([left, right]):
            self._check()
            here = np.flatnonzero((left == gap) | (right == gap))
            active, units = piece.pattern(int(gap))[None], piece.doubtful[unit[here]]
            open_[here] &= ~self.stretch.wiring.dead(piece.layer, active, units)[0]
        return int(open_.sum())

    def _point(self, piece: Pushed, knot: int, active: np.ndarray) -> tuple[int, int]:
        """Return the exact place of an old knot, given the activations before it."""
        knots = piece.knots
        if knots.exact[knot] is None:
            (form,) = self.stretch.units(int(knots.layers[knot]), active, knots.units[[knot]])
            knots.exact[knot] = root(form)
        return knots.exact[knot]

    def _between(
        self,
        piece: Pushed,
        straight: Straight,
        doubt: np.ndarray,
        gap: np.ndarray,
        unit: np.ndarray,
    ) -> tuple[Knots, np.ndarray]:
        """Return the new knots from left to right, and which of them each change of sign is."""
        places = piece.knots.places
        start, end = straight.values[unit, gap], straight.values[unit, gap + 1]
        low, high = places[gap], places[gap + 1]
        jump, exact = np.abs(start - end), np.empty(len(gap), dtype=object)
        place = np.clip(low + np.abs(start) / jump * (high - low), low, high)
        close = piece.close[unit] + straight.rounded[unit]
        spread = 1.01 * close * (high - low) / jump + 8 * UNIT
        after = straight.signs[unit, gap + 1].astype(int)
        new = _New(piece, gap, unit, low, high, place, spread, exact, after)
        unsure = doubt[unit, gap] | doubt[unit, gap + 1]
        if unsure.any():
            self._settle(new, np.flatnonzero(unsure))
        order = np.lexsort((place, gap))
        fresh = np.ones(len(gap), np.bool_)
        for first, last in new.clusters(order):
            if not self.reaches:
                self.doubtful += last - first - 1
                fresh[first + 1 : last] = False
                continue
            groups = self._sorted(new, list(order[first:last]))
            order[first:last] = [member for group in groups for member in group]
            fresh[first:last] = [i == 0 for group in groups for i in range(len(group))]
        knot = np.empty(len(gap), np.int64)
        knot[order] = np.cumsum(fresh) - 1
        kept = order[fresh]
        layers = np.full(len(kept), piece.layer)
        units = piece.doubtful[unit[kept]]
        return Knots(place[kept], spread[kept], layers, units, exact[kept]), knot

    def _settle(self, new: _New, members: np.ndarray) -> None:
        """Find exact places of some changes of sign."""
        piece = new.piece
        for gap in np.unique(new.gap[members]):
            self._check()
            here = members[new.gap[members] == gap]
            units = piece.doubtful[new.unit[here]]
            forms = self.stretch.units(piece.layer, piece.pattern(gap), units)
            for i, form in zip(here, forms, strict=True):
                new.put(i, root(form))

    def _sorted(self, new: _New, members: list[int]) -> list[list[int]]:
        """Return the changes of sign in one gap from left to right; equal ones in one group.

        One of them is found exactly, and the others' signs there tell on which side they are.
        """
        if not members:
            return []
        self._check()
        piece, pivot = new.piece, members[len(members) // 2]
        if new.exact[pivot] is None:
            self._settle(new, np.array([pivot]))
        point, gap = new.exact[pivot], new.gap[pivot]
        units = piece.doubtful[new.unit[members]]
        signs = self.stretch.signs(piece.layer, piece.pattern(gap), units, point)
        sides: dict[int, list[int]] = {-1: [], 0: [], 1: []}
        for member, sign in zip(members, signs, strict=True):
            # a unit that has its new sign there has changed it before
            sides[-sign * new.after[member]].append(member)
        for member in sides[0]:
            new.put(member, point)
        return [*self._sorted(new, sides[-1]), sides[0], *self._sorted(new, sides[1])]


def _beside(piece: Pushed, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gaps before and behind knots; at an end both are the one there."""
    return np.maximum(knots - 1, 0), np.minimum(knots, len(piece.knots) - 2)


class _New(NamedTuple):
    """Changes of sign between neighbouring knots, in any order; their places change in place."""

    piece: Pushed
    gap: np.ndarray
    unit: np.ndarray
    low: np.ndarray
    high: np.ndarray
    place: np.ndarray
    spread: np.ndarray
    exact: np.ndarray
    after: np.ndarray

    def put(self, member: int, point: Point) -> None:
        """Set the exact place of one."""
        at = point[0] / point[1]
        self.exact[member] = point
        self.place[member] = min(max(at, self.low[member]), self.high[member])
        self.spread[member] = abs(self.place[member] - at) + 2 * UNIT

    def clusters(self, order: np.ndarray) -> list[tuple[int, int]]:
        """Return where, in their order, there are some that may coincide or be the other way."""
        gap, low, high = self.gap[order], self.low[order], self.high[order]
        # a knot lies in its gap, however little is known of its place there
        least = np.fmax((self.place - self.spread)[order], low)
        most = np.fmin((self.place + self.spread)[order], high)
        behind = np.minimum.accumulate(least[::-1])[::-1]
        apart = (gap[1:] != gap[:-1]) | (np.maximum.accumulate(most)[:-1] < behind[1:])
        edges = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(order)]])
        crowded = np.flatnonzero(np.diff(edges) > 1)
        return [(int(edges[i]), int(edges[i + 1])) for i in crowded]
