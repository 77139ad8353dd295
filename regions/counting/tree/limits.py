"""The bounds of a domain: for the kernels, and in integers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.tree.frame import ARTIFICIAL, Frame
from regions.exact.solve import Form


@dataclass(frozen=True, eq=False)
class Limits:
    """The bounds of a domain, for the kernel and in integers.

    Attributes
    ----------
    frame : Frame
    bounds : (6, d) array
        See `cell.Cell`.
    size : float
        A bound of every coordinate.
    """

    frame: Frame
    bounds: np.ndarray
    size: float

    @classmethod
    def of(cls, frame: Frame) -> Limits:
        """Return the bounds of a frame."""
        margins = 16 * UNIT * np.abs([frame.low, frame.high])
        bounds = np.vstack(
            [frame.low + margins[0], frame.high - margins[1], frame.walls, frame.low, frame.high]
        )
        return cls(frame, bounds, float(np.abs(bounds[4:]).max(initial=0.0)))

    @cached_property
    def walls(self) -> list[Form]:
        """The bounds as forms, exactly: lower ones, then upper ones."""
        return _walls(self.frame)


def _walls(frame: Frame) -> list[Form]:
    """Return the bounds of a bounded frame as forms, exactly: lower ones, then upper ones."""
    found, sides, d = [], frame.forms.sides(), frame.dimension
    for sign, bounds, names in (
        (1, frame.low, frame.low_sides),
        (-1, frame.high, frame.high_sides),
    ):
        for k in range(d):
            if names[k] != ARTIFICIAL:
                found.append(sides[int(names[k])])
                continue
            bound = Fraction(float(bounds[k]))
            form = [0] * (d + 1)
            form[k], form[d] = sign * bound.denominator, -sign * bound.numerator
            found.append(tuple(form))
    return found
