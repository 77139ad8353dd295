"""Precision of the activations: rounding is no direction."""

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
