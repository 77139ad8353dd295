"""Frequency by frequency."""

import numpy as np
import pytest
import torch
from small_networks import noise
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.representations import (
    dft_similarity,
    map_rows,
)


def test_all_frequencies_pooled_are_the_positions():
    """Parseval: the covariance over frequencies is the covariance over positions."""
    from regions.representations.dft import frequency_weights, spectrum

    maps = np.random.default_rng(0).standard_normal((50, 3, 6, 5))
    blocks = spectrum(maps, (6, 5))
    pooled = np.einsum("ncij,ndij->cd", blocks.conj(), blocks)
    rows = map_rows(maps)
    np.testing.assert_allclose(pooled, rows.T @ rows, atol=1e-9)
    weights = frequency_weights((6, 5))
    assert sum(weights.values()) == 30
    whole = [regions.representations.layer_of(blocks[:, :, i, j]).gram for i, j in np.ndindex(6, 5)]
    half = [
        weight * regions.representations.layer_of(blocks[:, :, i, j]).gram.real
        for (i, j), weight in weights.items()
    ]
    np.testing.assert_allclose(np.sum(whole, axis=0).real, np.sum(half, axis=0), atol=1e-9)


def test_frequency_by_frequency_is_invariant_to_filters_and_mixing():
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((300, 3, 6, 6))
    kernel = np.fft.fft2(rng.standard_normal((3, 3)), (6, 6))
    filtered = np.fft.ifft2(np.fft.fft2(maps) * kernel).real
    mixed = np.einsum("ncij,dc->ndij", filtered, rng.standard_normal((3, 3)))
    assert dft_similarity(maps, mixed).value == pytest.approx(1, abs=1e-9)
    assert regions.cca(map_rows(maps), map_rows(mixed)).value < 0.9
    other = rng.standard_normal((300, 3, 4, 4))
    result = dft_similarity(maps, other)  # cropped to 3 x 3 shared frequencies
    assert (result.k, result.neurons_x, result.neurons_y) == (27, 108, 48)
    assert result.value == pytest.approx(result.null, abs=0.05)
    silent = maps.copy()
    silent[:, 1] = 0
    dead = dft_similarity(maps, silent)
    assert (dead.dead_y, dead.k, dead.value) == (36, 72, pytest.approx(1))
    assert dead.value_all == pytest.approx(72 / 108)
    assert np.isnan(dft_similarity(maps, np.zeros_like(maps)).value)
    with pytest.raises(ArgumentError, match="only 'cca' and 'svcca'"):
        dft_similarity(maps, maps, "cka")
    with pytest.raises(ArgumentError, match=r"X has shape \(300, 3\)"):
        dft_similarity(maps[:, :, 0, 0], maps)


def test_frequencies_in_a_comparison(convnets):
    images = noise(200, 1, 8, 8)
    dense, pruned = convnets
    found = regions.compare_layers(dense, pruned, images, measure="cca", mode="dft", layers=["0"])
    with regions.capture(dense, ["0"]) as x, regions.capture(pruned, ["0"]) as y:
        dense(images), pruned(images)
    direct = dft_similarity(x["0"], y["0"]).value
    assert found["0"].value == pytest.approx(direct, abs=1e-6)


def test_rounding_of_stored_values_is_no_direction_of_a_frequency():
    """Of 8 channels mixed from 3 the others are rounding; a flat map has no high frequency."""
    rng = np.random.default_rng(2)
    source = rng.standard_normal((200, 3, 4, 4))
    X, Y = (np.einsum("ncij,dc->ndij", source, rng.standard_normal((8, 3))) for _ in range(2))
    exact = dft_similarity(X, Y)
    single = dft_similarity(X.astype("float32"), Y.astype("float32"))
    assert exact.k == single.k == 3 * 16
    assert single.value == pytest.approx(exact.value, abs=1e-6) == pytest.approx(1)
    flat = np.repeat(rng.standard_normal((200, 3, 1)), 16, axis=2).reshape(200, 3, 4, 4)
    rounded = (flat * (1 + 3e-8 * rng.standard_normal(flat.shape))).astype("float32")
    assert dft_similarity(rounded, flat.astype("float32")).k == dft_similarity(flat, flat).k == 3


def test_networks_in_single_precision_have_the_frequencies_of_their_doubles():
    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(2, 9, 1))

    maps = noise(200, 2, 4, 4)
    first, second = network(0), network(1)
    single = regions.compare_layers(first, second, maps, "cca", mode="dft")["0"]
    double = regions.compare_layers(
        first.double(), second.double(), maps.double(), "cca", mode="dft"
    )["0"]
    assert single.k == double.k == 2 * 16
    assert single.value == pytest.approx(double.value, abs=1e-6)
