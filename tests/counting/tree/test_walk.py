"""Stages take every unit once, and pieces of a batch are the batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import regions
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree
from regions.counting.tree.walk import stages_of


def net_of(rng, widths):
    layers = [(rng.normal(size=(m, n)), rng.normal(size=m)) for n, m in pairwise(widths)]
    return regions.as_network([*layers, (np.ones((1, widths[-1])), None)])


def test_stages_take_every_unit_once(rng):
    net = net_of(rng, [3, 7, 5])
    for head, tail in ((None, 0), (np.array([1, 4]), 0), (np.arange(7), 2), (np.array([6]), 5)):
        stages = stages_of(net, head, tail)
        assert sorted(np.concatenate([stage.hidden for stage in stages])) == list(range(12))
        assert [stage.layer for stage in stages if stage.last] == [0, 1]


def test_columns_pushed_again_are_those_carried_along(rng):
    net = net_of(rng, [2, 5, 4])
    tree, root = halfspace_tree(frame_of(net, regions.Box.cube(2, -1.0, 1.0)))
    for batch in tree.children(root):
        whole, _ = tree.forms(batch)
        pieces = [tree.forms(piece)[0] for piece in tree.resized(batch, 2)]
        assert np.allclose(np.concatenate([piece.values for piece in pieces]), whole.values)
        # inside its cell a form takes the network's own values
        inputs = tree.frame.coordinates(batch.cells.points)
        _, state = net.advance(net.start(inputs), 0)
        state = net.activate(state, 0, net.slopes(0, batch.active[:, :5]))
        at, _ = net.advance(state, 1)
        points = np.column_stack([batch.cells.points, np.ones(len(batch))])
        assert np.allclose(np.einsum("ck,cku->cu", points, whole.values), at)
