"""Signs that follow from signs of weights are those at points."""

from __future__ import annotations

import numpy as np

import regions
from regions.counting.tree.feeding import Feeding


def network(rng, biased):
    layers = []
    for n, m in ((3, 12), (12, 30)):
        weight = rng.normal(size=(m, n)) * (rng.random((m, n)) < (1.0 if n == 3 else 0.2))
        layers.append((weight, biased * rng.normal(size=m) * (rng.random(m) < 0.5)))
    return layers, regions.as_network([*layers, (np.ones((1, 30)), None)])


def test_signs_are_those_at_points(rng):
    known = 0
    for biased in (0.0, 1.0):
        (first, second), net = network(rng, biased)
        points = rng.normal(size=(200, 3))
        hidden = np.maximum(points @ first[0].T + first[1], 0.0)
        values = hidden @ second[0].T + second[1]
        active = np.column_stack([hidden > 0, values > 0])
        feeding = Feeding.of(net, 1, np.arange(30))
        signs = feeding.signs(active)
        assert (np.where(values > 0, 1, -1) == signs)[signs != 0].all()
        known += (signs != 0).sum()
        # the other sign of one weight would be seen
        weight = feeding.weight.copy()
        weight[np.flatnonzero(signs.any(axis=0))] *= -1
        turned = Feeding(weight, feeding.bias, feeding.before).signs(active)
        assert (np.where(values > 0, 1, -1) != turned)[turned != 0].any()
    assert known > 500


def test_only_plain_layers_behind_another():
    net = regions.as_network([(np.eye(2), None), (np.eye(2), None), (np.ones((1, 2)), None)])
    assert Feeding.of(net, 0, np.arange(2)) is None
    assert Feeding.of(net, 1, np.array([1])).weight.tolist() == [[0.0, 1.0]]
