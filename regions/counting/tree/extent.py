"""How far a slice reaches within its box, in every coordinate: bounds that certainly hold."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy.optimize import linprog

from regions.counting.exact.forms import Place
from regions.counting.exact.rounding import UNIT
from regions.exact.program import dominated, farthest
from regions.networks import Slice

_SMALL = 1e-3  # below it the solver's tolerances could show
_FAR = 10**300
_LARGEST = 48  # coordinates up to which programs are solved in integers


class Extent:
    """Bounds of a slice's own coordinates, by linear programs and proofs of what they say.

    Parameters
    ----------
    domain : Slice
        With a box.
    numbers : int array
        The sides of the box that cut (see `Place`).
    check : callable
        Raises when time is up.
    """

    def __init__(self, domain: Slice, numbers: np.ndarray, check: Callable[[], None]) -> None:
        assert domain.box is not None
        self.domain, self.check = domain, check
        directions, start = domain.points[1:] - domain.points[0], domain.points[0]
        inputs, sign = numbers % len(start), np.where(numbers < len(start), -1.0, 1.0)
        bounds = np.concatenate([domain.box.low, domain.box.high])[numbers]
        # G a <= h
        self.normals = sign[:, None] * directions[:, inputs].T
        self.limits = sign * (bounds - start[inputs])
        self.off = 4 * UNIT * (np.abs(bounds) + np.abs(start[inputs]))
        self._reach = self._crude(directions)

    @cached_property
    def forms(self) -> list[tuple[int, ...]]:
        """The sides, exactly, in the order of the rows."""
        return list(Place.of(self.domain, self.domain.input_size).sides.values())

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of every coordinate, a little wider than the domain or infinite.

        They are infinite where the domain is, and where nothing was proved.
        """
        d = self.normals.shape[1]
        center, radius = np.zeros(d), np.ones(d)
        ends, duals = self._programs(center, radius)
        if np.isfinite(ends).all():
            center, radius = ends.mean(axis=0), np.maximum((ends[1] - ends[0]) / 2, 1e-300)
            if radius.min() < _SMALL or radius.max() > 1 / _SMALL:
                # once to find the size of the domain, once more in coordinates of that size
                again = self._programs(center, radius)
                ends, duals = again if np.isfinite(again[0]).all() else (ends, duals)
        # wider, so that the bounds themselves are never facets
        size = np.where(np.isfinite(ends).all(axis=0), ends[1] - ends[0], 1.0)
        found = np.stack([ends[0] - 0.1 * size, ends[1] + 0.1 * size])
        for side, sign in enumerate((-1, 1)):
            for axis in range(d):
                self.check()
                if not self._proved(axis, sign, found[side, axis], duals[side][axis]):
                    found[side, axis] = self._settled(axis, sign)
        return found[0], found[1]

    def _programs(self, center: np.ndarray, radius: np.ndarray):
        """Return the ends of every coordinate, (2, d), and which rows stop it there."""
        with np.errstate(all="ignore"):
            normals, limits = self.normals * radius, self.limits - self.normals @ center
            sizes = np.abs(normals).max(axis=1)
            normals, limits = normals / sizes[:, None], limits / sizes
        d = len(center)
        ends, duals = np.array([[-np.inf] * d, [np.inf] * d]), [[None] * d, [None] * d]
        if not (np.isfinite(normals).all() and np.isfinite(limits).all()):
            return ends, duals
        for side, sign in enumerate((-1.0, 1.0)):
            for axis in range(d):
                self.check()
                cost = np.zeros(d)
                cost[axis] = -sign
                found = linprog(cost, normals, limits, bounds=(None, None), method="highs")
                if found.status == 0:
                    ends[side, axis] = center[axis] + radius[axis] * sign * -found.fun
                    prices = np.maximum(-found.ineqlin.marginals, 0.0)
                    duals[side][axis] = prices * radius[axis] / sizes
        return ends, duals

    def _crude(self, directions: np.ndarray) -> np.ndarray | None:
        """Return bounds of |a|, from those of the inputs; None if a box is open."""
        box, start = self.domain.box, self.domain.points[0]
        assert box is not None
        if not box.bounded:
            return None
        sizes = np.abs(directions).max(axis=1)
        inverse = np.linalg.pinv((directions / sizes[:, None]).T)
        error = np.abs(inverse @ (directions / sizes[:, None]).T - np.eye(len(sizes)))
        if not error.sum(axis=1).max() < 0.1:
            return None
        far = np.maximum(np.abs(box.low - start), np.abs(box.high - start))
        # what is left over of the inverse, and its rounding, is far below the factor
        return np.full(len(sizes), 2 * float((np.abs(inverse) @ far).max())) / sizes

    def _proved(self, axis: int, sign: int, bound: float, prices: np.ndarray | None) -> bool:
        """Tell whether a coordinate certainly stays below a bound (above it for sign -1)."""
        if prices is None or not np.isfinite(bound):
            return False
        if self._reach is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                rest = -prices @ self.normals
                rest[axis] += sign
                sizes = np.abs(self.limits) + np.abs(self.normals) @ self._reach
                rounded = 4 * (len(prices) + 8) * UNIT * (prices @ sizes + self._reach[axis])
                most = prices @ (self.limits + self.off) + np.abs(rest) @ self._reach + rounded
                return bool(most < sign * bound)
        stops, d = np.flatnonzero(prices > 1e-12 * prices.max()), self.normals.shape[1]
        chosen = [self.forms[i] for i in stops]
        return d <= _LARGEST and dominated(chosen, _beyond(axis, sign, bound, d))

    def _settled(self, axis: int, sign: int) -> float:
        """Return a bound of a coordinate from a program in integers; infinite if out of reach."""
        d = self.normals.shape[1]
        if d > _LARGEST or not self.domain.bounded:
            return sign * np.inf
        end, _ = farthest(self.forms, _beyond(axis, sign, 0.0, d), [], self.check)
        value = sign * Fraction(end[axis], end[d])
        value = max(value + max(abs(value) / 2**40, Fraction(1, _FAR)), Fraction(-_FAR))
        return sign * (float(np.nextafter(float(value), np.inf)) if value < _FAR else np.inf)


def _beyond(axis: int, sign: int, bound: float, d: int) -> tuple[int, ...]:
    """Return how far a coordinate is beyond a bound, as a form."""
    exact = Fraction(bound)
    form = [0] * (d + 1)
    form[axis], form[d] = sign * exact.denominator, -sign * exact.numerator
    return tuple(form)
