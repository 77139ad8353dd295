"""Convex polygons of a homogeneous plane with integer vertices, and how halfplanes clip them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt

import numpy as np

from regions.counting.exact.forms import Form
from regions.exact.scaled import primitive
from regions.exact.solve import crossing, value

_CLEAR = 1e-9  # share of the terms by which a float value has a certain sign
Labelled = tuple[int, Form]


@dataclass(frozen=True)
class Outline:
    """A polygon: homogeneous vertices (the last coordinate not negative), labels of its edges.

    Edge i leads from point i to the next one.
    """

    points: tuple[Form, ...]
    labels: tuple[int, ...]


def between(edges: list[Labelled]) -> Outline:
    """Return the bounded polygon with the given edges, in order."""
    points = []
    for before, (_, form) in enumerate(edges, start=-1):
        point = crossing([edges[before][1], form])
        assert point is not None  # neighbouring edges are never parallel
        points.append(point)
    return Outline(tuple(points), tuple(label for label, _ in edges))


def sectors(one: Labelled, two: Labelled, infinity: int) -> list[Outline]:
    """Return the four sectors between two lines that cross, with the label of the line at infinity.

    Each is the apex and two points at infinity.
    """
    (first, a), (second, b) = one, two
    apex = crossing([a, b])
    assert apex is not None
    along_a, along_b = (-a[1], a[0], 0), (-b[1], b[0], 0)
    found = []
    for turn_a in (1, -1):
        for turn_b in (1, -1):
            on_b = along_b if value(a, along_b) * turn_a > 0 else tuple(-x for x in along_b)
            on_a = along_a if value(b, along_a) * turn_b > 0 else tuple(-x for x in along_a)
            points = (apex, primitive(on_b), primitive(on_a))
            found.append(Outline(points, (second, infinity, first)))
    return found


@dataclass(frozen=True, eq=False)
class Sides:
    """Sides of a domain.

    Attributes
    ----------
    labels : sequence of int
    form : function
        Returns the form of a label, not negative inside.
    rows : (sides, 3 or 4) array
        About the forms, each of size about 1, or not a number; those of four numbers have the
        third coefficient in two parts.
    """

    labels: Sequence[int]
    form: Callable[[int], Form]
    rows: np.ndarray

    @classmethod
    def of(cls, forms: Mapping[int, Form]) -> Sides:
        """Return the sides with the given forms."""
        rows = np.array([_rounded(form) for form in forms.values()]).reshape(-1, 3)
        return cls(list(forms), forms.__getitem__, rows)


def clip(outline: Outline, within: Sides) -> Outline | None:
    """Return the part of a polygon where no side's form is negative; None if it has no inside.

    Most of many sides are far away: which matter is seen in float64, with room to spare.
    """
    left = np.arange(len(within.labels))
    while len(left):
        points = np.array([_rounded(point) for point in outline.points])
        points, rows = points[:, [0, 1, 2, 2][: within.rows.shape[1]]], within.rows[left].T
        share = (points @ rows) / np.maximum(np.abs(points) @ np.abs(rows), 1e-290)
        least = share.min(axis=0)
        worst = int(least.argmin())
        if least[worst] >= _CLEAR:
            break
        label = within.labels[left[worst]]
        clipped = _halfplane(outline, label, within.form(label))
        if clipped is None:
            return None
        # what is positive on a polygon is so on its parts
        outline, least[worst] = clipped, 1.0
        left = left[~(least >= _CLEAR)]
    return outline


def _halfplane(outline: Outline, label: int, form: Form) -> Outline | None:
    values = [value(form, point) for point in outline.points]
    if max(values) <= 0:
        return None
    if min(values) >= 0:
        return outline
    points, labels, k = [], [], len(values)
    for i, (point, at) in enumerate(zip(outline.points, values, strict=True)):
        following, after = outline.points[(i + 1) % k], values[(i + 1) % k]
        leaves = at >= 0 > after
        if at > 0 or (at == 0 and after > 0):
            points.append(point)
            labels.append(outline.labels[i])
        elif at == 0 and values[i - 1] > 0:
            points.append(point)
            labels.append(label)
        if at * after < 0:
            mixed = [abs(after) * p + abs(at) * q for p, q in zip(point, following, strict=True)]
            points.append(primitive(mixed))
            labels.append(label if leaves else outline.labels[i])
    return Outline(tuple(points), tuple(labels))


def _rounded(form: Form) -> tuple[float, ...]:
    """Return a form as floats of size at most 1."""
    size = 1 << max(max(abs(number) for number in form).bit_length(), 1)
    return tuple(number / size for number in form)


def across(
    inside: list[Outline], form: Form, label: int, free: int
) -> tuple[list[Outline], dict[int, Form]]:
    """Return bounded or pointed strips across parallel lines, where `inside` has points.

    Parameters
    ----------
    inside : list of Outline
        Parts that make up the domain.
    form : Form
        Of one of the lines.
    label : int
        Its label.
    free : int
        Labels from here downwards are free for the strips' sides.

    Returns
    -------
    outlines : list of Outline
    sides : dict
        The forms of their own sides by label.
    """
    low, high = _span(inside, form)
    a, b, c = form
    length = isqrt(a * a + b * b)
    sides = {free: (-b, a, 0), free - 1: (b, -a, length)}
    start, end = (free, sides[free]), (free - 1, sides[free - 1])
    ends: list[Labelled | None] = []
    for step, (at, turn) in enumerate(((low, 1), (high, -1)), start=2):
        if isinstance(at, float):
            ends.append(None)
            continue
        p, q = at.numerator * turn, at.denominator * turn
        sides[free - step] = (q * a, q * b, q * c - p)
        ends.append((free - step, sides[free - step]))
    if ends[0] is not None and ends[1] is not None:
        return [between([start, ends[1], end, ends[0]])], sides
    found = []
    for closed, turn in ((ends[0], 1), (ends[1], -1)):
        if closed is None and (ends[0] is not None or ends[1] is not None):
            continue
        edge = (label, form) if closed is None else closed
        corner, other = crossing([start[1], edge[1]]), crossing([end[1], edge[1]])
        assert corner is not None and other is not None
        far = primitive((turn * a, turn * b, 0))
        found.append(Outline((corner, far, other), (start[0], end[0], edge[0])))
    return found, sides


def _span(inside: list[Outline], form: Form) -> tuple[Fraction | float, Fraction | float]:
    """Return between which values a form is on some polygons, infinite where they are."""
    low: Fraction | float = inf
    high: Fraction | float = -inf
    for outline in inside:
        for point in outline.points:
            at = value(form, point)
            if point[2]:
                low, high = min(low, Fraction(at, point[2])), max(high, Fraction(at, point[2]))
            elif at:
                low, high = (low, inf) if at > 0 else (-inf, high)
    return low, high
