"""Comparing networks: matching by name, batches, taps, accumulators."""

import copy

import numpy as np
import pytest
import torch
from small_networks import noise
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import regions
from regions.errors import ArgumentError
from regions.representations import (
    MEASURES,
    SampleSizeWarning,
    SimilarityStatus,
    similarity_grid,
)

RNG = np.random.default_rng(0)


def test_few_samples_warn_once_with_the_null(networks):
    with pytest.warns(SampleSizeWarning, match=r"0 \(n = 40, 8 neurons, independent layers would"):
        found = regions.compare_layers(*networks, noise(40, 6), measure="cca")
    assert found["0"].status is SimilarityStatus.FEW_SAMPLES
    with pytest.warns(SampleSizeWarning, match="0 "):
        crowded = regions.compare_layers(*networks, noise(9, 6), measure="cca")
    assert crowded["0"].status is SimilarityStatus.UNDEFINED
    with pytest.warns(SampleSizeWarning, match="60 samples for 20 directions"):
        regions.cca(RNG.random((60, 20)), RNG.random((60, 3)))


@pytest.mark.parametrize("accumulator", ["moments", "tsqr", "store"])
@pytest.mark.parametrize("measure", MEASURES)
def test_every_layer_gets_what_the_measure_gives_directly(networks, measure, accumulator):
    dense, pruned = networks
    inputs = noise(700, 6)
    found = regions.compare_layers(
        dense, pruned, inputs, measure=measure, accumulator=accumulator, batch_size=64
    )
    left = [dense[: i + 1](inputs) for i in range(5)]
    right = [pruned[: i + 1](inputs) for i in range(5)]
    names = [str(i) for i in range(5)]
    expected = similarity_grid(
        dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)), measure
    )
    # single precision activations depend on the batch in their last digits
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-5)
    assert found.to_frame()["layer"].to_list() == names
    np.testing.assert_allclose(found.to_frame()["value"], np.diag(expected.matrix), atol=1e-5)


def test_one_network_with_itself_is_one_everywhere(convnets):
    dense, _ = convnets
    for mode in ("spatial", "gap", "resize"):
        found = regions.compare_layers(
            dense, copy.deepcopy(dense), noise(200, 1, 8, 8), measure="cca", mode=mode
        )
        np.testing.assert_allclose(found.to_frame()["value"], 1, atol=1e-9)


def test_order_of_inputs_and_kind_of_loader_do_not_matter(networks):
    inputs, labels = noise(640, 6), torch.zeros(640)
    shuffled = DataLoader(
        TensorDataset(inputs, labels), 100, shuffle=True, generator=torch.Generator().manual_seed(5)
    )
    mappings = [{"image": part, "label": 0} for part in inputs.split(80)]
    results = [
        regions.compare_layers(*networks, source, measure="cka").to_frame()["value"]
        for source in (inputs, inputs.numpy(), shuffled, mappings, list(inputs.split(100)))
    ]
    for values in results[1:]:
        np.testing.assert_allclose(values, results[0], atol=1e-6)


def test_batch_norm_equals_its_convolution_under_cca_but_not_under_cka(convnets):
    """Pitfalls: batch norm refits channels; residual and batch-norm taps repeat themselves."""
    dense, _ = convnets
    dense(noise(64, 1, 8, 8))  # running statistics that are not 0 and 1
    with torch.no_grad():
        dense[1].weight.copy_(torch.tensor([0.1, 1.0, 5.0, 20.0]))
    images = noise(200, 1, 8, 8)
    values = {
        measure: regions.compare_layers(
            dense, dense, images, measure=measure, grid=True
        ).matrix.loc["0", "1"]
        for measure in ("cca", "cka", "procrustes")
    }
    assert values["cca"] == pytest.approx(1, abs=1e-6)
    assert values["cka"] < 0.99
    assert values["procrustes"] < 0.99


def test_taps_before_and_after_batch_norm_are_kept_apart(convnets):
    images = noise(200, 1, 8, 8)
    layers = {
        tap: regions.compare_layers(*convnets, images, tap=tap, measure="cka").to_frame()["layer"]
        for tap in ("linear", "norm", "relu")
    }
    assert layers["linear"].to_list() == ["0", "4", "8"]
    assert layers["norm"].to_list() == ["1"]
    assert layers["relu"].to_list() == ["2", "5"]


def test_layers_are_matched_by_name_and_the_others_named(networks):
    class Renamed(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.add_module("0", model[0])
            self.extra = nn.Linear(8, 3)

        def forward(self, x):
            return self.extra(getattr(self, "0")(x))

    dense, pruned = networks
    found = regions.compare_layers(dense, Renamed(pruned), noise(300, 6))
    assert [layer.layer for layer in found.layers] == ["0"]
    assert (found.unmatched_x, found.unmatched_y) == (("1", "2", "3", "4"), ("extra",))
    assert found.matrix.shape == (5, 2)
    with pytest.raises(ArgumentError, match="no layer name in common: the first has 0, 2, 4"):
        regions.compare_layers(dense, Prefixed(pruned), noise(9, 6), tap="linear")


class Prefixed(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.body = model

    def forward(self, x):
        return self.body(x)
