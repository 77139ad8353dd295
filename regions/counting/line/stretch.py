"""A stretch of a line in one coordinate from -1 to 1, and exact arithmetic on it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

import numpy as np

from regions.counting.exact.forms import Forms, Place
from regions.counting.exact.rounding import UNIT
from regions.counting.line.knots import LineFrame
from regions.counting.line.names import Names
from regions.counting.line.wiring import Wiring
from regions.networks import ReLUNetwork

Point = tuple[int, int]
Form = tuple[int, int]
_KEPT = 64  # points whose values are remembered


@dataclass(frozen=True)
class Stretch:
    """The part of a line between two neighbouring knots of its frame.

    Its coordinate s runs from -1 to 1; the frame's homogeneous coordinates are
    (x, w) = ((1 - s) A + (1 + s) B) / 2 with the ends A and B. Exact points are pairs of integers,
    s = numerator / denominator with denominator > 0; forms (a, c) say a s + c.
    """

    net: ReLUNetwork
    frame: LineFrame
    number: int

    @property
    def ends(self) -> np.ndarray:
        """The homogeneous coordinates of the two ends, (2, 2)."""
        return self.frame.knots[self.number : self.number + 2]

    def knots(self, places: np.ndarray) -> np.ndarray:
        """Return the frame's homogeneous coordinates of places on the stretch, (m, 2)."""
        shares = np.column_stack([1 - places, 1 + places]) / 2
        return shares @ self.ends

    def inputs(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the network's inputs at some places, and the factors of the biases there."""
        knots = self.knots(places)
        return knots @ self.frame.columns, knots[:, 1]

    @property
    def input_errors(self) -> np.ndarray:
        """How far `inputs` may be from the exact ones, (n0,)."""
        rounded = 8 * UNIT * np.abs(self.frame.columns).sum(axis=0)
        return rounded if self.frame.errors is None else rounded + self.frame.errors

    @cached_property
    def forms(self) -> Forms:
        """The network on the line in exact arithmetic."""
        return Forms(self.net, self.frame.exact())

    @cached_property
    def _chart(self) -> tuple[int, int, int, int]:
        """B - A and A + B in integers, up to one positive factor."""
        ends = [[Fraction(float(number)) for number in end] for end in self.ends]
        (x0, w0), (x1, w1) = ends
        entries = (x1 - x0, w1 - w0, x0 + x1, w0 + w1)
        common = lcm(*(entry.denominator for entry in entries))
        dx, dw, sx, sw = (int(entry * common) for entry in entries)
        return dx, dw, sx, sw

    def units(self, layer: int, active: np.ndarray, units: np.ndarray) -> list[Form]:
        """Return the forms of units where the earlier layers' activations are `active`."""
        dx, dw, sx, sw = self._chart
        found = self.forms.units(layer, active, units)
        return [(a * dx + c * dw, a * sx + c * sw) for a, c in found]

    def signs(self, layer: int, active: np.ndarray, units: np.ndarray, point: Point) -> list[int]:
        """Return the signs of units at a point, given the earlier layers' activations there."""
        dx, dw, sx, sw = self._chart
        x, w = dx * point[0] + sx * point[1], dw * point[0] + sw * point[1]
        if w == 0:  # at infinity
            return [sign(form, point) for form in self.units(layer, active, units)]
        values = self._at(Fraction(x, w)).units(layer, active, units)
        return [(value > 0) - (value < 0) for (value,) in values]

    def _at(self, place: Fraction) -> Forms:
        """Return the network at one exact point, which is cheaper than its forms."""
        if place not in self._points:
            line = self.forms.place
            point = line.start + line.directions[0].times(place)
            self._points[place] = self.forms.over(Place(point, line.directions[:0]))
            if len(self._points) > _KEPT:
                self._points.popitem(last=False)
        self._points.move_to_end(place)
        return self._points[place]

    @cached_property
    def _points(self) -> OrderedDict[Fraction, Forms]:
        return OrderedDict()

    def cancelled(self, layer: int, active: np.ndarray) -> np.ndarray:
        """Return which units are zero because what they add up is alike (see `Names.zero`)."""
        return self._names.zero(layer, active)

    @cached_property
    def _names(self) -> Names:
        return Names(self.net, self.frame.exact())

    @cached_property
    def wiring(self) -> Wiring:
        """What reaches the network's units."""
        return Wiring(self.net)

    def bends(self, before: np.ndarray, after: np.ndarray) -> bool:
        """Tell whether the network has different affine maps on two cells."""
        difference = self.forms.outputs(before) - self.forms.outputs(after)
        return any(difference.ints.flat)


def root(form: Form) -> Point:
    """Return where a form vanishes that is not constant.

    >>> root((-2, 1))
    (1, 2)
    """
    a, c = form
    if a < 0:
        a, c = -a, -c
    common = gcd(a, c)
    return -c // common, a // common


def sign(form: Form, point: Point) -> int:
    """Return the sign of a form at a point: -1, 0 or 1."""
    value = form[0] * point[0] + form[1] * point[1]
    return (value > 0) - (value < 0)
