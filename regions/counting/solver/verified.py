"""Regions known by their patterns: each checked exactly, and their neighbours across facets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from regions.counting.effort import Effort
from regions.counting.solver.model import RESOLUTION
from regions.counting.tree.frame import Frame
from regions.counting.undecided import Undecided
from regions.exact.program import farthest
from regions.exact.scaled import Scaled, primitive
from regions.exact.solve import sign, value

Form = tuple[int, ...]
_LARGEST = 48  # coordinates up to which programs are solved in integers
_TRIES = 20


class Verified:
    """The patterns of regions of a bounded domain, each that of a full-dimensional region.

    Parameters
    ----------
    frame : Frame
    own : Scaled
        More forms that must be positive somewhere on each region.
    effort : Effort
        Its clock is looked at: OutOfTime.
    """

    def __init__(self, frame: Frame, own: Scaled, effort: Effort) -> None:
        self.frame, self.exact = frame, frame.dimension <= _LARGEST
        self.check = effort.check
        # else that none is missing is open as well
        self.left = Undecided() if self.exact else Undecided(1, RESOLUTION)
        self._net, self._forms = frame.net, frame.forms
        self._patterns: dict[bytes, np.ndarray] = {}
        self._sides = list(self._forms.sides().values()) if self.exact else []
        self._domain = [*self._sides, *map(primitive, own.ints)]

    def __len__(self) -> int:
        return len(self._patterns)

    def add(self, pattern: np.ndarray) -> bool:
        """Take in a pattern if it is that of a region not known yet; tell whether it was."""
        if not self.exact:
            self.left.add(Undecided(1, RESOLUTION))
        if pattern.tobytes() in self._patterns:
            return False
        if self.exact and self.inner_point(pattern) is None:
            return False
        self._patterns[pattern.tobytes()] = pattern.copy()
        return True

    def across_facets(self) -> Iterator[np.ndarray]:
        """Take in, and yield, every region that is not known yet, until there is none."""
        if not self.exact:
            return
        if not self._patterns and (first := self._some_pattern()) is not None:
            self.add(first)
            yield first
        left = list(self._patterns.values())
        while left:
            for pattern in self.neighbours(left.pop()):
                if self.add(pattern):
                    left.append(pattern)
                    yield pattern

    def rows(self, pattern: np.ndarray) -> list[tuple[Form, bool]] | None:
        """Return forms that are positive inside a region, and whether another lies behind.

        None if some unit that is constant under the pattern contradicts it.
        """
        found: dict[Form, bool] = dict.fromkeys(self._domain, False)
        for layer in range(len(self._net.relu_layers)):
            first = int(self._forms.first[layer])
            for unit, form in enumerate(self._forms.units(layer, pattern)):
                active = bool(pattern[first + unit])
                if not any(form[:-1]):
                    if (form[-1] > 0) != active:
                        return None
                    continue
                form = form if active else tuple(-number for number in form)
                found.setdefault(primitive(form), True)
        return list(found.items())

    def inner_point(self, pattern: np.ndarray) -> Form | None:
        """Return a point strictly inside a pattern's region, homogeneous; None if it has none."""
        rows = self.rows(pattern)
        return None if rows is None else self._inner_point([row for row, _ in rows])

    def _inner_point(self, forms: Sequence[Form]) -> Form | None:
        """Return the deepest point where forms are positive, homogeneous; None if there is none."""
        d = len(forms[0]) - 1
        # where the depth is low enough, every point of the domain will do
        sizes = [max(map(abs, form)) for form in forms]
        rows = [(*form[:d], -size, form[d]) for form, size in zip(forms, sizes, strict=True)]
        hard = [(*form[:d], 0, form[d]) for form in self._sides]
        deepest, floor = (*[0] * d, -1, 1), (*[0] * d, 1, 4 * d + 4)
        end, _ = farthest([*hard, *rows, deepest, floor], (*[0] * d, 1, 0), [], self.check)
        return primitive([*end[:d], end[-1]]) if end[d] > 0 else None

    def neighbours(self, pattern: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the patterns of the regions across every facet of a region."""
        rows = self.rows(pattern)
        assert rows is not None
        forms = [row for row, _ in rows]
        inner = self._inner_point(forms)
        assert inner is not None
        for i, (form, inside) in enumerate(rows):
            if not inside:
                continue
            others = forms[:i] + forms[i + 1 :]
            gain = tuple(-number for number in form)
            end, _ = farthest(others, gain, [], self.check)
            if value(gain, end) > 0:
                yield self._beyond(i, forms, inner, end)

    def _beyond(self, facet: int, forms: list[Form], inner: Form, end: Form) -> np.ndarray:
        """Return the pattern just behind where the way from `inner` to `end` meets a facet."""
        generator, form = np.random.default_rng(0), forms[facet]
        for _ in range(_TRIES):
            here, there = value(form, inner), -value(form, end)
            at = primitive([there * a + here * b for a, b in zip(inner, end, strict=True)])
            ahead = [b * inner[-1] - a * end[-1] for a, b in zip(inner, end, strict=True)]
            pattern = self._pattern_past(at, ahead)
            if pattern is not None:
                return pattern
            # the way lies in some unit's boundary: start a little beside
            shift = [int(k) for k in generator.integers(-(2**20), 2**20, len(inner) - 1)]
            inner = _moved(inner, shift, forms)
        raise ArithmeticError("no generic way across a facet was found")

    def _pattern_past(self, at: Form, ahead: Sequence[int]) -> np.ndarray | None:
        """Return the pattern right behind a point in a direction; None on some boundary."""
        pattern = np.zeros(int(self._forms.first[-1]), dtype=bool)
        for layer in range(len(self._net.relu_layers)):
            first = int(self._forms.first[layer])
            for unit, form in enumerate(self._forms.units(layer, pattern)):
                side = sign(value(form, at)) or sign(value(form, ahead))
                if side == 0 and any(form):
                    return None
                pattern[first + unit] = side > 0
        return pattern

    def _some_pattern(self) -> np.ndarray | None:
        """Return the pattern at some point that lies on no boundary; None if all is excluded."""
        inner = self._inner_point(self._domain)
        if inner is None:
            return None
        generator = np.random.default_rng(0)
        while True:
            shift = [int(k) for k in generator.integers(-(2**20), 2**20, len(inner) - 1)]
            inner = _moved(inner, shift, self._domain)
            pattern = self._pattern_past(inner, [0] * len(inner))
            if pattern is not None:
                return pattern


def _moved(point: Form, shift: Sequence[int], forms: Sequence[Form]) -> Form:
    """Return a point a little beside one at which some forms are positive, where they stay so."""
    bits = 24
    while True:
        moved = [(a << bits) + b * point[-1] for a, b in zip(point, [*shift, 0], strict=True)]
        if all(value(form, moved) > 0 for form in forms):
            return primitive(moved)
        bits *= 2
