"""Exact decisions about one cell and one hyperplane, in integers, where float64 is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regions.exact.program import dominated, farthest
from regions.exact.scaled import Scaled, primitive
from regions.exact.solve import value

Form = tuple[int, ...]
LARGEST = 48  # coordinates up to which programs are solved in integers


@dataclass(frozen=True)
class Sides:
    """What a hyperplane does to a cell.

    Attributes
    ----------
    sign : int
        The side of `here`: 1 where the form is positive there, -1 where it is negative or zero.
    here : Form
        A point strictly inside the cell, off the hyperplane if that cuts it.
    there : Form or None
        A point on the other side; None if the cell has none.
    stops : list of int
        If it has none: the rows that prove it.
    """

    sign: int
    here: Form
    there: Form | None = None
    stops: tuple[int, ...] = ()


def sides_of(
    rows: Sequence[Form],
    form: Form,
    point: Form,
    start: Sequence[int],
    check: Callable[[], None] = lambda: None,
) -> Sides:
    """Return what a hyperplane does to the cell of `rows`, none of which is negative there.

    Parameters
    ----------
    rows : sequence of forms
        They bound the cell; the domain's bounds are among them.
    form : Form
    point : Form
        Strictly inside.
    start : sequence of int
        Rows that probably stop the form on the other side of the hyperplane.
    check : callable
        Raises when time is up.
    """
    if not any(form):
        return Sides(-1, point)
    at = value(form, point)
    sign = 1 if at > 0 else -1
    gain = tuple(-sign * number for number in form)
    end, stops = farthest(rows, gain, start, check)
    beyond = value(gain, end)
    if at != 0:
        if beyond <= 0:
            return Sides(sign, point, None, tuple(stops))
        # halfway between the hyperplane and the end
        near = beyond * point[-1]
        return Sides(sign, point, between(point, end, near, near + 2 * abs(at) * end[-1]))
    other, _ = farthest(rows, form, start, check)
    return Sides(sign, between(point, other, 1, 1), between(point, end, 1, 1))


def stopped_by(rows: Sequence[Form], form: Form, point: Form) -> int:
    """Return the form's sign at a point if a few rows prove that it has no other, else 0."""
    at = value(form, point)
    sign = (at > 0) - (at < 0)
    return sign if dominated(rows, tuple(-sign * number for number in form)) else 0


def between(one: Form, two: Form, first: int, second: int) -> Form:
    """Return the mean of two homogeneous points with two weights."""
    a, b = first * two[-1], second * one[-1]
    return primitive([a * x + b * y for x, y in zip(one, two, strict=True)])


def floats(point: Form) -> np.ndarray:
    """Return the coordinates of a homogeneous point, rounded."""
    return np.array([number / point[-1] for number in point[:-1]])


def whole(point: np.ndarray) -> Form:
    """Return a float64 point as homogeneous integers."""
    exact = Scaled.of(np.append(point, 1.0))
    return primitive(exact.ints.tolist())


def rounded(rows: Sequence[Form], point: Form) -> np.ndarray | None:
    """Return the point rounded to float64, if it is still strictly inside."""
    near = floats(point)
    exact = whole(near)
    return near if all(value(row, exact) > 0 for row in rows) else None
