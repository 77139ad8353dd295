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


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
def test_a_compiled_model_has_the_layers_of_the_model_that_was_compiled():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 4))
    compiled = torch.compile(model)
    masks, expected = (regions.prune(part, 0.3, repair=True) for part in (compiled, model))
    assert list(masks) == ["0", "2"]
    assert all(np.array_equal(masks[name], expected[name]) for name in masks)
    masks.apply(compiled)
    np.testing.assert_array_equal(model[0].weight.detach() != 0, masks["0"])
    np.testing.assert_array_equal(regions.Masks.from_model(compiled)["0"], masks["0"])


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


class OwnLayer(nn.Module):
    """ShrinkBench's form of a masked layer: no Linear, with the mask as its buffer."""

    def __init__(self, layer, kept):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("weight_mask", (torch.rand(layer.weight.shape) < kept).float())
        self.weight.data.mul_(self.weight_mask)
        self.in_features = layer.weight.shape[1]

    def forward(self, x):
        weight = self.weight * self.weight_mask
        if weight.ndim == 2:
            return nn.functional.linear(x, weight, self.bias)
        return nn.functional.conv2d(x, weight, self.bias, padding=1)


class Functional(nn.Module):
    """A layer of one's own around F.linear, without a bias."""

    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(o, i))

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


def shrinkbench():
    torch.manual_seed(0)
    return nn.Sequential(
        OwnLayer(nn.Linear(20, 30), 0.3), nn.ReLU(), OwnLayer(nn.Linear(30, 10), 0.3),
        nn.ReLU(), nn.Linear(10, 3),
    )  # fmt: skip


def test_layers_of_shrinkbench_are_layers():
    model = shrinkbench()
    found = regions.Masks.from_model(model)
    assert list(found) == ["0", "2", "4"]
    for name in ("0", "2"):
        assert (found[name] == (model[int(name)].weight_mask != 0).numpy()).all()
    masks = regions.prune(model, 0.1, repair=True)
    assert all((masks[name] <= found[name]).all() for name in ("0", "2"))
    assert masks.effective().total_weights == sum(masks.counts.values())
    with pytest.raises(ArgumentError, match=r'weight_mask of its own.*how="zeros"'):
        masks.apply(model)
    applied = masks.apply(model, how="zeros")
    again = regions.Masks.from_model(applied)
    assert all((again[name] == masks[name]).all() for name in ("0", "2"))
    assert set(regions.allocate(shrinkbench(), 0.1).counts) == set(found)


def test_own_convolutions_and_matrices_are_layers():
    model = nn.Sequential(
        OwnLayer(nn.Conv2d(2, 4, 3), 0.5), nn.ReLU(), nn.Flatten(), Functional(64, 5), nn.ReLU(),
        Functional(5, 2),
    )  # fmt: skip
    masks = regions.prune(model, 0.4, input_shape=(2, 4, 4))
    assert list(masks) == ["0", "3", "5"] and masks["5"].all()
    assert sum(masks.counts.values()) - 10 == round(0.4 * (72 + 320))
    zeros = masks.apply(model, how="zeros")
    read = regions.as_network(zeros, (2, 4, 4)).weights
    assert all(((read[name] != 0) <= masks[name]).all() for name in masks)


def test_own_layers_are_pruned_by_hooks_too():
    model = nn.Sequential(Functional(6, 8), nn.ReLU(), Functional(8, 2))
    masks = regions.prune(model, 0.5, input_shape=(6,))
    read = regions.as_network(masks.apply(model), (6,)).weights
    assert ((read["0"] != 0) == masks["0"]).all() and masks.counts["0"] == 24


class Table(nn.Module):
    """Holds a matrix that is no layer: it is added to its input."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, x):
        return x + self.weight


class Turned(nn.Module):
    """Its weight has the inputs first."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        return x @ self.weight


def test_a_matrix_that_is_no_layer_stays_whole():
    model = nn.Sequential(Table(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.warns(UserWarning, match=r"passes over \['0.weight'\]"):
        assert list(regions.prune(model, 0.5, input_shape=(3, 4))) == ["1", "3"]


def test_a_layer_with_its_inputs_first_is_refused():
    model = nn.Sequential(Turned(), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ArgumentError, match=r"\['0'\] compute their weight"):
        regions.prune(model, 0.5, input_shape=(4,))


def test_weights_without_values_are_refused():
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2)).to("meta")
    with pytest.raises(ArgumentError, match="meta device"):
        regions.prune(model, 0.5)
