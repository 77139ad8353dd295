"""Units that are multiples of others: found exactly, and only those."""

from __future__ import annotations

import numpy as np
from counting_oracles import dense

from regions.counting.tree.twins import twins_of


def test_multiples_are_found_and_near_multiples_are_not(rng):
    weight, bias = rng.normal(size=(7, 3)), rng.normal(size=7)
    weight[3], bias[3] = -2.0 * weight[1], -2.0 * bias[1]
    weight[4], bias[4] = 0.5 * weight[3], 0.5 * bias[3]
    weight[5], bias[5] = weight[0], np.nextafter(bias[0], 9.0)
    weight[6], bias[6] = 0.0, 0.0
    twins, signs = twins_of(dense((weight, bias), (rng.normal(size=(2, 7)), np.zeros(2))))
    assert twins.tolist() == [-1, -1, -1, 1, 1, -1, -1, -1, -1]
    assert signs[3:5].tolist() == [-1, -1]


def test_integer_multiples_that_powers_of_two_do_not_reach():
    rows = np.array([[1.0, -3.0], [3.0, -9.0], [-2.0, 6.0], [1.0, 3.0], [-3.0, 3.0], [3.0, 3.0]])
    twins, signs = twins_of(dense((rows, np.zeros(6))))
    assert twins.tolist() == [-1, 0, 0, -1, -1, -1]
    assert signs.tolist() == [1, 1, -1, 1, 1, 1]
