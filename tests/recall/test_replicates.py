"""Numbers of models against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

import regions
from regions.errors import ArgumentError


@pytest.mark.parametrize(
    ("delta", "expected"),
    [(0.5, (34, 44, 51, 63)), (0.75, (16, 21, 25, 30)), (1, (10, 13, 16, 19)), (2, (5, 5, 7, 8))],
)
def test_replicates(delta, expected):
    cases = [(0.05, 0.8), (0.05, 0.9), (0.01, 0.8), (0.01, 0.9)]
    found = tuple(regions.replicates(1.0, delta, a, power) for a, power in cases)
    assert found == expected
    for models, (a, power) in zip(found, cases, strict=True):
        assert (
            TTestPower().power(delta, models, a) >= power > TTestPower().power(delta, models - 1, a)
        )


def test_replicates_of_two_arms_and_bad_input():
    models = regions.replicates(1.0, 0.5, two_sample=True)
    assert models == np.ceil(TTestIndPower().solve_power(0.5, alpha=0.05, power=0.8)) == 64
    assert regions.replicates(0.001, 10.0) in (2, 3)
    for bad in ((0, 1), (1, 0), (1, 1, 0.0), (1, 1, 0.9, 0.8), (1, 1e-12)):
        with pytest.raises(ArgumentError):
            regions.replicates(*bad)
