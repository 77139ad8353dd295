"""What has the name 0 is zero, in exact arithmetic; what is made alike cancels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counting_oracles import dense, random_layers
from families import FAMILIES, case
from torch import nn

import regions
from regions.counting.line.knots import line_frame
from regions.counting.line.names import Names
from regions.counting.line.stretch import Stretch

LINE = regions.Slice.through(np.array([[0.5, -1.0], [-1.0, 0.25]]))


def stretches(net, domain):
    frame = line_frame(net, domain)
    return [Stretch(net, frame, number) for number in range(len(frame.knots) - 1)]


def exact_zeros(stretch, layer, active):
    return np.array([form == (0, 0) for form in stretch.forms.units(layer, active)])


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_names_that_are_zero_are_zero_exactly_and_dead_units_have_them(family, rng):
    for seed in range(6):
        net = case(family, seed).net
        ends = rng.integers(-2, 3, size=(2, net.input_size)).astype(float)
        ends[1] += 0.5
        line = regions.Slice.through(ends)
        for stretch in stretches(net, line):
            places = rng.uniform(-1, 1, size=3)
            active = net.pattern(stretch.inputs(places)[0])
            for layer in range(len(net.relu_layers)):
                named = stretch.cancelled(layer, active)
                units = np.arange(named.shape[1])
                assert (stretch.wiring.dead(layer, active, units) <= named).all()
                for cell, zeros in zip(active, named, strict=True):
                    assert (zeros <= exact_zeros(stretch, layer, cell)).all(), (family, seed)


def test_equal_windows_of_a_pooling_cancel_and_others_do_not():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(2 * 6 * 6, 3),
    ).double()  # fmt: skip
    net = regions.as_network(module.eval(), input_shape=(1, 12, 12))
    images = np.zeros((2, 12, 12))
    images[:, 4:8, 4:8] = np.random.default_rng(0).random((2, 4, 4))  # on a background of zeros
    (stretch,) = stretches(net, regions.Slice.through(images.reshape(2, -1)))
    active = net.pattern(stretch.inputs(np.array([0.1]))[0])
    for layer in range(len(net.relu_layers)):
        named, exact = stretch.cancelled(layer, active)[0], exact_zeros(stretch, layer, active[0])
        assert (named == exact).all()
    assert 0 < named.sum() < len(named)


@pytest.mark.parametrize("weight", [1.0, 2.0, 0.3])
def test_factors_of_two_do_not_gather_over_many_layers(weight):
    # 100 layers, each of which adds two equal values: modulo 2**64 alone, all names would be 0
    layers = [(np.array([[1.0, 0.5], [1.0, 0.5]]), np.ones(2))]
    layers += [(np.full((2, 2), weight), None)] * 100 + [(np.ones((1, 2)), None)]
    net = regions.as_network(layers)
    (stretch,) = stretches(net, LINE)
    active = np.ones((1, 202), dtype=bool)
    for layer in (0, 50, 100):
        assert not stretch.cancelled(layer, active).any()


def test_opposite_values_cancel(rng):
    half = rng.normal(size=(3, 2))
    net = dense((np.vstack([half, half]), None), (np.hstack([np.eye(3), -np.eye(3)]), None))
    (stretch,) = stretches(net, LINE)
    assert stretch.cancelled(1, np.ones((1, 9), dtype=bool)).all()
    active = np.ones((1, 9), dtype=bool)
    active[0, 0] = False  # then one of two equal terms is missing
    assert stretch.cancelled(1, active)[0].tolist() == [False, True, True]


def test_many_cells_are_named_as_single_ones(rng):
    net = dense(*random_layers(rng, [2, 6, 5, 1]))
    (stretch,) = stretches(net, LINE)
    active = rng.random((150, 11)) < 0.3
    together = stretch.cancelled(1, active)
    alone = [stretch.cancelled(1, active[i : i + 1])[0] for i in range(150)]
    assert (together == alone).all() and isinstance(stretch._names, Names)


class Again(nn.Module):
    """max(max(a, b), a) - max(b, a) for two linear functions."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x):
        a, b = self.inner(x).unbind(1)
        return torch.maximum(torch.maximum(torch.maximum(a, b), a), torch.maximum(b, a))


def test_a_maximum_is_called_as_the_larger_one_is():
    torch.manual_seed(0)
    net = regions.as_network(Again().double().eval(), input_shape=(2,))
    (stretch,) = stretches(net, LINE)
    active = net.pattern(stretch.inputs(np.linspace(-1, 1, 20))[0])
    for layer in range(len(net.relu_layers)):
        named = stretch.cancelled(layer, active)
        for cell, zeros in zip(active, named, strict=True):
            assert (zeros == exact_zeros(stretch, layer, cell)).all()
    assert named.any()
