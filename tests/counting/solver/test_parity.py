"""Parity constraints: p-values, survival probabilities, and bounds that hold."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from counting_oracles import count_cells, count_parity, dense, random_layers

import regions
from regions.counting.result import Status
from regions.counting.solver.parity import pvalue
from regions.errors import ArgumentError, DomainError

SQUARE = regions.Box.cube(2, -1.0, 1.0)


def test_exact_binomial_pvalue():
    by_hand = sum(comb(10, k) * 0.25**k * 0.75 ** (10 - k) for k in range(6, 11))
    assert pvalue(6, 10, slack=2.0) == pytest.approx(by_hand)
    assert pvalue(0, 10, slack=2.0) == 1.0


def test_four_quadrants():
    net = dense((np.eye(2), np.zeros(2)))
    found = count_parity(net, SQUARE, parities=[1, 2], size=2, trials=8, rng=1)
    assert found.status is Status.LOWER_BOUND
    assert found.lower <= 4
    assert found.count is None
    nothing = count_parity(net, SQUARE, parities=12, trials=6, rng=1)
    assert nothing.lower == 1
    assert nothing.details["parities"] is None


def test_below_the_exact_count(rng):
    net = dense(*random_layers(rng, [2, 5, 4]))
    found = count_parity(net, SQUARE, parities=[1, 2, 3], trials=8)
    assert 1 <= found.lower <= count_cells(net, SQUARE).count
    assert found.details["trials"] == 8
    if found.details["parities"] is not None:
        assert found.details["pvalue"] <= 0.05


def test_several_numbers_share_one_error_rate():
    # five survivors of five: p = 1/32 for one r; three r have three chances to err
    net = dense((np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]]), np.full(4, 0.1)))
    options = {"size": 2, "trials": 5, "rng": 0}
    (alone, several) = (count_parity(net, SQUARE, parities=r, **options) for r in (1, [1, 2, 3]))
    assert alone.details["survived"] == 5 and alone.lower == 1
    assert alone.details["pvalue"] == pvalue(5, 5, 1.0) == 1 / 32
    assert several.details["parities"] is None and several.lower == 1
    loose = count_parity(net, SQUARE, parities=[1, 2, 3], confidence=0.5, **options)
    assert loose.details["pvalue"] == pytest.approx(3 * pvalue(loose.details["survived"], 5, 1.0))
    assert loose.lower == 2 ** (loose.details["parities"] - 1)


@pytest.mark.study
def test_coverage_of_its_confidence():
    # three regions: claiming four at r = 3 must fail in at least 95 of 100 runs
    net = dense((np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([-0.3, 0.3])))
    wrong = sum(
        count_parity(net, SQUARE, parities=3, trials=5, size=2, rng=seed).lower > 3
        for seed in range(200)
    )
    print(f"{wrong} wrong bounds in 200 runs at 95 % confidence")
    assert wrong <= 18  # Binomial(200, .05) stays below with probability .99


def test_bad_options():
    net = dense((np.eye(2), np.zeros(2)))
    for option in ({"trials": 0}, {"slack": 0.0}, {"confidence": 0.0}, {"parities": []}):
        with pytest.raises(ArgumentError, match=next(iter(option))):
            count_parity(net, SQUARE, **option)
    with pytest.raises(DomainError, match="bounded"):
        count_parity(net, None)
