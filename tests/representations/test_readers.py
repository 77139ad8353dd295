"""Models of every kind: networks, wrapped, scripted, quantised; and what they take."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from small_networks import noise
from torch import nn

import regions
from regions.errors import ArgumentError, UnsupportedModelError


def test_networks_without_modules(networks):
    dense, pruned = (regions.as_network(model, input_shape=(6,)) for model in networks)
    inputs = noise(500, 6)
    found = regions.compare_layers(dense, pruned, inputs, measure="cka")
    hooked = regions.compare_layers(*networks, inputs, measure="cka", tap="relu")
    assert [layer.layer for layer in found.layers][-1] == "output"
    np.testing.assert_allclose(found.to_frame()["value"][:2], hooked.to_frame()["value"], atol=1e-5)
    linear = regions.compare_layers(dense, pruned, inputs, measure="cka", tap="linear")
    np.testing.assert_allclose(
        linear.to_frame()["value"],
        regions.compare_layers(*networks, inputs, measure="cka", tap="linear").to_frame()["value"],
        atol=1e-5,
    )


def plain():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def test_wrapped_models_are_matched_by_the_names_inside(networks):
    dense, pruned = networks
    expected = regions.compare_layers(dense, pruned, noise(200, 6), measure="cka").to_frame()
    for wrapped in (nn.DataParallel(pruned), torch.compile(pruned, backend="eager")):
        found = regions.compare_layers(dense, wrapped, noise(200, 6), measure="cka").to_frame()
        pd.testing.assert_frame_equal(found, expected)


def test_layers_may_be_modules_of_either_model(networks):
    dense, pruned = networks
    for layers in ([dense[1], pruned[3]], ["1", "3"]):
        found = regions.compare_layers(
            dense, pruned, noise(200, 6), measure="cka", layers=layers, grid=False
        )
        assert [one.layer for one in found] == ["1", "3"]
    with pytest.raises(ArgumentError, match="layers has a Linear that is no module of the model"):
        regions.compare_layers(dense, pruned, noise(200, 6), layers=[nn.Linear(2, 2)])


def test_models_that_cannot_be_watched_are_refused_by_name():
    model, inputs = plain(), noise(60, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(model)
    with pytest.raises(UnsupportedModelError, match="scripted or traced"):
        regions.compare_layers(model, scripted, inputs)
    with pytest.raises(UnsupportedModelError, match=r"'0.weight' is on the meta device"):
        regions.compare_layers(model, plain().to("meta"), inputs)
    with pytest.raises(UnsupportedModelError, match=r"'0.weight' is not initialised"):
        regions.compare_layers(model, nn.Sequential(nn.LazyLinear(3)), inputs)


def test_quantisation_aware_models_have_the_layers_of_plain_ones_and_stay_as_they_are():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        aware = plain().train()
        aware.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
        aware = torch.ao.quantization.prepare_qat(aware)
        aware(noise(60, 6, seed=1))
    before = {name: value.clone() for name, value in aware.state_dict().items()}
    found = regions.compare_layers(plain(), aware, noise(60, 6), measure="cka")
    assert [one.layer for one in found] == ["0", "1", "2"]
    after = aware.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with torch.inference_mode():
        X, Y = found, aware.eval()[0](noise(60, 6))
    assert X["0"].neurons_y == Y.shape[1]


def test_inputs_that_a_model_cannot_take_are_named(networks):
    images = np.zeros((9, 6), dtype="uint8")
    with pytest.raises(ArgumentError, match=r"inputs are uint8; .* / 255"):
        regions.compare_layers(*networks, images)
    with pytest.raises(ArgumentError, match=r"first network fails on inputs of shape \(3, 5\)"):
        regions.compare_layers(*networks, noise(60, 5))


def test_images_are_flattened_for_a_model_that_begins_with_a_linear_layer():
    model = nn.Sequential(nn.Linear(64, 8), nn.ReLU())
    images = noise(100, 1, 8, 8)
    found = regions.compare_layers(model, model, images, measure="cka")
    flat = regions.compare_layers(model, model, images.flatten(1), measure="cka")
    assert found.to_dict() == flat.to_dict()
