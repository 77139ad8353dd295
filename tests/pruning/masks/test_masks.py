import copy
import pickle

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize
from torch.nn.utils import prune as torch_prune

import regions
from regions.errors import ArgumentError, UnsupportedModelError


def test_masks_are_frozen_boolean_copies():
    array = np.array([[1.0, 0.0]])
    masks = regions.Masks({"fc": array})
    array[:] = 0
    assert masks["fc"].tolist() == [[True, False]]
    with pytest.raises(ValueError, match="read-only"):
        masks["fc"][0, 0] = False
    with pytest.raises(AttributeError):
        masks.arrays = {}
    with pytest.raises(TypeError):
        masks.arrays["fc"] = array
    with pytest.raises(KeyError, match="fc"):
        masks["other"]


def test_density_counts_and_totals():
    masks = regions.Masks({"a": np.eye(4), "b": np.ones((2, 4))})
    assert masks.density() == {"a": 0.25, "b": 1.0}
    assert masks.counts == {"a": 4, "b": 8}
    assert masks.total_density == 12 / 24
    assert all(isinstance(count, int) for count in masks.counts.values())


def test_masks_travel_to_other_processes(residual):
    masks = regions.prune(residual(), 0.3, input_shape=(1, 8, 8))
    for twin in (pickle.loads(pickle.dumps(masks)), copy.deepcopy(masks)):
        assert twin == masks and twin.graph == masks.graph


def test_equality_is_by_content():
    one = regions.Masks({"a": np.eye(2)})
    assert one == regions.Masks({"a": np.eye(2, dtype=bool)})
    assert one != regions.Masks({"a": np.ones((2, 2))})
    assert one != regions.Masks({"b": np.eye(2)})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "at least one layer"),
        ([np.eye(2)], "at least one layer"),
        ({"a": np.full((2, 2), 0.5)}, "other than 0 and 1"),
        ({"a": np.array([[np.nan, 1.0]])}, "other than 0 and 1"),
        ({"a": np.ones(3)}, "two or more axes"),
        ({"a": np.ones((0, 3))}, "at least one entry"),
        ({"a": "keep"}, "boolean"),
        ({"a": [[1, 0], [1]]}, "boolean"),
        ({3: np.eye(2)}, "layer name"),
        ({"": np.eye(2)}, "layer name"),
    ],
)
def test_nonsense_is_refused(arrays, message):
    with pytest.raises(ArgumentError, match=message):
        regions.Masks(arrays)


def test_masks_must_fit_their_wiring(pairs):
    graph = regions.as_network(pairs([3, 4, 2])).graph
    with pytest.raises(ArgumentError, match="one mask per prunable layer"):
        regions.Masks({"layer1": np.ones((4, 3))}, graph)


def test_without_wiring_only_a_chain_has_paths():
    masks = regions.Masks({"a": np.ones((4, 3)), "b": np.ones((2, 5))})
    with pytest.raises(UnsupportedModelError, match="no chain"):
        masks.effective()
    noted = regions.Masks({"a": np.ones((4, 3))}, note="Tanh is not supported")
    with pytest.raises(UnsupportedModelError, match="Tanh"):
        noted.effective()


def test_torch_prune_masks_are_read_although_the_weight_is_stale(mlp):
    model = mlp([5, 4, 3])
    torch_prune.l1_unstructured(model[0], "weight", amount=0.5)
    with torch.no_grad():
        model[0].weight_orig[model[0].weight_mask == 0] = 7.0
        model[0].weight_orig[0, 0] = 0.0
    expected = model[0].weight_mask.numpy() != 0
    assert np.array_equal(regions.Masks.from_model(model)["0"], expected)


