"""What pruning reads: the weights that act, the wiring, and which layer gives the outputs."""

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.model.reading import read_model


class HeadFirst(nn.Module):
    """The head is registered before the body."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.body = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6))

    def forward(self, x):
        return self.head(self.body(x).tanh())


def autoencoder():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(5, 4, 3, 2, 1, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 3, 2, 1, 1),
    )


class Masked(nn.Linear):
    """A layer with a mask of its own, as ShrinkBench has it."""

    def __init__(self, i, o, kept):
        super().__init__(i, o)
        self.register_buffer("mask", (torch.rand(o, i) < kept).float())

    def forward(self, x):
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


class Standardised(nn.Linear):
    def forward(self, x):
        weight = self.weight - self.weight.mean(1, keepdim=True)
        return nn.functional.linear(x, weight, self.bias)


def test_the_output_layer_follows_from_the_wiring():
    assert read_model(HeadFirst(), (5,)).output_layers == ("head",)
    masks = regions.prune(HeadFirst(), 0.5, input_shape=(5,))
    assert [name for name in masks if masks[name].all()] == ["head"]
    assert sum(masks[name].sum() for name in ("body.0", "body.2")) == 33


@pytest.mark.filterwarnings("ignore:prune handles:UserWarning")
def test_layers_before_transposed_convolutions_are_no_output_layer():
    masks = regions.prune(autoencoder(), 0.05, input_shape=(3, 8, 8))
    kept = sum(int(mask.sum()) for mask in masks.arrays.values())
    assert kept == round(0.05 * (3 * 4 * 9 + 4 * 5 * 9))
    allocation = regions.allocate(autoencoder(), 0.3, "uniform", input_shape=(3, 8, 8))
    assert max(allocation.densities.values()) < 1.0


def test_weights_that_a_layer_masks_itself_are_not_kept_again():
    torch.manual_seed(0)
    model = nn.Sequential(Masked(20, 30, 0.1), nn.ReLU(), Masked(30, 4, 1.0))
    live = model[0].mask.numpy() != 0
    masks = regions.prune(model, {"0": 0.05})
    assert masks["0"].sum() == 30
    assert not (masks["0"] & ~live).any()
    carried = regions.Masks.from_model(model)
    np.testing.assert_array_equal(carried["0"], live)
    assert carried.effective().weights["0"] <= live.sum()
    masks.apply(model)
    acting = regions.as_network(model).weights["0"]
    np.testing.assert_array_equal(acting != 0, masks["0"] & live)


def test_zeros_that_would_not_act_are_refused():
    model = nn.Sequential(Standardised(6, 5), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(ArgumentError, match=r"\['0'\] compute their weight"):
        regions.prune(model, 0.5)
    weight = model[0].weight.detach().double().numpy()
    found = read_model(model).weights["0"]
    np.testing.assert_allclose(found, weight - weight.mean(1, keepdims=True), atol=1e-6)
    assert int(regions.prune(model, {"2": 0.5}, prune_output=True)["2"].sum()) == 5


def test_what_needs_more_than_the_wiring_says_so():
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3))
    effective = regions.allocate(model, 0.5, "effective-weights", prune_output=True, rng=0)
    assert sum(effective.counts.values()) == 21
    assert regions.prune(model, 0.5, repair=True).effective().total_weights > 0
    masks = regions.prune(model, 0.5, "disjoint")
    assert masks.effective().weights["0"] == masks.counts["0"]
    for needs in (
        lambda: regions.allocate(model, 0.5, "live"),
        lambda: regions.prune(model, 0.5, "synflow"),
    ):
        with pytest.raises(UnsupportedModelError, match=r"only .* wiring is known.*GELU"):
            needs()
