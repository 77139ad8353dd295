"""The largest ball in a polytope, against closed forms."""

import numpy as np
import pytest

from regions.networks.deepest import deepest


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_simplex_holds_its_inscribed_ball(d):
    # x >= 0 and sum x <= 1: the ball touches all sides at 1 / (d + sqrt d)
    rows = np.vstack([-np.eye(d), np.ones((1, d)) / np.sqrt(d)])
    limits = np.append(np.zeros(d), 1 / np.sqrt(d))
    point, radius = deepest(rows, limits)
    assert radius == pytest.approx(1 / (d + np.sqrt(d)))
    assert point == pytest.approx(np.full(d, radius))
    assert deepest(rows, limits, most=0.01)[1] == pytest.approx(0.01)
    assert deepest(rows, limits, [(0.5, 0.5)] + [(None, None)] * (d - 1))[0][0] == 0.5


def test_what_is_empty_or_without_end_has_none():
    line = np.array([[1.0], [-1.0]])
    assert deepest(line, np.array([0.0, -1.0])) is None
    assert deepest(line[:1], np.array([0.0])) is None
    assert deepest(line[:1], np.array([0.0]), most=1.0)[1] == 1.0