def test_parametrization_masks_and_zeros_are_read(mlp):
    class Keep(torch.nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.register_buffer("mask", mask)

        def forward(self, weight):
            return weight * self.mask

    model, mask = mlp([3, 2, 2]), torch.tensor([[1.0, 0, 1], [0, 1, 1]])
    with torch.no_grad():
        model[0].weight[0, 0] = 0.0  # kept, and zero by chance
        model[2].weight[1, 1] = 0.0
    parametrize.register_parametrization(model[0], "weight", Keep(mask))
    masks = regions.Masks.from_model(model)
    assert np.array_equal(masks["0"], mask.numpy() != 0)
    assert masks["2"].tolist() == [[True, True], [True, False]]


def test_spectral_norm_buffers_are_no_masks(mlp):
    model = mlp([3, 2, 2])
    torch.nn.utils.parametrizations.spectral_norm(model[0])
    assert regions.Masks.from_model(model)["0"].all()


@pytest.mark.parametrize("how", ["prune", "zeros"])
def test_apply_then_read_gives_the_masks_back(mlp, how):
    model = mlp([6, 5, 4, 3])
    masks = regions.prune(model, 0.3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert masks.apply(model, how=how) is model
    assert regions.Masks.from_model(model) == masks
    assert ("0.weight_mask" in model.state_dict()) == (how == "prune")
    kept = torch.from_numpy(masks["0"].copy())
    assert torch.equal(model[0].weight, before["0.weight"] * kept)
    assert torch.equal(model[0].bias, before["0.bias"])


def test_applying_again_replaces_masks(mlp):
    model = mlp([6, 5, 3])
    first, second = regions.prune(model, 0.2), regions.prune(model, 0.2, criterion="random")
    second.apply(first.apply(model))
    assert regions.Masks.from_model(model) == second
    out = model(torch.ones(1, 6))
    torch_prune.remove(model[0], "weight")
    assert torch.equal(model(torch.ones(1, 6)), out)


def test_training_keeps_applied_masks(mlp):
    model = mlp([6, 5, 3])
    masks = regions.prune(model, 0.2)
    masks.apply(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(2, 6)).square().sum().backward()
    optimiser.step()
    net = regions.as_network(model)
    assert not net.weights["0"][~masks["0"]].any()


def test_zeros_into_a_model_that_is_pruned_already(mlp):
    model = mlp([6, 5, 3])
    masks = regions.prune(model, 0.2)
    masks.apply(model)
    masks.apply(model, how="zeros")
    assert not model[0].weight_orig[~torch.from_numpy(masks["0"].copy())].any()


def test_apply_to_lists_and_networks_gives_new_ones(pairs):
    given = pairs([4, 3, 2])
    masks = regions.prune(given, 0.5)
    masked = masks.apply(given)
    assert np.array_equal(masked[0][0], given[0][0] * masks["layer1"])
    assert given[0][0].all()
    network = masks.apply(regions.as_network(given))
    assert np.allclose(network(np.ones((1, 4))), regions.as_network(masked)(np.ones((1, 4))))


def test_apply_refuses_other_models_and_changes_nothing(mlp, pairs):
    masks = regions.prune(mlp([6, 5, 3]), 0.2)
    other = mlp([6, 4, 3])
    before = copy.deepcopy(other.state_dict())
    for call in (
        lambda: masks.apply(other),
        lambda: masks.apply(mlp([6, 5, 3]), how="gently"),
        lambda: masks.apply(pairs([6, 4, 3])),
        lambda: masks.pruning_ratio_dict([1]),
    ):
        with pytest.raises(ArgumentError):
            call()
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_apply_refuses_parametrized_weights(mlp):
    model = mlp([3, 2, 2])
    masks = regions.prune(model, 0.5)
    torch.nn.utils.parametrizations.spectral_norm(model[0])
    with pytest.raises(ArgumentError, match="remove_parametrizations"):
        masks.apply(model)


def test_torch_pruning_dictionary_is_keyed_by_module(mlp):
    model = mlp([8, 5, 3])
    ratios = regions.prune(model, {"0": 0.25}).pruning_ratio_dict(model)
    assert ratios == {model[0]: 0.75}


def test_masks_as_a_table_and_in_words():
    masks = regions.Masks({"fc1": [[1, 0], [1, 0]], "fc2": [[1, 1]]})
    assert masks.to_frame().to_dict("list") == {
        "layer": ["fc1", "fc2"],
        "size": [4, 2],
        "kept": [2, 2],
        "density": [0.5, 1.0],
    }
    assert masks.to_dict()["counts"] == {"fc1": 2, "fc2": 2}
    assert "all 2 layers together: density 0.6667" in masks.summary().splitlines()[-1]
