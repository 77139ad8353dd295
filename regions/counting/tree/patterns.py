"""All activation patterns of points, lower-dimensional ones too, by linear programs in integers.

The points of one pattern are a convex set: where some forms are positive and others are not. Each
unit in turn splits it, or not: the side of a known point is there for free, and one linear program
tells whether there are points on the other. Everything is exact, and nothing is shared with the
engines that look for full-dimensional cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import lcm

import numpy as np

from regions.counting.effort import Effort, stoppable
from regions.counting.exact.forms import Form, Forms, Place
from regions.counting.question import Question
from regions.counting.result import Found
from regions.counting.undecided import Undecided
from regions.errors import DomainError
from regions.exact.program import farthest
from regions.exact.scaled import primitive
from regions.exact.solve import value

Point = tuple[int, ...]  # homogeneous integers, the last positive


@dataclass(frozen=True)
class Part:
    """The points where the `strict` forms are positive, and the `weak` ones not negative.

    Attributes
    ----------
    point : tuple of int
        One of them.
    active : (hidden units,) bool array
    """

    strict: tuple[Form, ...]
    weak: tuple[Form, ...]
    point: Point
    active: np.ndarray


def count_patterns(question: Question, effort: Effort) -> Found:
    """Count the patterns of all points of the open domain; DomainError if it is out of reach."""
    forms, bounds = forms_on(question)
    count = 0
    with stoppable() as stopped, effort.bar("patterns") as bar:
        for _ in _patterns(forms, bounds, effort):
            count += 1
            bar.update()
    return Found.counted(count, Undecided(), stopped.by)


def forms_on(question: Question) -> tuple[Forms, tuple[tuple[Form, ...], tuple[Form, ...]]]:
    """Return a network's forms in coordinates in which the domain is bounded, and its bounds.

    The first ones are positive on the open domain; the others, which are not negative, only bound
    the cone over an unbounded one.
    """
    net, domain, cone = question.net, question.domain, not question.bounded
    forms = Forms(net, Place.of(domain, net.input_size), cone)
    if not forms.within_reach:
        raise DomainError(
            f"this kind of region is counted in exact arithmetic here, and a network with "
            f"{sum(net.widths[1:-1])} hidden units on a domain of dimension "
            f"{question.dimension} is out of its reach; count kind='activation' or 'linear', or "
            "take a line or a bounded plane"
        )
    sides, d = tuple(forms.sides().values()), forms.dimension
    if not cone:
        return forms, (sides, ())
    unit = np.eye(d + 1, dtype=int)[:d].tolist()
    weak = [(*(sign * x for x in row[:d]), 1) for row in unit for sign in (1, -1)]
    return forms, ((*sides, tuple(unit[-1])), tuple(weak[:-2] + weak[-1:]))


def interior(rows: tuple[Form, ...], strict: tuple[Form, ...], effort: Effort) -> Point | None:
    """Return a point of a polytope where `strict` forms are all positive, or None."""
    points = []
    for gain in strict:
        effort.check()
        points.append(farthest(rows, gain, [], effort.check)[0])
        if value(gain, points[-1]) <= 0:
            return None
    if not points:
        return farthest(rows, (1,) + (0,) * (len(rows[0]) - 1), [], effort.check)[0]
    whole = lcm(*(point[-1] for point in points))
    columns = zip(*([x * (whole // point[-1]) for x in point] for point in points), strict=True)
    return primitive([sum(column) for column in columns])


def _patterns(
    forms: Forms, bounds: tuple[tuple[Form, ...], tuple[Form, ...]], effort: Effort
) -> Iterator[np.ndarray]:
    strict, weak = bounds
    point = interior(strict + weak, strict, effort)
    if point is None:
        raise DomainError("the domain is empty; widen its box or move its points")
    hidden = int(forms.first[-1])
    stack = [(0, Part(strict, weak, point, np.zeros(hidden, dtype=bool)))]
    while stack:
        unit, part = stack.pop()
        if unit == hidden:
            yield part.active
            continue
        form = forms.unit(unit, part.active)
        stack += [(unit + 1, child) for child in _split(part, unit, form, effort)]


def _split(part: Part, unit: int, form: Form, effort: Effort) -> list[Part]:
    """Return the parts where a unit is not active and where it is; those with no points left out.

    A form that excludes no points is not kept.
    """
    here, negative = value(form, part.point), tuple(-x for x in form)
    active = part.active.copy()
    active[unit] = True
    off, on = part, replace(part, active=active)
    if not any(form[:-1]):
        return [on if here > 0 else off]
    rows = part.strict + part.weak
    if here > 0:
        end = farthest(rows, negative, [], effort.check)[0]
        least = value(form, end)
        if least > 0:
            return [on]
        other = _between(part.point, end, form) if least < 0 else None
        if least == 0:
            other = interior((*rows, negative), part.strict, effort)
        if other is None:
            return [on]
        return [
            replace(off, weak=(*part.weak, negative), point=other),
            replace(on, strict=(*part.strict, form)),
        ]
    end = farthest(rows, form, [], effort.check)[0]
    if value(form, end) <= 0:
        return [off]
    return [
        replace(off, weak=(*part.weak, negative)),
        replace(on, strict=(*part.strict, form), point=_between(part.point, end, form)),
    ]


def _between(point: Point, end: Point, form: Form) -> Point:
    """Return a point on the way to an end, but not there, at which a form has the end's sign."""
    bits = 1
    while True:
        near, far = end[-1], point[-1] * ((1 << bits) - 1)
        mixed = primitive([near * x + far * y for x, y in zip(point, end, strict=True)])
        if value(form, mixed) * value(form, end) > 0:
            return mixed
        bits += 1
