"""Whether a flat meets the inside of a box, and whether that part of it is bounded: exactly."""

from __future__ import annotations

import numpy as np

from regions.exact.program import farthest
from regions.exact.scaled import Scaled, joined, primitive
from regions.networks.deepest import deepest

Form = tuple[int, ...]
_UNIT = 2.0**-53


def meets_inside(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Tell whether the affine span of some points meets the inside of a box.

    Where all points agree, the box's own faces are inside.

    Parameters
    ----------
    points : (d + 1, n0) array
    low, high : (n0,) arrays
        The box, which may be open on some sides.

    Examples
    --------
    >>> line = np.array([[0.0, 1.0 - 1e-16], [1.0, 1.0 + 1e-15]])
    >>> meets_inside(line, np.array([-2.0, -2.0]), np.array([2.0, 1.0]))
    True
    """
    fixed = (points == points[0]).all(axis=0)
    if (fixed & ((points[0] < low) | (points[0] > high))).any():
        return False
    near = _middle(points, low, high, ~fixed)
    if near is not None and _certainly_inside(points, low, high, ~fixed, near):
        return True
    sides, d = _sides(points, low, high, ~fixed), len(points) - 1
    # the cone of (s a, s) on which every side is at least t times its size
    zeros = (0,) * d
    rows = [(*side, -max(map(abs, side)), 0) for side in sides]
    rows += [(*zeros, 1, -1, 0), (*zeros, -1, 0, 1), (*zeros, 0, 1, 1), *_cube(d, 2)]
    depth = (*zeros, 0, 1, 0)
    end, _ = farthest(rows, depth, [])
    return end[d + 1] > 0


def is_bounded(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Tell whether the affine span of some points is bounded within a box.

    Examples
    --------
    >>> quarter = np.zeros(2), np.full(2, np.inf)
    >>> [is_bounded(np.array([[1.0, 0], [0, y]]), *quarter) for y in (1.0, -1.0)]
    [True, False]
    """
    if np.isfinite(low).all() and np.isfinite(high).all():
        return True
    d = len(points) - 1
    sides = _sides(points, low, high, (points != points[0]).any(axis=0))
    rows = [*dict.fromkeys((*primitive(side[:d]), 0) for side in sides), *_cube(d, 0)]
    for axis in range(d):
        for sign in (1, -1):
            gain = tuple(sign * int(k == axis) for k in range(d + 1))
            end, _ = farthest(rows, gain, [])
            if end[axis]:
                return False
    return True


def _sides(points: np.ndarray, low: np.ndarray, high: np.ndarray, moving: np.ndarray) -> list[Form]:
    """Return the box's sides that cut as forms of the multiples of the points' differences."""
    exact = Scaled.of(points[:, moving])
    columns = joined([exact[1:] - exact[0], exact[:1]])
    found = []
    for sign, bounds in ((1, low[moving]), (-1, high[moving])):
        cutting = np.isfinite(bounds)
        constants = np.zeros((len(points), int(cutting.sum())))
        constants[-1] = bounds[cutting]
        forms = columns[:, cutting] - Scaled.of(constants)
        found += [primitive([sign * int(x) for x in form]) for form in forms.ints.T]
    return list(dict.fromkeys(found))


def _cube(d: int, more: int) -> list[Form]:
    """Return |a_k| <= 1 for the first d of d + more coordinates."""
    return [
        (*(sign * int(k == axis) for k in range(d + more)), 1)
        for axis in range(d)
        for sign in (1, -1)
    ]


def _middle(
    points: np.ndarray, low: np.ndarray, high: np.ndarray, moving: np.ndarray
) -> np.ndarray | None:
    """Return where a linear program in float64 sees the middle of the part inside, if anywhere."""
    directions, start = (points[1:] - points[0])[:, moving].T, points[0, moving]
    rows = np.vstack([directions, -directions])
    with np.errstate(over="ignore"):
        limits = np.concatenate([high[moving] - start, start - low[moving]])
        sizes = np.abs(rows).max(axis=1, initial=0.0)
        cutting = np.isfinite(limits) & (sizes > 0)
        rows, limits = rows[cutting] / sizes[cutting, None], limits[cutting] / sizes[cutting]
    if not len(rows):
        return np.zeros(len(points) - 1)
    if not (np.isfinite(rows).all() and np.isfinite(limits).all()):
        return None
    found = deepest(rows, limits, most=1.0)
    return None if found is None else found[0]


def _certainly_inside(
    points: np.ndarray, low: np.ndarray, high: np.ndarray, moving: np.ndarray, near: np.ndarray
) -> bool:
    """Tell whether float64 certifies that a point of the flat is strictly inside the box."""
    directions, start = (points[1:] - points[0])[:, moving], points[0, moving]
    with np.errstate(over="ignore", invalid="ignore"):
        at = near @ directions + start
        sizes = np.abs(near) @ np.abs(directions) + np.abs(start)
        off = (len(near) + 4) * _UNIT * sizes + 1e-300
        return bool((at - off > low[moving]).all() and (at + off < high[moving]).all())
