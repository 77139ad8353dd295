"""Regions of a line that are no intervals between breakpoints: single points, and whole maps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.forms import Forms, Place, within_reach
from regions.counting.exact.pushed import maps_on, pushed
from regions.counting.line.errors import RESOLUTION
from regions.counting.line.knots import LineFrame
from regions.counting.line.walk import LinePart
from regions.counting.maps import distinct_maps
from regions.counting.undecided import Undecided
from regions.exact.scaled import Scaled
from regions.networks import ReLUNetwork

_AT_ONCE = 2**22  # values that are pushed through the network together


class Points:
    """Breakpoints with a pattern of their own: that of neither interval beside them.

    A unit that switches is zero, thus inactive, at the breakpoint. So where units switch on and
    others off the pattern is a third one; where all switch one way it is one of the two, unless a
    unit that is active on both sides touches zero there.
    """

    def __init__(self, net: ReLUNetwork, frame: LineFrame) -> None:
        self.net, self.frame = net, frame
        self.alone, self.left = 0, Undecided()
        self._before: np.ndarray | None = None
        self._forms: Forms | None = None

    def add(self, part: LinePart, effort: Effort) -> None:
        """Take in the next part of the line."""
        waiting = []
        most = max(1, _AT_ONCE // max(sum(self.net.widths), 1))
        for knot, before, after in part.switches(self._before):
            effort.check()
            if (before & ~after).any() and (after & ~before).any():
                self.alone += 1
                continue
            waiting.append((knot, before, after))
            if len(waiting) == most:
                self._look(part, waiting, effort)
                waiting = []
        if waiting:
            self._look(part, waiting, effort)
        self._before = part.last

    def _look(self, part: LinePart, waiting: list[tuple], effort: Effort) -> None:
        """Count the breakpoints at which a unit touches zero that is active on both sides."""
        knots = np.array([knot for knot, _, _ in waiting])
        staying = np.array([before & after for _, before, after in waiting])
        unsure = staying & self._close(part.knots[knots], part.blur[knots])
        for i in np.flatnonzero(unsure.any(axis=1)).tolist():
            effort.check()
            _, before, after = waiting[i]
            if not within_reach(self.net):
                self.left.add(Undecided(int(unsure[i].sum()), RESOLUTION))
            elif self._touches(before, after, np.flatnonzero(unsure[i])):
                self.alone += 1

    def _close(self, knots: np.ndarray, blur: np.ndarray) -> np.ndarray:
        """Tell which units may be zero at some knots, (knots, hidden units)."""
        (x, w), columns = knots.T, self.frame.columns
        with np.errstate(all="ignore"):
            at = x / w
            off = 4 * (blur * (1 + np.abs(at)) / w + 2.0**-53 * np.abs(at))
            points = at[:, None] * columns[0] + columns[1]
            errors = off[:, None] * np.abs(columns[0]) + 2.0**-50 * (
                np.abs(at)[:, None] * np.abs(columns[0]) + np.abs(columns[1])
            )
            if self.frame.errors is not None:
                errors = errors + (1 + np.abs(at))[:, None] * self.frame.errors
            found = list(pushed(self.net, points, errors))[:-1]
            # "not larger" is also what NaN gives
            return np.hstack([~(np.abs(values) > bounds) for values, bounds in found])

    def _touches(self, before: np.ndarray, after: np.ndarray, units: np.ndarray) -> bool:
        """Tell whether one of some units vanishes at a breakpoint, exactly."""
        if self._forms is None:
            self._forms = Forms(self.net, self.frame.exact())
        forms, line = self._forms, self._forms.place
        slope, constant = forms.unit(int(np.argmax(before != after)), before)
        point = line.start + line.directions[0].times(Fraction(-constant, slope))
        here = forms.over(Place(point, line.directions[:0]))
        return any(here.unit(int(unit), before) == (0,) for unit in units)


class Maps:
    """The distinct affine maps of a line's linear pieces."""

    def __init__(self, net: ReLUNetwork, frame: LineFrame) -> None:
        self.net, self.frame, self.left = net, frame, Undecided()
        self._before: np.ndarray | None = None
        self._patterns: list[np.ndarray] = []

    def add(self, part: LinePart, effort: Effort) -> None:
        """Take in the next part of the line."""
        if not self._patterns:
            self._patterns.append(np.packbits(part.first))
        for knot, _, after in part.switches(self._before):
            effort.check()
            if part.bends[knot]:
                self._patterns.append(np.packbits(after))
        self._before = part.last

    def count(self, effort: Effort) -> int:
        """Return how many distinct maps there are."""
        columns, hidden = self.frame.columns, sum(self.net.widths[1:-1])
        errors = 2.0**-50 * np.abs(columns)
        if self.frame.errors is not None:
            errors = errors + self.frame.errors
        elif self.frame.place is None:
            errors = np.zeros(columns.shape)
        patterns = np.array(self._patterns)
        most, maps, bounds = max(1, _AT_ONCE // max(sum(self.net.widths), 1)), [], []
        for start in range(0, len(patterns), most):
            effort.check()
            active = np.unpackbits(patterns[start : start + most], axis=1, count=hidden)
            both = maps_on(self.net, columns, errors, active.astype(bool))
            maps.append(both[0])
            bounds.append(both[1])
        exact = self._exact(patterns, hidden, effort) if within_reach(self.net) else None
        names = distinct_maps(np.vstack(maps), np.vstack(bounds), exact, self.left)
        return int(names.max()) + 1

    def _exact(self, patterns: np.ndarray, hidden: int, effort: Effort) -> Callable[[int], Scaled]:
        forms = Forms(self.net, self.frame.exact())

        def exact(piece: int) -> Scaled:
            effort.check()
            return forms.outputs(np.unpackbits(patterns[piece], count=hidden).astype(bool))

        return exact
