"""Wiring of what has no exact description: gates, attention, smooth activations, normalisation."""

import numpy as np
import pytest
import torch
from architecture_parts import Net
from architectures import READ, WIRED, built, perceptron
from torch import nn

import regions
from regions.errors import UnsupportedModelError
from regions.networks import Graph, as_wiring, liveness


def drawn_masks(graph, density, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.random(shape) < density for name, shape in graph.prunable.items()}


def gradients(model, shape, masks):
    """Which kept weights of a masked model have a say in its outputs, by its gradients."""
    model, parts = model.double(), dict(model.named_modules())
    with torch.no_grad():
        for name, mask in masks.items():
            parts[name].weight.mul_(torch.from_numpy(mask))
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(16, *shape, dtype=torch.float64, generator=rng)
    out = model(x)
    (out * torch.randn(out.shape, dtype=torch.float64, generator=rng)).sum().backward()
    return {name: (parts[name].weight.grad != 0).numpy() & mask for name, mask in masks.items()}


@pytest.mark.parametrize("name", WIRED)
def test_every_layer_is_in_the_wiring_and_reaches_the_output(name):
    model, shape = built(WIRED[name])
    graph, parameters = as_wiring(model, shape)
    kinds = (nn.Linear, nn.Conv2d)
    layers = {path: part for path, part in model.named_modules() if isinstance(part, kinds)}
    assert set(graph.prunable) == set(layers)
    assert not graph.is_exact
    for path, part in layers.items():
        np.testing.assert_array_equal(parameters[f"{path}.weight"], part.weight.double().detach())
    assert all(alive.all() for alive in liveness(graph, {}).effective.values())
    assert len(graph.last_layers) == 1
    assert Graph.from_json(graph.to_json()) == graph


@pytest.mark.parametrize(
    "name",
    ["ViT", "Swin", "Swin v2", "ConvNeXt", "MLP-Mixer", "gated linear units", "LeNet with tanh"],
)
def test_effective_weights_are_those_with_a_gradient(name):
    model, shape = built(WIRED[name])
    graph, _ = as_wiring(model, shape)
    masks = drawn_masks(graph, 0.35)
    alive = liveness(graph, masks).effective
    found = gradients(model, shape, masks)
    for layer, kept in masks.items():
        assert not (alive[layer] & ~found[layer]).any(), layer  # smooth: never zero by chance
        assert (alive[layer] <= kept).all()


def test_the_wiring_of_a_smooth_perceptron_is_that_of_its_twin_with_relus():
    smooth, _ = as_wiring(perceptron(9, 8, 6, 3, act=nn.Tanh), (1, 3, 3))
    exact = regions.as_network(perceptron(9, 8, 6, 3), (1, 3, 3)).graph
    masks = drawn_masks(exact, 0.2)
    one, two = (liveness(graph, masks).effective for graph in (smooth, exact))
    assert any((one[name] != masks[name]).any() for name in one)
    assert all((one[name] == two[name]).all() for name in one)


@pytest.mark.parametrize("name", ["LeNet-5", "GoogLeNet", "MobileNetV2"])
def test_exact_descriptions_have_the_same_wiring(name):
    model, shape = built(READ[name])
    graph, _ = as_wiring(model, shape)
    assert graph == regions.as_network(model, shape).graph


def test_attention_runs_in_steps_and_leaves_the_switch_as_it_was():
    before = torch.backends.mha.get_fastpath_enabled()
    graph, _ = as_wiring(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), (4, 6))
    assert list(graph.prunable) == [
        "self_attn.in_proj_weight",
        "self_attn.out_proj",
        "linear1",
        "linear2",
    ]
    assert torch.backends.mha.get_fastpath_enabled() == before


REFUSED = {
    "control flow": lambda m, x: m.l(x) if x.sum() > 0 else -m.l(x),
    "mixed samples": lambda m, x: m.l(x) - m.l(x).mean(0).tanh(),
    "chance": lambda m, x: m.l(x).tanh() * torch.rand(3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_wiring_holds_for_is_refused(name):
    with pytest.raises(UnsupportedModelError):
        as_wiring(Net(REFUSED[name], l=nn.Linear(4, 3)), (4,))
