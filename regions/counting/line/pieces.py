"""A piece of a line: its knots, its values at both ends, and the kinks between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.line import kink_kernel
from regions.counting.line.ellipsoids import Ellipsoids
from regions.counting.line.kinks import Kinks
from regions.counting.line.knots import Knots


@dataclass(frozen=True)
class Flips:
    """Which hidden units switch at which of a piece's knots."""

    knots: np.ndarray
    units: np.ndarray

    def pattern(self, active: np.ndarray, gap: int) -> np.ndarray:
        """Return the activations behind knot `gap`, from those in the first gap."""
        units = self.units[self.knots <= gap]
        if len(units) == 0:
            return active
        flipped, times = np.unique(units, return_counts=True)
        found = active.copy()
        found[flipped] ^= times % 2 == 1
        return found


@dataclass(frozen=True)
class Piece:
    """A piece of the line before linear segment `layer` (behind it: `Pushed`).

    Its functions are given by their values at the two ends, and by their kinks.

    Attributes
    ----------
    knots : Knots
        Its two ends, which are exact, and m knots between them.
    columns : (m,) int array
        Where the inner knots' kinks are in `values`.
    values : mapping of Kinks
    ends : mapping of (2, *shape) arrays
    errors : mapping of (units,) arrays
        How far every value, all along the piece, may be from the exact one.
    tilts : mapping of (units,) arrays
        The same for slopes between knots.
    active : (hidden units,) bool array
        Activations of the layers before `layer` in the first gap.
    flips : Flips
    together : Ellipsoids or None
        Errors of the units of the layer before, in deep and narrow chains.
    """

    layer: int
    knots: Knots
    columns: np.ndarray
    values: dict[str, Kinks]
    ends: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    tilts: dict[str, np.ndarray]
    active: np.ndarray
    flips: Flips
    together: Ellipsoids | None = None

    @property
    def width(self) -> int:
        """How many columns `values` has."""
        return width_of(len(self.columns))

    @property
    def span(self) -> float:
        """The length."""
        return float(self.knots.places[-1] - self.knots.places[0])

    @cached_property
    def heights(self) -> np.ndarray:
        """The most that a kink of 1 in each column moves a value between the ends."""
        places, heights = self.knots.places, np.zeros(self.width)
        inner = places[1:-1]
        heights[self.columns] = (inner - places[0]) * (places[-1] - inner) / self.span
        return heights

    def pattern(self, gap: int) -> np.ndarray:
        """Return the activations of the layers before `layer` in a gap."""
        return self.flips.pattern(self.active, gap)

    @property
    def ever(self) -> np.ndarray:
        """Which units of the layers before `layer` are active in any gap."""
        found = self.active.copy()
        found[self.flips.units] = True
        return found


@dataclass(frozen=True, kw_only=True)
class Pushed(Piece):
    """A piece with the preactivations of its layer.

    Attributes
    ----------
    end : str
        Their name.
    doubtful : (k,) int array
        The units that may change sign.
    close : (k,) array
        How far their values may be from the exact ones.
    positive : (units,) bool array
        Which of the others are positive.
    """

    end: str
    doubtful: np.ndarray
    close: np.ndarray
    positive: np.ndarray

    def part(self, low: int, high: int, first: float, last: float) -> Pushed:
        """Return the part from place `first` in gap `low` to place `last` in gap `high`."""
        kept = np.arange(low + 1, high + 1)
        ends = Knots.between(first, last)
        knots = Knots.joined([ends[:1], self.knots[kept], ends[1:]])
        columns = self.columns[kept - 1]
        new = np.full(self.width, -1)
        new[np.sort(columns)] = np.arange(len(columns))
        values = {
            name: Kinks._make((*kink_kernel.taken(kinks, new), kinks.factor))
            for name, kinks in self.values.items()
        }
        at, rounded = self._values_at([first, last])
        inside = (self.flips.knots > low) & (self.flips.knots <= high)
        flips = Flips(self.flips.knots[inside] - low, self.flips.units[inside])
        together = self.together
        if together is not None:
            box = rounded[self.end]
            box = np.stack([box, 2 * box / (last - first)])[: len(together.scales)]
            together = together.part(low, high, box)
        return replace(
            self,
            knots=knots,
            columns=new[columns],
            values=values,
            ends=at,
            errors={name: error + rounded[name] for name, error in self.errors.items()},
            tilts={
                name: tilt + 2 * rounded[name] / (last - first) for name, tilt in self.tilts.items()
            },
            close=self.close + rounded[self.end][self.doubtful],
            active=self.pattern(low),
            together=together,
            flips=flips,
        )

    def _values_at(self, places: list[float]) -> tuple[dict, dict]:
        """Return all values at two places, and bounds of the rounding errors made here."""
        knots, span = self.knots.places, self.span
        inner, ends, rounded = knots[1:-1], {}, {}
        weights = np.zeros((len(places), self.width))
        shares = (np.array(places) - knots[0]) / span
        for i, place in enumerate(places):
            left = (1 - shares[i]) * (knots[0] - inner)
            right = shares[i] * (inner - knots[-1])
            weights[i, self.columns] = np.where(inner <= place, left, right)
        for name, kinks in self.values.items():
            first, last = self.ends[name]
            at = [
                (1 - share) * first
                + share * last
                + kink_kernel.sums(kinks, row).reshape(first.shape)
                for share, row in zip(shares, weights, strict=True)
            ]
            ends[name] = np.stack(at)
            everyone = np.ones(first.size, np.bool_)
            high = kink_kernel.sizes(kinks, self.heights, everyone)[0]
            terms = np.maximum(np.abs(first), np.abs(last)).ravel() + high
            rounded[name] = (len(inner) + 16) * UNIT * terms + 1e-300
        return ends, rounded


def width_of(knots: int) -> int:
    """Return how many columns are kept for the kinks at so many knots: a multiple of 8.

    Rows of such a length go through the vector units of a processor without a rest.
    """
    return -(-knots // 8) * 8
