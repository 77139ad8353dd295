"""Bounds of large networks from kernels and wiring: valid, in order, and equal where ranks are."""

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.bounds import supports, upper
from regions.bounds.channels import channel_steps
from regions.bounds.on_mask import RECURSIONS
from regions.bounds.recursion import exact_count
from regions.bounds.supports import supports_of_network
from regions.errors import UnsupportedModelError


class Residual(nn.Module):
    def __init__(self, kept=1.0, slope=0.0):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.c, self.d = nn.Conv2d(3, 4, 1, 2), nn.Linear(16, 2)
        self.act = nn.LeakyReLU(slope) if slope else nn.ReLU()
        with torch.no_grad():
            for layer in (self.a, self.b, self.c):
                layer.weight *= torch.rand(layer.weight.shape) < kept

    def forward(self, x):
        x = self.act(self.a(x))
        x = self.act(self.b(x) + x)
        return self.d(torch.flatten(self.act(self.c(x)), 1))


def network(kept=1.0, slope=0.0, seed=0):
    torch.manual_seed(seed)
    return regions.as_network(Residual(kept, slope), (1, 4, 4))


def plain(kept, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten()),
        nn.Linear(4, 2),
    )
    with torch.no_grad():
        model[0].weight *= torch.rand(model[0].weight.shape) < kept
        model[2].weight *= torch.rand(model[2].weight.shape) < kept
    return regions.as_network(model, (1, 4, 4))


@pytest.mark.parametrize("kind", RECURSIONS)
@pytest.mark.parametrize("kept", [1.0, 0.3, 0.15])
@pytest.mark.parametrize("make", [network, plain])
def test_units_are_those_of_the_matrices_and_ranks_no_smaller(make, kind, kept):
    for seed in range(3):
        net = make(kept, seed=seed)
        exact = RECURSIONS[kind](supports_of_network(net, ranks=True))
        loose = channel_steps(net, kind)
        assert [step.units for step in loose] == [step.units for step in exact]
        assert all(a.rank >= b.rank for a, b in zip(loose, exact, strict=True))
        dense = regions.upper_bound(net, "serra").value
        assert exact_count(exact, 16) <= exact_count(loose, 16) <= dense


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("kept", [1.0, 0.3])
def test_counts_on_a_line_stay_below(kept, slope):
    net = network(kept, slope)
    line = regions.Slice.through(np.random.default_rng(0).normal(size=(2, 16)))
    count = regions.count_regions(net, line).count
    for kind in ("rank", "rows", "live"):
        assert count <= exact_count(channel_steps(net, kind), 1)
    assert count > 4


def test_a_kernel_of_low_rank_lowers_the_bound():
    net = plain(1.0)
    weight = net.parameters["0.weight"].copy()
    low = {**net.parameters, "0.weight": np.repeat(weight[:1], 3, axis=0)}
    flat = regions.networks.ReLUNetwork(net.graph, low)
    assert channel_steps(net, "rank")[0].rank == 12
    assert channel_steps(flat, "rank")[0].rank == 4
    assert exact_count(channel_steps(flat, "rank"), 16) < exact_count(
        channel_steps(net, "rank"), 16
    )


def test_large_networks_take_this_way_and_what_cannot_is_refused(monkeypatch):
    net = network(0.3)
    usual = {kind: regions.upper_bound(net, kind).value for kind in RECURSIONS}
    monkeypatch.setattr(upper, "MAX_ENTRIES", 100)
    monkeypatch.setattr(supports, "_MOST_ENTRIES", 100)
    for kind in RECURSIONS:
        found = regions.upper_bound(net, kind).value
        assert found == exact_count(channel_steps(net, kind), 16) >= usual[kind]
    with pytest.raises(UnsupportedModelError, match=r"matrices of whole layers.*entries"):
        regions.upper_bound(net, "activation")
