"""The signs that float64 leaves open, settled in integers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from regions.counting.exact.forms import Form, Forms, Place
from regions.counting.undecided import Undecided
from regions.exact.scaled import Scaled
from regions.exact.solve import crossing, sign, value
from regions.networks import ReLUNetwork

_SLIGHT = 1e-3  # real rounding errors are a small share of their bounds


class Judge:
    """Signs of a network's units where two lines cross on a part of a plane.

    Parameters
    ----------
    net : ReLUNetwork
    place : Place
    sides : mapping from labels to forms in the place's coordinates
    axes : (3, 3) Scaled
        The place's homogeneous coordinates are ``axes @ (x, y, 1)``.
    """

    def __init__(
        self, net: ReLUNetwork, place: Place, sides: Mapping[int, Form], axes: Scaled
    ) -> None:
        self.forms, self.sides, self.axes = Forms(net, place), sides, axes
        self.doubts, self.reachable = Undecided(), self.forms.within_reach
        self._lines: dict[tuple[int, bytes], Form] = {}

    def answers(self, questions: np.ndarray, values: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Return the sign of each question: a unit, its layer, and two lines that cross.

        Where exact arithmetic is out of reach the approximate value decides, and counts as a doubt.
        """
        if not self.reachable:
            small, bounds = np.abs(values[:, 0]), values[:, 1]
            self.doubts.add(Undecided(len(values), float(bounds.max(initial=0.0))))
            return np.where(small > _SLIGHT * bounds, np.sign(values[:, 0]), 0.0).astype(np.int64)
        asked = questions[:, [0, 2, 3]].tolist()
        return np.array([self._sign(unit, one, two, active) for unit, one, two in asked])

    def line(self, label: int, active: np.ndarray) -> Form:
        """Return the form of a side (below zero) or of a unit where the layers before are so."""
        if label < 0:
            return self._turned(self.sides[label])
        before = self.forms.first[np.searchsorted(self.forms.first, label, side="right") - 1]
        key = label, np.packbits(active[:before]).tobytes()
        if key not in self._lines:
            if len(self._lines) > 100_000:
                self._lines.clear()
            self._lines[key] = self._turned(self.forms.unit(label, active))
        return self._lines[key]

    def _turned(self, form: Form) -> Form:
        row = np.array(form, dtype=object) @ self.axes.ints
        return tuple(row.tolist())

    def _sign(self, unit: int, one: int, two: int, active: np.ndarray) -> int:
        point = crossing([self.line(one, active), self.line(two, active)])
        if point is None:  # lines of a vertex cross; one is said to vanish where both do
            return 0
        return sign(value(self.line(unit, active), point))
