"""The kernel of networks whose layers share parameters, freeze them, or compute their weights."""

import copy

import numpy as np
import pytest
import torch
from test_empirical_ntk import perceptron, points, seeded
from torch import nn

import regions
from regions import theory
from regions.errors import ArgumentError, UnsupportedModelError


def kernel_by_backward(model, x, y):
    """Return the kernel of a module from its own backward passes, all by PyTorch."""
    trained = [p for p in model.parameters() if p.requires_grad]  # shared ones once

    def rows(points):
        found = []
        for point in torch.tensor(points, dtype=torch.float64):
            for value in model(point[None]).reshape(-1):
                grads = torch.autograd.grad(
                    value, trained, retain_graph=True, materialize_grads=True
                )
                found.append(torch.cat([g.reshape(-1) for g in grads]))
        return torch.stack(found).reshape(len(points), -1).numpy()

    return rows(x) @ rows(y).T


class Shared(nn.Module):
    """Layers may share weights, biases, or a whole module."""

    def __init__(self, weights=(), biases=(), repeat=False, frozen=()):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
        self.last = nn.Linear(4, 2)
        for index in weights[1:]:
            self.layers[index].weight = self.layers[weights[0]].weight
        for index in biases[1:]:
            self.layers[index].bias = self.layers[biases[0]].bias
        self.repeat = repeat
        for name in frozen:
            self.get_parameter(name).requires_grad_(False)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
            x = torch.relu(layer(x)) if self.repeat else x
        return self.last(x)


CASES = {
    "nothing shared": {},
    "two weights": {"weights": (0, 2)},
    "three weights": {"weights": (1, 2, 3)},
    "biases": {"biases": (0, 3)},
    "weights and biases": {"weights": (0, 1), "biases": (1, 2, 3)},
    "modules": {"repeat": True},
    "modules and weights": {"repeat": True, "weights": (0, 3)},
    "a frozen weight": {"frozen": ("layers.1.weight",)},
    "a frozen bias": {"frozen": ("last.bias",)},
    "a frozen layer": {"frozen": ("layers.0.weight", "layers.0.bias")},
    "a frozen shared weight": {"weights": (0, 2), "frozen": ("layers.2.weight",)},
    "all but one frozen": {
        "frozen": (
            *(f"layers.{i}.{kind}" for i in range(4) for kind in ("weight", "bias")),
            "last.bias",
        )
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_shared_and_frozen_parameters_agree_with_autograd(case, masked):
    model = seeded(lambda: Shared(**CASES[case])).double()
    x, y = points(6, (4,)), points(5, (4,), seed=2)
    before = kernel_by_backward(model, x, y)
    assert np.abs(before).max() > 0.01
    if not masked:
        np.testing.assert_allclose(theory.empirical_ntk(model, x, y), before, rtol=1e-9, atol=1e-12)
        return
    masks = regions.prune(model, 0.6, "random", rng=1)
    found = theory.empirical_ntk(model, x, y, masks)
    applied = masks.apply(copy.deepcopy(model))  # frozen weights stay frozen
    expected = kernel_by_backward(applied, x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(theory.empirical_ntk(applied, x, y), expected, atol=1e-9)
    assert not np.allclose(found, before)


def test_the_kernel_of_a_shared_scalar_by_hand():
    """f = w relu(w x): df/dw = 2 w x, one parameter; as two parameters it would be half as much."""
    model = nn.Sequential(
        nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False)
    ).double()
    model[2].weight = model[0].weight
    model[0].weight.data[:] = 3.0
    assert theory.empirical_ntk(model, [2.0]) == (2 * 3 * 2) ** 2 == 144
    model[2].weight = nn.Parameter(model[0].weight.detach().clone())
    assert theory.empirical_ntk(model, [2.0]) == 2 * (3 * 2) ** 2 == 72
    model[2].weight.requires_grad_(False)
    assert theory.empirical_ntk(model, [2.0]) == 36


def test_masks_and_scales_of_a_shared_weight():
    model = seeded(lambda: Shared(weights=(0, 2))).double()
    x, mask = points(5, (4,)), np.tri(4, dtype=bool)
    one = theory.empirical_ntk(model, x, masks={"layers.0": mask})
    both = theory.empirical_ntk(model, x, masks={"layers.2": mask, "layers.0": mask})
    np.testing.assert_allclose(one, both, rtol=1e-12)
    applied = regions.Masks({"layers.2": mask}).apply(copy.deepcopy(model))
    np.testing.assert_allclose(one, kernel_by_backward(applied, x, x), rtol=1e-9)
    with pytest.raises(ArgumentError, match="different masks"):
        theory.empirical_ntk(model, x, masks={"layers.0": mask, "layers.2": ~mask})
    scaled = copy.deepcopy(model)  # a factor in front of each use of the shared weight
    scales = [2.0, 1.0, 0.5, 1.0, 3.0]
    hooks = [*scaled.layers, scaled.last]
    for layer, scale in zip(hooks, scales, strict=True):
        layer.forward = lambda v, p=layer, s=scale: nn.functional.linear(v, s * p.weight, p.bias)
    found = theory.empirical_ntk(model, x, scales=scales)
    np.testing.assert_allclose(found, kernel_by_backward(scaled, x, x), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize(
    "norm",
    [
        nn.utils.spectral_norm,
        nn.utils.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.weight_norm,
    ],
)
def test_normalised_weights_are_differentiated_by_their_parameters_or_refused(norm):
    model = perceptron().double().eval()
    norm(model[2])
    x = points(4)
    with torch.no_grad():
        model(torch.tensor(x))
    np.testing.assert_allclose(
        theory.empirical_ntk(model, x), kernel_by_backward(model, x, x), rtol=1e-9
    )
    with pytest.raises(UnsupportedModelError, match="layer '2' is computed"):
        theory.empirical_ntk(model, x, masks={"2": np.eye(8, 9)})


def test_networks_that_train_nothing_and_lists_of_shared_parameters_are_refused():
    model = perceptron().requires_grad_(False)
    with pytest.raises(ArgumentError, match="trains none of its parameters"):
        theory.empirical_ntk(model, points(3))
    layer = nn.Linear(4, 4).double()
    pairs = [(layer.weight, layer.bias), (layer.weight, None)]
    with pytest.raises(ArgumentError, match="shared between layers or frozen"):
        theory.empirical_ntk(pairs, points(3, (4,)))
