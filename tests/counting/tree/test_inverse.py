"""Inverses in float64: how far from one their products are, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from regions.counting.tree.inverse import departure, invert


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_the_departure_bounds_what_rational_arithmetic_finds(rng, n):
    for lean in (1.0, 1e-9):
        matrix, inverse = np.ones((n, n)) + lean * rng.normal(size=(n, n)), np.empty((n, n))
        assert invert(matrix.copy(), inverse)
        exact = [[Fraction(x) for x in row] for row in matrix.tolist()]
        for i, row in enumerate(inverse.tolist()):
            off = Fraction(0)
            for j in range(n):
                product = sum(Fraction(x) * exact[k][j] for k, x in enumerate(row))
                off += abs(product - (i == j))
            assert off <= Fraction(departure(inverse, matrix, i))
            assert departure(inverse, matrix, i) < 1e-2


def test_no_inverse():
    assert not invert(np.ones((2, 2)), np.empty((2, 2)))
    assert not invert(np.full((2, 2), np.nan), np.empty((2, 2)))
    # a wrong inverse departs from one
    assert departure(np.eye(2), 2.0 * np.eye(2), 0) >= 1.0
