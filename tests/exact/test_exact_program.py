"""Linear programs in integers agree with a solver, and certify what they say."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from regions.errors import OutOfTime
from regions.exact.program import dominated, farthest
from regions.exact.solve import value


def polytope(rng, d, rows):
    """Return forms that are positive at the origin, among them those of a box."""
    box = [(*(s * (i == k) for i in range(d)), 4) for k in range(d) for s in (1, -1)]
    more = np.column_stack([rng.integers(-5, 6, size=(rows, d)), rng.integers(1, 9, size=rows)])
    return [*box, *map(tuple, more.tolist())]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_farthest_point_is_the_solvers(rng, d):
    for _ in range(20):
        rows, gain = polytope(rng, d, 6), (*rng.integers(-5, 6, size=d).tolist(), 1)
        start = rng.permutation(len(rows))[:d].tolist()
        point, stops = farthest(rows, gain, start)
        assert point[-1] > 0 and all(value(row, point) >= 0 for row in rows)
        table = np.array(rows, dtype=float)
        solved = linprog(-np.array(gain[:d]), -table[:, :d], table[:, d], bounds=(None, None))
        assert float(Fraction(value(gain, point), point[-1])) == pytest.approx(1 - solved.fun)
        # the rows that stop it vanish there, and show that no more is possible
        top = Fraction(value(gain, point), point[-1])
        most = tuple(x * top.denominator for x in gain[:d])
        shifted = (*most, gain[d] * top.denominator - top.numerator)
        assert all(value(rows[i], point) == 0 for i in stops)
        assert dominated([rows[i] for i in stops], shifted)


def test_what_is_not_dominated():
    rows = [(1, 0, 0), (0, 1, 0)]
    assert dominated(rows, (-1, -1, 0)) and dominated(rows, (-1, 0, -3))
    assert not dominated(rows, (-1, -1, 1)) and not dominated(rows, (1, -1, 0))
    assert not dominated([(1, 1, 0), (1, 1, 0)], (-1, -1, 0))  # rows that are no basis


def test_the_clock_is_looked_at(rng):
    looks = []

    def check():
        looks.append(None)
        if len(looks) == 3:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        farthest(polytope(rng, 4, 5), (1, 2, 3, 4, 0), [], check)
