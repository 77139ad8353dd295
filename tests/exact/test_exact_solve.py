"""Crossings and eliminations are solutions, in integers."""

from fractions import Fraction

import numpy as np
import pytest

from regions.exact.solve import crossing, eliminate, sign, value


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_all_forms_vanish_where_they_cross(rng, d):
    for _ in range(50):
        forms = [tuple(row) for row in rng.integers(-9, 10, size=(d, d + 1)).tolist()]
        point = crossing(forms)
        whole = round(np.linalg.det(np.array(forms, dtype=float)[:, :d]))
        if point is None:
            assert np.linalg.matrix_rank(np.array(forms)) < d
            continue
        assert [value(form, point) for form in forms] == [0] * d
        assert (point[-1] > 0) == (whole != 0) and point[-1] >= 0


def test_more_forms_through_a_point_and_dependent_ones(rng):
    one, two = (1, 2, 0, -3), (0, 1, 1, -2)
    three = tuple(a + b for a, b in zip(one, two, strict=True))
    assert crossing([one, two, three]) is None  # a line in space
    assert crossing([one, two, three, (1, 0, 0, -1)]) == (1, 1, 1, 1)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_elimination_solves(rng, size):
    for _ in range(30):
        matrix = rng.integers(-5, 6, size=(size, size))
        right = rng.integers(-5, 6, size=size)
        rows = np.column_stack([matrix, right]).tolist()
        found = eliminate(rows, size, size)
        if found is None:
            assert round(np.linalg.det(matrix)) == 0
            continue
        pivots, scale = found
        solution = [Fraction(0)] * size
        for place, row in zip(pivots, rows, strict=True):
            solution[place] = Fraction(row[size], scale)
        for row, wanted in zip(matrix.tolist(), right.tolist(), strict=True):
            assert sum(a * x for a, x in zip(row, solution, strict=True)) == wanted


def test_signs():
    assert [sign(number) for number in (-(10**40), 0, 3)] == [-1, 0, 1]
