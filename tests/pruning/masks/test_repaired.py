"""Masks that carry repaired parameters, and methods that choose their masks themselves."""

import copy
import pickle

import numpy as np
import pytest

import regions
from regions.errors import ArgumentError
from regions.pruning import Selection


def halve(request):
    """Keep every first unit's row and double its weights."""
    masks = {name: np.zeros(w.shape, dtype=bool) for name, w in request.weights.items()}
    for mask in masks.values():
        mask[0] = True
    repaired = {f"{name}.weight": 2.0 * w for name, w in request.weights.items()}
    return Selection(masks=masks, repaired=repaired)


def test_repaired_parameters_are_written_before_the_masks(mlp):
    model = mlp([4, 3, 2])
    before = copy.deepcopy(model.state_dict())
    masks = regions.prune(model, 0.5, halve)
    assert all((model.state_dict()[name] == value).all() for name, value in before.items())
    for how in ("zeros", "prune"):
        pruned = masks.apply(copy.deepcopy(model), how)
        expected = np.zeros((3, 4))
        expected[0] = 2.0 * before["0.weight"].numpy()[0]
        np.testing.assert_allclose(pruned[0].weight.detach().numpy(), expected, rtol=1e-6)
        np.testing.assert_array_equal(pruned[2].weight.detach().numpy(), before["2.weight"])


def test_every_kind_of_model_gets_the_same_repair(pairs):
    model = pairs([4, 3, 2])
    masks = regions.prune(model, 0.5, halve)
    points = np.random.default_rng(0).normal(size=(20, 4))
    one = regions.as_network(masks.apply(model))(points)
    two = masks.apply(regions.as_network(model))(points)
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, regions.as_network(model).masked(masks)(points))


def test_repairs_survive_files_and_pickling_and_matter_for_equality(pairs, tmp_path):
    masks = regions.prune(pairs([4, 3, 2]), 0.5, halve)
    loaded = regions.Masks.load(masks.save(tmp_path / "m.npz"))
    assert loaded == masks == pickle.loads(pickle.dumps(masks))
    assert loaded != regions.Masks(masks.arrays, masks.graph)


@pytest.mark.parametrize(
    "repaired",
    [
        {"a.weight": np.ones((2, 3))},
        {"a.bias": np.ones(2)},
        {"b.weight": np.ones((3, 3))},
        {"a.scale": np.ones(3)},
        {"a.weight": np.full((3, 3), np.nan)},
    ],
)
def test_wrong_repairs_are_refused(repaired):
    with pytest.raises(ArgumentError, match="repaired parameter"):
        regions.Masks({"a": np.eye(3)}, repaired=repaired)


def test_a_bias_without_a_place_is_refused_and_nothing_changes():
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False))
    before = model[0].weight.detach().clone()
    repaired = {"0.weight": np.zeros((3, 3)), "0.bias": np.ones(3)}
    with pytest.raises(ArgumentError, match="the model has none"):
        regions.Masks({"0": np.eye(3)}, repaired=repaired).apply(model)
    assert torch.equal(model[0].weight, before)


def test_methods_cannot_be_repaired(pairs):
    with pytest.raises(ArgumentError, match="leave repair out"):
        regions.prune(pairs([4, 3, 2]), 0.5, halve, repair=True)
