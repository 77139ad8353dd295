"""Precision of the activations: rounding is no direction."""

import numpy as np
import pytest
import torch
from small_networks import noise
from torch import nn

import regions


def test_half_precision_activations_are_summed_in_double():
    X = noise(4000, 5).double()
    Y = X @ noise(5, 5, seed=1).double()
    exact = regions.cca(X.numpy(), Y.numpy()).value
    for kind in (torch.float16, torch.bfloat16, torch.float32):
        result = regions.cca(X.to(kind), Y.to(kind))
        assert result.value == pytest.approx(exact, abs=1e-3)
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(6, 8)).to(torch.bfloat16)
        found = regions.compare_layers(model, model, noise(300, 6), measure="cca")
    assert found["0"].value == pytest.approx(1, abs=1e-9)


def test_rounding_in_single_precision_is_no_direction(networks):
    """Eight preactivations of six inputs have six directions, and rounding in two more."""
    dense, pruned = networks
    for accumulator in ("moments", "tsqr", "store"):
        found = regions.compare_layers(
            dense, pruned, noise(700, 6), measure="cca", layers=["0"], accumulator=accumulator
        )["0"]
        assert (found.rank_x, found.rank_y, found.k) == (6, 6, 6)
        assert found.value == pytest.approx(1, abs=1e-6)  # the same six inputs


class Biased(nn.Module):
    """Few directions far below the bias, of which single precision keeps some digits only."""

    def __init__(self, seed, bias):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.layer = nn.Linear(5, 15)
        with torch.no_grad():
            self.layer.weight.copy_(torch.as_tensor(0.01 * rng.standard_normal((15, 5))))
            self.layer.bias.copy_(torch.as_tensor(bias * (1 + rng.random(15))))

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize("bias", [0.0, 1.0, 30.0, 300.0])
@pytest.mark.parametrize("accumulator", ["moments", "tsqr", "store"])
def test_rounding_of_a_large_bias_is_no_direction(bias, accumulator):
    models = Biased(0, bias), Biased(1, bias)
    inputs = noise(600, 5)
    found = regions.compare_layers(*models, inputs, measure="cca", accumulator=accumulator)
    direct = regions.cca(*(model(inputs) for model in models))
    for result in (found["layer"], direct):
        assert (result.rank_x, result.rank_y) == (5, 5)
        assert result.value > 0.99
        assert result.status == "ok"


def test_small_directions_beside_a_large_bias_are_kept():
    """The rounding of one biased neuron says nothing of the others."""
    rng = np.random.default_rng(2)
    X = (rng.standard_normal((600, 6)) * [1, 1, 1, 1, 1e-3, 1]).astype("float32")
    X[:, 5] += 1e5
    X[:, 4] += X[:, 1]
    assert regions.cca(X, X).rank_x == 6
    rounded = X.copy()
    rounded[:, 5] = 1e5 + X[:, 0]  # a copy of neuron 0, but for rounding
    assert regions.cca(rounded, rounded).rank_x == 5
