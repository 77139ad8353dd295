"""Sums of sizes on parts of maps: those of the whole maps, with fewer products."""

import numpy as np
import pytest
import torch
from torch import nn

from regions.networks import as_network
from regions.pruning.criteria import positions
from regions.pruning.criteria.positions import Positions
from regions.pruning.criteria.synflow import SynapticFlow
from regions.training import build_model


@pytest.fixture(params=[0, 10**15], ids=["parts", "whole"])
def worth(request, monkeypatch):
    """Run all networks on parts of maps, and then on whole ones as small networks are."""
    monkeypatch.setattr(positions, "_WORTH", request.param)
    return request.param


def whole_flow(network):
    """|w| dR/d|w| on whole maps, step by step in torch."""
    sizes = {n: torch.from_numpy(np.abs(np.atleast_1d(v))) for n, v in network.parameters.items()}
    sizes = {n: v for n, v in sizes.items() if not n.endswith((".bias", ".offset"))}
    chosen = {name: sizes[f"{name}.weight"].requires_grad_() for name in network.prunable}
    ones = torch.ones(1, *network.input_shape, dtype=torch.float64)
    values = network.graph.run({"input": ones}, lambda step, read: step.sizes(read, sizes))
    total = values[network.graph.ends[-1]].sum()
    slopes = torch.autograd.grad(total, list(chosen.values()))
    pairs = zip(chosen.items(), slopes, strict=True)
    return {name: (size * slope).detach().numpy() for (name, size), slope in pairs}


class Branches(nn.Module):
    """A concatenation of branches that see the padding differently, and a shortcut."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 3, 3, 2, 1)
        self.left, self.right = nn.Conv2d(3, 2, 5, 1, 2), nn.Conv2d(3, 1, (1, 3), 1, (0, 1))
        self.last = nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x):
        x = self.first(x).relu()
        y = torch.cat([self.left(x), self.right(x)], 1).relu()
        return (self.last(y) + x).relu().mean((2, 3))


def conv(*numbers, **rest):
    return nn.Sequential(nn.Conv2d(*numbers, **rest), nn.ReLU())


def net(*parts):
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(3))


NETWORKS = {
    "resnet": (lambda: build_model("resnet20", (3, 32, 32), 4, width=2), (3, 32, 32)),
    "strides": (lambda: net(conv(1, 2, 7, 2, 3), conv(2, 3, 3, 2, 1)), (1, 33, 40)),
    "dilation": (lambda: net(conv(1, 2, 3, 1, 4, 3), conv(2, 2, 2)), (1, 19, 17)),
    "groups": (lambda: net(conv(2, 4, 3, 1, 1, groups=2)), (2, 12, 12)),
    "max": (
        lambda: net(conv(1, 2, 3, 1, 1), nn.MaxPool2d(3, 2, 1), conv(2, 2, 3)),
        (1, 25, 25),
    ),
    "late max": (
        lambda: net(*[conv(1, 1, 3, 1, 1) for _ in range(6)], nn.MaxPool2d(3, 2, 1)),
        (1, 12, 14),
    ),
    "max, ceil": (
        lambda: net(conv(1, 2, 3, 1, 1), nn.MaxPool2d(3, 2, ceil_mode=True)),
        (1, 18, 18),
    ),
    "average": (
        lambda: net(conv(1, 2, 3, 1, 1), nn.AvgPool2d(3, 2, 1), conv(2, 2, 3)),
        (1, 16, 16),
    ),
    "adaptive": (
        lambda: net(conv(1, 2, 3, 1, 1), nn.AdaptiveAvgPool2d((3, 4)), conv(2, 2, 2)),
        (1, 16, 17),
    ),
    "branches": (Branches, (2, 21, 18)),
    "maps": (lambda: nn.Sequential(conv(1, 2, 3, 1, 1), nn.Conv2d(2, 1, 3)), (1, 11, 9)),
    "one axis": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3, 1, 1), nn.ReLU(), nn.Flatten()), (2, 9)),
}


def drawn(name):
    make, shape = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make().eval()
        model(torch.zeros(2, *shape))
    return as_network(model, shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_flow_on_parts_is_flow_on_whole_maps(name, worth):
    network = drawn(name)
    found = SynapticFlow(network)({n: np.abs(network.weights[n]) for n in network.prunable})
    for layer, flow in whole_flow(network).items():
        np.testing.assert_allclose(found[layer], flow, rtol=1e-12, atol=0)


def parts(name):
    """How many positions of the first axis each map is kept on, and has."""
    made = Positions(drawn(name))
    small = [made._small[step.name] for step in made.graph.steps[1:]]
    return [(one.step.shape[-2], s.shape[-2]) for one, s in zip(
        small, made.graph.steps[1:], strict=True) if len(s.shape) > 2]  # fmt: skip


def test_parts_are_few(monkeypatch):
    monkeypatch.setattr(positions, "_WORTH", 0)
    # rows of the map between two strided convolutions: read by one tap, or by two
    assert parts("strides")[0] == (2, 17)
    # the first row, the last, and those between
    assert parts("max")[0] == (3, 25)
    # behind six convolutions all rows differ, but the average reads them alike
    kept = parts("late max")
    assert kept[-1][0] == 1 and max(few for few, _ in kept) < 12
