"""Which units can be removed, and the inner products of what is read from them."""

import numpy as np
import pytest
import torch
from unit_examples import IMAGE, convnet, random_pairs, relu, unit_layer

import regions
from regions.pruning import unit_layers
from regions.pruning.removal.gram import Gram, layer_grams
from regions.pruning.removal.units import find_units


def test_units_shared_by_additions_are_left_out(residual):
    net = regions.as_network(residual(), (1, 8, 8))
    assert unit_layers(net) == {"stem": 3, "left": 3}
    found, refused = find_units(net.graph)
    assert [reader.layer for reader in found["stem"].readers] == ["left", "short"]
    assert "added" in refused["right"] and "added" in refused["short"]
    assert "outputs" in refused["head"]


def test_resnets_have_the_inner_units_of_their_blocks():
    from regions.training import build_model

    found = unit_layers(build_model("resnet20", (1, 8, 8), 10, width=2), (1, 8, 8))
    assert list(found.values()) == [2] * 3 + [4] * 3 + [8] * 3
    assert all(name.endswith("conv1") for name in found)


def test_other_layers_are_refused_for_their_own_reason():
    nn = torch.nn
    grouped = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=2), nn.ReLU())
    linear = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    shared = nn.Linear(3, 3)
    twice = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(3, 2))
    for model, shape, name, reason in (
        (grouped, (1, 2, 2), "0", "grouped"),
        (linear, None, "0", "no ReLU"),
        (twice, None, "0", "more than once"),
    ):
        _, refused = find_units(regions.as_network(model, shape).graph)
        assert reason in refused[name]


def test_flattened_channels_keep_their_columns():
    net = regions.as_network(convnet(), IMAGE)
    layer, grams = unit_layer(net, "3")
    assert layer.readers[0].layer == "7"
    assert layer.readers[0].columns.tolist() == np.repeat(np.arange(5), 4).tolist()
    points = np.random.default_rng(0).normal(size=(7, *IMAGE))
    np.testing.assert_array_equal(grams(points)["7"].units, np.repeat(np.arange(5), 4))


def test_the_gram_of_a_layer_is_that_of_its_inputs():
    pairs = random_pairs([3, 5, 4, 2])
    net = regions.as_network(pairs)
    points = np.random.default_rng(1).normal(size=(40, 3))
    hidden = relu(points @ pairs[0][0].T + pairs[0][1])
    full = np.column_stack([hidden, np.ones(40)])
    _, grams = unit_layer(net, "layer1")
    gram = grams(points)["layer2"]
    np.testing.assert_allclose(gram.matrix, full.T @ full, rtol=1e-12)
    np.testing.assert_allclose(gram.of_units(5).matrix, gram.matrix)
    assert gram.samples == 40


def test_convolutions_are_read_as_patches():
    model = convnet()
    net = regions.as_network(model, IMAGE)
    points = np.random.default_rng(2).normal(size=(6, *IMAGE))
    with torch.no_grad():
        before = model[:3](torch.tensor(points))
        patches = torch.nn.functional.unfold(before, 3, dilation=2, padding=1, stride=2)
    rows = patches.transpose(1, 2).reshape(-1, 36).numpy()
    _, grams = unit_layer(net, "0")
    gram = grams(points)["3"]
    np.testing.assert_allclose(gram.matrix, Gram.of(rows).matrix, rtol=1e-9, atol=1e-9)
    # the channel Gram: one sample per patch and kernel position
    by_channel = rows.reshape(-1, 4, 9).transpose(0, 2, 1).reshape(-1, 4)
    np.testing.assert_allclose(gram.of_units(4).matrix, Gram.of(by_channel).matrix, rtol=1e-9)


def test_batches_add_up(monkeypatch):
    net = regions.as_network(convnet(), IMAGE)
    readers = [r for layer in find_units(net.graph)[0].values() for r in layer.readers]
    points = np.random.default_rng(3).normal(size=(9, *IMAGE))
    whole = layer_grams(net, readers, points)
    monkeypatch.setattr("regions.pruning.removal.gram._ENTRIES", 1000)
    for name, gram in layer_grams(net, readers, points).items():
        np.testing.assert_allclose(gram.matrix, whole[name].matrix, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dead", [0, 2])
def test_dead_inputs_leave_everything_finite_and_their_weights_alone(dead):
    rows = np.random.default_rng(4).normal(size=(30, 4))
    rows[:, dead] = 0.0
    gram, weight = Gram.of(rows), np.arange(8.0).reshape(2, 4)
    kept = np.array([True, True, True, False])
    new, bias = gram.refit(weight, np.zeros(2), kept)
    assert np.isfinite(new).all() and np.isfinite(bias).all()
    np.testing.assert_allclose(new[:, dead], weight[:, dead])
    all_dead, _ = Gram.of(np.zeros((5, 3))).refit(np.ones((2, 3)), None, np.array([1, 1, 0]) > 0)
    assert np.isfinite(all_dead).all()
