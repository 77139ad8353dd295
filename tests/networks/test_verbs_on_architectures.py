"""Pruning verbs on relatives of published architectures: each that needs only the wiring works."""

import copy

import numpy as np
import pytest
from architectures import LOGITS, READ, WIRED, built
from torch import nn

import regions
from regions.errors import BudgetError
from regions.networks import as_wiring, liveness
from regions.networks.liveness import choose_in_turn

RELATIVES = READ | LOGITS | WIRED


@pytest.mark.parametrize(
    "name", ["GoogLeNet", "MobileNetV2", "concatenated ReLU", "binarised style, Hardtanh"]
)
def test_synflow_takes_networks_with_single_numbers_as_factors(name):
    model, shape = built(READ[name])
    assert any(not value.ndim for value in regions.as_network(model, shape).parameters.values())
    masks = regions.prune(model, 0.2, "synflow", input_shape=shape, rounds=4)
    assert sum(masks.counts.values()) > 0


@pytest.mark.parametrize("name", ["LeNet with log-softmax", "detector with sigmoid"])
def test_synflow_on_a_final_softmax_is_synflow_on_the_logits(name):
    model, shape = built(LOGITS[name])
    body = nn.Sequential(*list(model.children())[:-1])
    found, expected = (
        regions.prune(part, 0.2, "synflow", input_shape=shape, rounds=4) for part in (model, body)
    )
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("name", ["MobileNetV3", "EfficientNet", "DenseNet-121", "Swin"])
def test_repaired_masks_are_kept_saved_and_applied(name, tmp_path):
    """Inverted bottlenecks keep few weights that open channels, and many that need them."""
    model, shape = built(RELATIVES[name])
    masks = regions.prune(model, 0.1, repair=True, input_shape=shape)
    alive = masks.effective().weights
    *pruned, _ = masks  # the output layer is kept whole
    assert [alive[layer] for layer in pruned] == [masks.counts[layer] for layer in pruned]
    masks.save(tmp_path / "masks.npz")
    applied = regions.Masks.load(tmp_path / "masks.npz").apply(copy.deepcopy(model))
    parts = dict(applied.named_modules())
    for layer, mask in masks.items():
        assert not parts[layer].weight.detach().numpy()[~mask].any()


def test_no_room_is_refused():
    """A layer of four weights keeps none at density .1, and the layers behind it keep some."""
    model, shape = built(READ["ShuffleNetV2"])
    with pytest.raises(BudgetError, match=r"exactly 0 weight.*change the densities"):
        regions.prune(model, 0.1, repair=True, input_shape=shape)


@pytest.mark.parametrize("name", ["ResNet-50", "DenseNet on CIFAR", "U-Net", "SE-ResNet", "ViT"])
def test_choosing_in_turn_offers_what_liveness_finds(name):
    """Each layer's candidates are the effective weights, given the choices before it."""
    rng = np.random.default_rng(0)
    graph, _ = as_wiring(*built(RELATIVES[name]))
    start = {layer: rng.random(shape) < 0.6 for layer, shape in graph.prunable.items()}
    chosen = dict(start)

    def choose(layer, candidates):
        if layer in list(graph.prunable)[::3]:  # liveness for every layer would take long
            expected = liveness(graph, chosen).effective[layer]
            assert np.array_equal(candidates, expected)
        chosen[layer] = candidates & (rng.random(candidates.shape) < 0.5)
        return chosen[layer]

    found = choose_in_turn(graph, start, choose)
    assert all(np.array_equal(found[layer], chosen[layer]) for layer in graph.prunable)


@pytest.mark.parametrize("name", ["ViT", "Swin v2"])
def test_disjoint_masks_pass_attention(name):
    model, shape = built(WIRED[name])
    masks = regions.prune(model, 0.1, "disjoint", input_shape=shape)
    alive = masks.effective().weights
    *pruned, _ = masks
    assert [alive[layer] for layer in pruned] == [masks.counts[layer] for layer in pruned]
