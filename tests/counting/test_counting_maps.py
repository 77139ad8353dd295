"""Distinct maps: float64 tells apart what it can, the rest is compared exactly."""

from __future__ import annotations

import numpy as np

from regions.counting.maps import distinct_maps
from regions.counting.undecided import Undecided
from regions.exact.scaled import Scaled

NEXT = float(np.nextafter(1.0, 2.0))


def names_of(maps, errors, exact):
    left = Undecided()
    names = distinct_maps(np.array(maps), np.array(errors), exact, left)
    return names.tolist(), left


def test_maps_that_differ_by_rounding_alone_are_one():
    same = Scaled.of([1.0])
    names, left = names_of([[1.0], [NEXT]], [[1e-15], [1e-15]], lambda i: same)
    assert names == [0, 0] and left.number == 0
    # the control: without rounding errors they are two
    assert len(set(names_of([[1.0], [NEXT]], [[0.0], [0.0]], None)[0])) == 2


def test_equal_numbers_are_equal_in_every_form():
    # zeros have any exponent, and 6 / 9 is 2 / 3
    forms = [
        (np.array([0, 0], dtype=object), -5, 1),
        (np.array([0, 0], dtype=object), 7, 3),
        (np.array([6, 0], dtype=object), 0, 9),
        (np.array([1, 0], dtype=object), 1, 3),
    ]
    names, _ = names_of(np.zeros((4, 2)), np.ones((4, 2)), lambda i: Scaled(*forms[i]))
    assert names == [0, 0, 1, 1]


def test_without_exact_maps_what_float64_cannot_tell_is_left_undecided():
    names, left = names_of([[1.0], [NEXT], [2.0]], [[1e-15], [2e-15], [1e-15]], None)
    assert names[0] == names[1] != names[2]
    assert (left.number, left.resolution) == (1, 2e-15)
