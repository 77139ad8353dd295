"""The scale of a domain without ends."""

from __future__ import annotations

import numpy as np
import pytest

import regions
from regions.counting.scale import typical_distance


def distance(weights, biases):
    net = regions.as_network([(weights, biases), (np.ones((1, len(biases))), np.zeros(1))])
    return typical_distance(net, np.vstack([np.eye(2), np.zeros(2)]))


def test_the_median_of_distances_that_are_some():
    # boundaries at 0, 0, 0, 1 and 4, and a unit without any
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    assert distance(weights, np.array([0.0, 0.0, 0.0, 5.0, -8.0, 7.0])) == pytest.approx(2.5)


def test_a_network_without_distances_has_scale_one():
    assert distance(np.eye(2), np.zeros(2)) == 1.0
    linear = regions.as_network([(np.ones((1, 2)), np.ones(1))])
    assert typical_distance(linear, np.vstack([np.eye(2), np.zeros(2)])) == 1.0
