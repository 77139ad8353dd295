"""A piece of a line: its knots, its values at both ends, and the kinks between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regions.counting.line import kink_kernel
from regions.counting.line.kinks import Kinks
from regions.counting.line.knots import Insertions, area
from regions.networks import ReLUNetwork, State


class End:
    """A point of the line, and the values of every layer there."""

    def __init__(self, net: ReLUNetwork, knot: np.ndarray, columns: np.ndarray) -> None:
        self.net, self.knot = net, knot
        self._before = [net.start(knot[None] @ columns)]
        self._values: list[np.ndarray] = []
        self._after: list[State] = []

    def before(self, layer: int) -> dict[str, np.ndarray]:
        """Return the values that segment `layer` reads, each of shape (1, *shape)."""
        while len(self._before) <= layer:
            done = len(self._before) - 1
            active = self.values(done)[None] > 0
            slopes = self.net.slopes(done, active)
            self._before.append(self.net.activate(self._after[done], done, slopes))
        return dict(self._before[layer].values)

    def values(self, layer: int) -> np.ndarray:
        """Return the preactivations of a layer (or the outputs)."""
        while len(self._values) <= layer:
            done = len(self._values)
            state = State(self.before(done))
            values, after = self.net.advance(state, done, self.knot[1:])
            self._values.append(values[0])
            self._after.append(after)
        return self._values[layer]


@dataclass(frozen=True)
class Piece:
    """A piece of the line before linear segment `layer` (behind it: `Pushed`).

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
    ends: tuple[End, End]
    knots: np.ndarray
    layers: np.ndarray
    columns: np.ndarray
    values: dict[str, Kinks]

    @property
    def width(self) -> int:
        """How many columns `values` has."""
        return width_of(len(self.columns))

    @cached_property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """How inner knots mix the two ends."""
        (first, last), inner = self.knots[[0, -1]], self.knots[1:-1]
        span = area(last, first)
        return area(last, inner) / span, area(inner, first) / span

    @cached_property
    def reach(self) -> tuple[float, float]:
        """The least and the most that the shares of a knot add up to (1 at points)."""
        total = self.shares[0] + self.shares[1]
        return float(total.min(initial=1.0)), float(total.max(initial=1.0))

    @cached_property
    def heights(self) -> np.ndarray:
        """The most that a kink of 1 at an inner knot moves a value between the ends."""
        return self.shares[1] * area(self.knots[-1], self.knots[1:-1])


@dataclass(frozen=True)
class Pushed(Piece):
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

    def part(self, found: Insertions, low: int, high: int, ends: tuple[End, End]) -> Pushed:
        """Return the part between two of the knots that `found` gives."""
        knots, fresh = found.knots(self.knots), found.fresh
        layers = np.where(fresh, self.layer, self.layers[found.left])
        kept = np.concatenate([[low], low + 1 + np.flatnonzero(~fresh[low + 1 : high]), [high]])
        columns = self.columns[found.left[kept[1:-1]] - 1]
        new = np.full(self.width, -1)
        new[np.sort(columns)] = np.arange(len(columns))
        values = {
            name: Kinks(*kink_kernel.taken(kinks, new), kinks.factor)
            for name, kinks in self.values.items()
        }
        fields = {"knots": knots[kept], "layers": layers[kept], "columns": new[columns]}
        return replace(self, ends=ends, values=values, **fields)


def width_of(knots: int) -> int:
    """Return how many columns are kept for the kinks at so many knots: a multiple of 8.

    Rows of such a length go through the vector units of a processor without a rest.
    """
    return -(-knots // 8) * 8


@dataclass(frozen=True)
class Bends:
    """Some units of a piece: their kinks, and their affine maps between neighbouring knots.

    `at_first` and `at_last`, (units, m + 1), are what the maps say at the piece's two ends.
    """

    units: np.ndarray
    tolerance: np.ndarray
    kinks: np.ndarray
    at_first: np.ndarray
    at_last: np.ndarray

    @classmethod
    def of(cls, piece: Piece, kinks: Kinks, units: np.ndarray, tolerance: np.ndarray) -> Bends:
        """Return the bends of some units of a piece."""
        first, last = (end.values(piece.layer)[units] for end in piece.ends)
        inner = piece.knots[1:-1]
        bends = kink_kernel.rows_of(kinks, units, piece.width)[:, piece.columns]
        steps = bends * area(piece.knots[0], inner), bends * area(piece.knots[-1], inner)
        zero = np.zeros((len(units), 1))
        at_first = first[:, None] + np.hstack([zero, np.cumsum(steps[0], axis=1)])
        from_right = np.cumsum(steps[1][:, ::-1], axis=1)[:, ::-1]
        at_last = last[:, None] - np.hstack([from_right, zero])
        return cls(units, tolerance, bends, at_first, at_last)

    def values(self, piece: Piece) -> np.ndarray:
        """Return the values at the piece's knots, (m + 2, units)."""
        shares = piece.shares
        inner = shares[0] * self.at_first[:, 1:] + shares[1] * self.at_last[:, 1:]
        return np.vstack([self.at_first[:, 0], inner.T, self.at_last[:, -1]])

    def activated(
        self, found: Insertions, values: np.ndarray, knots: np.ndarray, slope: float
    ) -> np.ndarray:
        """Return the kinks behind a ReLU layer at all inner knots, (units, knots).

        Where a unit does not switch, its kinks stay or vanish; where it does, its affine map is
        c * area(., knot) on each side, and the kink is the difference of the two.
        """
        after_old = np.flatnonzero(~found.fresh)
        active = ((values > self.tolerance)[:-1]) | ((values > self.tolerance)[1:])
        active[found.gap, found.unit] = values[found.gap, found.unit] > 0
        active = active[found.left[:-1]]
        for gap, unit, knot in zip(found.gap, found.unit, found.knot, strict=True):
            active[knot : after_old[gap + 1], unit] = values[gap + 1, unit] > 0
        multiplier = np.where(active, 1.0, slope).T
        kinks = np.zeros((len(self.units), len(knots) - 2))
        kinks[:, ~found.fresh[1:-1]] = self.kinks
        kinks *= multiplier[:, :-1]
        at, unit = np.nonzero(active[:-1] != active[1:])
        knot = knots[at + 1]
        areas = area(knots[0], knot), area(knots[-1], knot)
        first = np.abs(areas[0]) > np.abs(areas[1])  # the end where rounding counts least
        ends = np.where(first, areas[0], areas[1])
        sides = []
        for gap in (found.left[at], found.left[at + 1]):
            sides.append(np.where(first, self.at_first[unit, gap], self.at_last[unit, gap]) / ends)
        kinks[unit, at] = multiplier[unit, at + 1] * sides[1] - multiplier[unit, at] * sides[0]
        return kinks
