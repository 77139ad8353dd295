"""Choices by a comparison are read exactly where they are continuous; jumps are refused."""

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import UnsupportedModelError


class Between(nn.Module):
    """A function of hidden values between two linear layers."""

    def __init__(self, function, width=6, outputs=6):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.last = nn.Linear(5, width), nn.Linear(outputs, 2)
        self.function = function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


def assigned(h):
    h[h < 0] = 0.0
    return h


def assigned_elsewhere(h):
    """The mask is of the values before they are moved: it jumps."""
    mask = h > 0
    h.add_(1.0)
    return h * mask


def overwritten(h):
    mask = h > 0
    mask.logical_not_()
    return h * mask


def partly(h):
    mask = h > 0
    mask[:, 0] = True
    return h * mask


def transposed(h):
    """The mask of other places."""
    square = h.view(-1, 2, 2)
    return (square * (square > 0).transpose(1, 2)).flatten(1)


THRESHOLDS = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0, -0.25])
# name: (the choice, the same function without a comparison)
CONTINUOUS = {
    "where": (lambda h: torch.where(h > 0, h, torch.zeros_like(h)), torch.relu),
    "where, a number": (lambda h: torch.where(h > 0, h, 0.0), torch.relu),
    "where, not strict": (lambda h: torch.where(h >= 0, h, 0.0), torch.relu),
    "where, below": (lambda h: torch.where(h <= 0, 0.0, h), torch.relu),
    "where, turned": (lambda h: torch.where(0 < h, h, 0 * h), torch.relu),
    "leaky": (lambda h: torch.where(h < 0, 0.3 * h, h), lambda h: nn.functional.leaky_relu(h, 0.3)),
    "steep": (lambda h: torch.where(h < 0, -h, 3 * h), lambda h: h.relu() * 3 + (-h).relu()),
    "negative part": (lambda h: torch.where(h < 0, h, 0.0), lambda h: -torch.relu(-h)),
    "product": (lambda h: h * (h > 0), torch.relu),
    "product of numbers": (lambda h: (h > 0).float() * h, torch.relu),
    "product, other type": (lambda h: h * h.gt(0).type_as(h), torch.relu),
    "negated": (lambda h: h * ~(h <= 0), torch.relu),
    "in place": (lambda h: h.mul_(h > 0), torch.relu),
    "two products": (
        lambda h: h * (h >= 0) + 0.2 * h * (h < 0),
        lambda h: nn.functional.leaky_relu(h, 0.2),
    ),
    "fill": (lambda h: h.masked_fill(h < 0, 0.0), torch.relu),
    "assignment": (assigned, torch.relu),
    "threshold": (lambda h: torch.where(h > 1.5, h, 1.5), lambda h: h.clamp(min=1.5)),
    "thresholds": (
        lambda h: torch.where(h > THRESHOLDS.to(h), h, THRESHOLDS.to(h)),
        lambda h: torch.maximum(h, THRESHOLDS.to(h)),
    ),
    "cap": (lambda h: torch.where(h > 2, 2 * torch.ones_like(h), h), lambda h: h.clamp(max=2)),
    "kink": (
        lambda h: torch.where(h > 1, 1 + 0.1 * (h - 1), h),
        lambda h: h - 0.9 * torch.relu(h - 1),
    ),
    "slices": (
        lambda h: torch.cat([h[:, 3:] * (h[:, 3:] > 0), h[:, :3]], 1),
        lambda h: torch.cat([h[:, 3:].relu(), h[:, :3]], 1),
    ),
    "larger of two": (
        lambda h: torch.where((h > h.flip(1)), h, h.flip(1)),
        lambda h: torch.maximum(h, h.flip(1)),
    ),
}
JUMPS = {
    "a step": lambda h: (h > 0).float(),
    "another value": lambda h: torch.where(h > 0, h, 1.0),
    "another threshold": lambda h: torch.where(h > 1, h, 0.0),
    "thresholds": lambda h: torch.where(h > THRESHOLDS.to(h), h, 0.0),
    "other values": lambda h: h * (h.flip(1) > 0),
    "both": lambda h: h * ((h > 0) & (h < 1)),
    "before a change": assigned_elsewhere,
    "in place": overwritten,
    "partly": partly,
    "sum": lambda h: h * ((h > 0).float() + 0.5),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_continuous_choice_is_the_function_that_it_is(name):
    choice, same = CONTINUOUS[name]
    model = Between(choice)
    net = regions.as_network(model)
    points = np.random.default_rng(2).standard_normal((300, 5)) * 3
    with torch.no_grad():
        expected = Between(same).double()(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(net(points), expected, rtol=1e-10, atol=1e-10)
    pattern = net.pattern(points)
    assert pattern.any(axis=0).all() and not pattern.all(axis=0).any()


@pytest.mark.parametrize("name", ["where", "product", "fill", "assignment", "in place"])
def test_the_usual_forms_are_one_relu_layer_without_further_steps(name):
    graphs = [regions.as_network(Between(f)).graph for f in (CONTINUOUS[name][0], torch.relu)]
    assert [[step.kind for step in g.steps] for g in graphs] == [
        ["input", "linear", "relu", "linear"]
    ] * 2


def test_a_leaky_choice_is_a_leaky_relu():
    (layer,) = regions.as_network(Between(CONTINUOUS["leaky"][0])).relu_layers
    assert layer.slope == pytest.approx(0.3, rel=1e-15)


@pytest.mark.parametrize("name", JUMPS)
def test_a_choice_that_jumps_is_refused(name):
    with pytest.raises(UnsupportedModelError, match="jumps"):
        regions.as_network(Between(JUMPS[name]))


def test_a_mask_of_other_places_is_refused():
    with pytest.raises(UnsupportedModelError, match="jumps"):
        regions.as_network(Between(transposed, 4, 4))


def test_a_choice_beside_a_control_flow_is_refused():
    with pytest.raises(UnsupportedModelError, match="Python"):
        regions.as_network(Between(lambda h: h.relu() if (h > 0).any() else h))
