"""Exact forms of units: in any order, and beside units that look the same in float64."""

import itertools

import numpy as np

import regions
from regions.counting.exact.forms import Forms
from regions.counting.tree.frame import frame_of

THIRD = 1 / 3  # rounded: 9 x + 3 and x + THIRD vanish at places 2e-17 apart


def test_forms_of_units_in_any_order():
    """Also of all of them: a layer's rows and its offsets are taken in the same order."""
    pairs = [
        (np.array([[9.0], [1.0], [2.0]]), np.array([3.0, THIRD, -5.0])),
        (np.ones((1, 3)), None),
    ]
    net = regions.as_network(pairs)
    forms = Forms(net, frame_of(net, regions.Box([-1.0], [1.0])).place)
    active = np.ones(3, dtype=bool)
    known = [forms.unit(unit, active) for unit in range(3)]
    assert len(set(known)) == 3
    for order in itertools.permutations(range(3)):
        assert forms.units(0, active, np.array(order)) == [known[unit] for unit in order]


def test_breakpoints_of_two_pairs_of_twins_between_neighbouring_numbers():
    first = np.array([[9.0], [1.0], [9.0], [1.0]]), np.array([3.0, THIRD, 3.0, THIRD])
    net = regions.as_network([first, (np.ones((1, 4)), None)])
    for method in ("line", "cells", "vertices"):
        found = regions.count_regions(net, regions.Box([-1.0], [1.0]), method=method)
        assert (found.count, found.status.name) == (3, "EXACT"), method
