"""A line and the knots on it: where it begins and ends, and where units change sign in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np

from regions.counting.exact.forms import Place
from regions.counting.exact.rounding import UNIT
from regions.counting.scale import typical_distance
from regions.errors import DomainError
from regions.exact.scaled import Scaled
from regions.networks import Box, ReLUNetwork, Slice

_INNER = 253 / 2048  # a point between the ends of a whole line


@dataclass(frozen=True)
class LineFrame:
    """A one-dimensional domain in coordinates of size about one.

    Attributes
    ----------
    center, radius : float
        The domain's own coordinate is ``center + radius * x / w``.
    knots : (m, 2) array
        Its ends (x, w), w = 1 for points and w = 0 at infinity; for a whole line also one point
        between them.
    columns : (2, n0) array
        The inputs that the x and w axes stand for.
    errors : (n0,) array or None
        How far the columns, taken together, may be from the exact ones; None for not at all.
    place : callable or None
        Returns the exact line, at coordinate y = x / w; None if the columns are exact.
    """

    center: float
    radius: float
    knots: np.ndarray
    columns: np.ndarray
    errors: np.ndarray | None = None
    place: Callable[[], Place] | None = None

    def coordinates(self, knots: np.ndarray) -> np.ndarray:
        """Return the domain's own coordinate of every knot, infinite at infinity."""
        with np.errstate(divide="ignore"):
            return self.center + self.radius * knots[:, 0] / knots[:, 1]

    def exact(self) -> Place:
        """Return the exact line."""
        if self.place is not None:
            return self.place()
        return Place(Scaled.of(self.columns[1]), Scaled.of(self.columns[:1]))


def line_frame(net: ReLUNetwork, domain: Box | Slice | None) -> LineFrame:
    """Return the frame of a one-dimensional domain, bounded or not.

    Raises
    ------
    DomainError
        If the domain is not one-dimensional, or empty.
    """
    dimension = net.input_size if domain is None else domain.dimension
    if dimension != 1:
        raise DomainError(
            f"the domain has dimension {dimension}, and a line is needed: give "
            "Slice.through two points, or use method='plane' or 'cells'"
        )
    points = domain.points if isinstance(domain, Slice) else np.array([[0.0], [1.0]])
    low, high = _ends(domain)
    if low is not None and high is not None:
        if not low < high:
            raise DomainError("the line misses the inside of its box; move its points")
        middle, half, knots = (low + high) / 2, (high - low) / 2, [[-1.0, 1.0], [1.0, 1.0]]
    else:
        half = Fraction(typical_distance(net, np.vstack([points[1] - points[0], points[0]])))
        if low is not None:
            middle, knots = low, [[0.0, 1.0], [1.0, 0.0]]
        elif high is not None:
            middle, knots = high, [[-1.0, 0.0], [0.0, 1.0]]
        else:
            middle, knots = Fraction(0), [[-1.0, 0.0], [_INNER, 1.0], [1.0, 0.0]]
    place = partial(_place, points, middle, half)
    at, size = _float(middle), _float(half)
    with np.errstate(over="ignore", invalid="ignore"):
        direction = points[1] - points[0]
        columns = np.vstack([size * direction, points[0] + at * direction])
        scale = 1 + abs(at) + size
        errors = 16 * UNIT * scale * np.abs(points).sum(axis=0)
    length = 1.0
    if isinstance(domain, Slice):
        length = float(direction @ domain.basis[0])
    frame = LineFrame(at * length, size * length, np.array(knots), columns, errors, place)
    if np.isfinite(columns).all() and np.isfinite(errors).all():
        return frame
    exact = place()  # differences of the points overflow, but the exact columns need not
    columns = np.vstack([exact.directions.floats(), exact.start.floats()])
    with np.errstate(over="ignore"):
        return replace(frame, columns=columns, errors=4 * UNIT * np.abs(columns).sum(axis=0))


def _ends(domain: Box | Slice | None) -> tuple[Fraction | None, Fraction | None]:
    """Return the exact ends, as multiples of the way between the points; None at infinity."""
    if domain is None:
        return None, None
    if isinstance(domain, Slice) and domain.segment:
        return Fraction(0), Fraction(1)
    box = domain.box if isinstance(domain, Slice) else domain
    start, end = domain.points if isinstance(domain, Slice) else np.array([[0.0], [1.0]])
    assert box is not None
    rising = end > start
    moving = rising | (end < start)
    lower = np.where(rising, box.low, box.high)[moving]
    upper = np.where(rising, box.high, box.low)[moving]
    ends = start[moving], end[moving]
    return _extreme(lower, *ends, max), _extreme(upper, *ends, min)


def _extreme(
    bounds: np.ndarray, start: np.ndarray, end: np.ndarray, choose: Callable
) -> Fraction | None:
    """Return where the line crosses the last of the lower bounds (or the first of the upper)."""
    finite = np.isfinite(bounds)
    if not finite.any():
        return None
    bounds, start, end = bounds[finite], start[finite], end[finite]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # three operations, each rounded once: what is farther behind than that is not the one
        ratios = (bounds - start) / (end - start)
        best = ratios.max() if choose is max else ratios.min()
        near = ~(np.abs(ratios - best) > 16 * UNIT * np.abs(best) + 1e-300)
    exact = [[Fraction(float(number)) for number in array[near]] for array in (bounds, start, end)]
    return choose((b - p) / (q - p) for b, p, q in zip(*exact, strict=True))


def _place(points: np.ndarray, middle: Fraction, half: Fraction) -> Place:
    """Return the line through `points` with `middle` at coordinate 0, exactly."""
    exact = Scaled.of(points)
    direction = exact[1:] - exact[0]
    start = exact[0] + direction[0].times(middle)
    return Place(start.reduced(), direction.times(half).reduced())


def _float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


@dataclass(frozen=True)
class Knots:
    """Knots of a piece from left to right, its two ends first and last.

    Attributes
    ----------
    places : (m,) array
        Where they are, between -1 and 1 (see `exact.Stretch`), never decreasing.
    errors : (m,) array
        How far the exact places may be from there.
    layers, units : (m,) int arrays
        The ReLU layer that breaks there, and the hidden unit, by its index in its layer, whose
        zero the knot is; -1 at ends.
    exact : (m,) object array
        The exact places as pairs of integers, numerator and denominator > 0, where they are
        known; else None.
    """

    places: np.ndarray
    errors: np.ndarray
    layers: np.ndarray
    units: np.ndarray
    exact: np.ndarray

    @classmethod
    def between(cls, first: float, last: float) -> Knots:
        """Return two ends and nothing between them."""
        exact = np.empty(2, dtype=object)
        exact[:] = [first.as_integer_ratio(), last.as_integer_ratio()]
        none = np.array([-1, -1])
        return cls(np.array([first, last]), np.zeros(2), none, none, exact)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: np.ndarray | slice) -> Knots:
        fields = (self.places, self.errors, self.layers, self.units, self.exact)
        return Knots(*(field[index] for field in fields))

    @classmethod
    def joined(cls, parts: list[Knots]) -> Knots:
        """Return all knots of several lists."""
        names = ("places", "errors", "layers", "units", "exact")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
