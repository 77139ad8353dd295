"""What a piece of a line carries, and units that nothing reaches: they cost nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn

import regions
from regions.counting.line.kinks import Segments
from regions.counting.line.knots import line_frame
from regions.counting.line.pieces import Flips
from regions.counting.line.stretch import Stretch
from regions.counting.line.walk import Walker, _behind
from regions.counting.line.wiring import Wiring


def pooled(bias):
    """Return a network with a maximum over units that a bias of the convolution moves."""
    torch.manual_seed(0)
    first = nn.Conv2d(1, 3, 3)
    nn.init.constant_(first.get_parameter("bias"), bias)
    model = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2))
    return regions.as_network(model, (1, 6, 6))


def test_numbers_that_are_alive_at_once_are_what_a_chain_reads_and_writes():
    widths = [3, 5, 4, 2]
    layers = [(np.ones((m, n)), np.ones(m)) for n, m in pairwise(widths)]
    assert Segments(regions.as_network(layers)).rooms == (10, 9, 6)


def test_maxima_of_units_that_nothing_reaches_are_not_looked_at():
    rng = np.random.default_rng(0)
    line = regions.Slice.through(rng.normal(size=(2, 36)))
    looked = []
    for bias in (-100.0, 100.0):
        net = pooled(bias)
        walker = Walker(net, Stretch(net, line_frame(net, line), 0), False, None)
        piece = walker.push(walker.piece(-1.0, 1.0))
        while piece.layer < 1:
            piece = walker.push(_behind(walker, piece)[-1])
        looked.append(len(piece.doubtful))
    assert looked[0] == 0 < looked[1]


def test_a_unit_is_dead_where_all_that_it_reads_is_inactive(rng):
    net = pooled(0.0)
    first = net.relu_layers[0].size
    for _ in range(20):
        active = rng.random(size=(3, sum(net.widths[1:-1]))) < 0.1
        state = net.start(np.ones((3, 36)))
        ones = {name: (np.asarray(v) != 0) * 1.0 for name, v in net.parameters.items()}
        _, state = regions.ReLUNetwork(net.graph, ones).advance(state, 0)
        state = net.activate(state, 0, active[:, :first] * rng.uniform(1, 2, size=(3, first)))
        reached = net.advance(state, 1)[0] != 0
        units = rng.permutation(reached.shape[1])[:7]
        assert (Wiring(net).dead(1, active, units) == ~reached[:, units]).all()


def test_units_that_are_active_in_any_gap():
    active = np.array([True, False, False, True])
    flips = Flips(np.array([1, 2, 3]), np.array([0, 1, 1]))
    gaps = np.array([flips.pattern(active, gap) for gap in range(4)])
    assert gaps[:, 1].tolist() == [False, False, True, False]
    assert gaps[:, 0].tolist() == [True, False, False, False]
