"""Flats in boxes, against the extreme rays of the part inside, in integers."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from regions.errors import DomainError
from regions.networks import Box, Slice
from regions.networks.inside import is_bounded, meets_inside


def corners(points, low, high):
    """Return the vertices (a, 1) and directions (a, 0) of a flat's part in a box; d is 1 or 2."""
    exact = [[Fraction(x) for x in point] for point in points]
    start, d = exact[0], len(points) - 1
    columns = [[p[i] - start[i] for p in exact[1:]] for i in range(len(start))]
    rows = []
    for i, column in enumerate(columns):
        for sign, bound in ((1, low[i]), (-1, high[i])):
            if np.isfinite(bound):
                rows.append([*(sign * x for x in column), sign * (start[i] - Fraction(bound))])
    rows.append([*[0] * d, 1])  # the hyperplane at infinity
    found = set()
    for chosen in combinations(rows, d):
        if d == 1:
            ((a, c),) = chosen
            rays = [(-c, a)]
        else:
            (a, b, c), (e, f, g) = chosen
            rays = [(b * g - c * f, c * e - a * g, a * f - b * e)]
        for ray in [*rays, *(tuple(-x for x in ray) for ray in rays)]:
            if any(ray) and ray[-1] >= 0:
                inside = [sum(x * y for x, y in zip(row, ray, strict=True)) for row in rows]
                if min(inside) >= 0:
                    scale = sum(map(abs, ray))
                    found.add(tuple(x / scale for x in ray))
    return found, rows


def drawn(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    points = rng.integers(-2, 3, size=(d + 1, n)).astype(float)
    points += (seed % 2) * 1e-16 * rng.normal(size=points.shape)
    low = rng.integers(-2, 2, size=n).astype(float)
    high = low + rng.integers(1, 3, size=n)
    if seed % 3 == 0:
        low[rng.random(n) < 0.4], high[rng.random(n) < 0.4] = -np.inf, np.inf
    full = np.linalg.matrix_rank(points[1:] - points[0]) == d
    moving = (points != points[0]).any(axis=0)
    return (points, low, high) if full and moving.all() else None


def test_what_flats_have_inside_a_box():
    counts = {True: 0, False: 0, "open": 0}
    for seed in range(600):
        case = drawn(seed)
        if case is None:
            continue
        found, rows = corners(*case)
        middle = [sum(ray[k] for ray in found) for k in range(len(rows[0]))]
        deep = [sum(x * y for x, y in zip(row, middle, strict=True)) > 0 for row in rows]
        # a part that holds a whole line is not told by its corners
        if (not found and len(rows) <= 2) or any(tuple(-x for x in ray) in found for ray in found):
            continue
        inside = bool(found) and all(deep)
        assert meets_inside(*case) == inside, seed
        counts[inside] += 1
        if inside:
            bounded = all(ray[-1] > 0 for ray in found)
            assert is_bounded(*case) == bounded, seed
            counts["open"] += not bounded
    assert min(counts.values()) >= 20, counts


@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-12, 1e-16])
def test_thin_slices_are_no_empty_ones(gap):
    square = Box.cube(2, -1.0, 1.0)
    # x + y = 2 - gap cuts the corner (1, 1) off; 1 - 1e-16 is the float below 1
    points = np.array([[-1.0, 3.0], [1.0, 1.0 - gap]])
    points[1, 1] = min(points[1, 1], np.nextafter(1.0, 0))
    line = Slice.through(points, box=square)
    assert line.bounded
    with pytest.raises(DomainError, match="inside of the box"):
        Slice.through([[-1.0, 3.0], [1.0, 1.0]], box=square)


@pytest.mark.parametrize("far", [1e6, 1e9, 1e12])
def test_slices_through_points_far_away(far):
    step = float(np.spacing(far)) * 8
    plane = Slice.through([[far, far, 0], [far + step, far, 0], [far, far + step, step]])
    assert plane.dimension == 2
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-12)
    # control: these lie on one line
    with pytest.raises(DomainError, match="do not span"):
        Slice.through([[far, far], [far + step, far + step], [far + 2 * step, far + 2 * step]])


def test_points_too_far_apart_are_refused():
    with pytest.raises(DomainError, match="span"):
        Slice.through([[1.7e308, 0.0], [-1.7e308, 0.0]])


def test_faces_of_a_box_are_inside_where_all_points_agree():
    cube = Box.cube(3, -1.0, 1.0)
    face = [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    assert Slice.through(face, box=cube).bounded
    with pytest.raises(DomainError):
        Slice.through(np.add(face, [0, 0, 1e-15]), box=cube)


@pytest.mark.parametrize(("tilt", "bounded"), [(1e-13, True), (0.0, False), (-1e-13, False)])
def test_open_boxes_whose_sides_are_nearly_parallel(tilt, bounded):
    # 0 <= a, b <= a and (1 + tilt) a - b <= 1: a can grow up to 1 / tilt
    box = Box([0.0, -np.inf, -np.inf], [np.inf, 0.0, 1.0])
    points = [[0.0, 0.0, 0.0], [1.0, -1.0, 1.0 + tilt], [0.0, 1.0, -1.0]]
    assert Slice.through(points, box=box).bounded is bounded
