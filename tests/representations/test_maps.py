"""Convolutional layers: positions, resolution, frequencies."""

import numpy as np
import pytest
import torch
from small_networks import noise
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.representations import (
    Status,
    dft_similarity,
    map_rows,
)


def test_positions_as_samples_and_their_limits(convnets):
    images = noise(120, 1, 8, 8)
    found = regions.compare_layers(*convnets, images, layers=["0", "4"], measure="cca")
    assert (found["0"].n, found["4"].n) == (120 * 64, 120 * 16)
    assert np.isnan(found.matrix.loc["0", "4"]) if "4" in found.matrix.columns else True
    few = regions.compare_layers(*convnets, images, layers=["0"], measure="cca", max_positions=9)
    assert few["0"].n == 120 * 9
    pooled = regions.compare_layers(
        *convnets, images, layers=["0", "4"], measure="cca", mode="resize", grid=True
    )
    assert pooled["0"].n == 120 * 16
    assert pooled.matrix.notna().all(axis=None)


def test_layers_of_unequal_resolution_are_named_not_guessed():
    dense = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1))
    pruned = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, stride=2))
    images = noise(100, 1, 8, 8)
    found = regions.compare_layers(dense, pruned, images)
    assert found["0"].status is Status.UNDEFINED
    assert "0: not comparable, 8x8 positions against 4x4 positions" in found.summary()
    for mode in ("gap", "resize"):
        assert np.isfinite(regions.compare_layers(dense, pruned, images, mode=mode)["0"].value)


def smooth_fields(seed, count=200, size=16, channels=8, sigma=2.0):
    from scipy.ndimage import gaussian_filter

    fields = np.random.default_rng(seed).standard_normal((count, channels, size, size))
    return gaussian_filter(fields, (0, 0, sigma, sigma), mode="wrap")


class Lookup(nn.Module):
    """Gives stored maps: input is the image's number."""

    def __init__(self, maps):
        super().__init__()
        self.register_buffer("maps", torch.as_tensor(maps))
        self.out = nn.Identity()
        self.layer = nn.ReLU()
        self.layer.forward = lambda x: x

    def forward(self, index):
        return self.layer(self.maps[index.long().flatten()])


def test_the_image_permutation_null_sees_the_dependence_between_positions():
    dense, pruned = Lookup(smooth_fields(0)), Lookup(smooth_fields(1))
    index = torch.arange(200)[:, None]
    found = regions.compare_layers(
        dense,
        pruned,
        index,
        measure="cca",
        statistic="mean_squared",
        permutations=5,
        layers=["layer"],
        batch_size=100,
    )
    row = found.layers[0]
    assert row.similarity.null == pytest.approx(8 / (200 * 256 - 1))
    assert row.null_permuted > 5 * row.similarity.null
    assert row.null_permuted == pytest.approx(row.similarity.value, rel=0.5)


def test_per_position_centring_takes_out_what_positions_share():
    shared = np.random.default_rng(9).standard_normal((1, 1, 16, 16))
    first, second = smooth_fields(0, sigma=0.01), smooth_fields(1, sigma=0.01)
    dense, pruned = Lookup(first + 2 * shared), Lookup(second + 2 * shared)
    index = torch.arange(200)[:, None]
    common = {"measure": "cca", "statistic": "mean_squared", "layers": ["layer"]}
    plain = regions.compare_layers(dense, pruned, index, permutations=2, **common)
    assert plain["layer"].value > 0.1
    assert plain.layers[0].null_permuted > 0.1
    centred = regions.compare_layers(dense, pruned, index, per_position=True, **common)
    by_hand = regions.cca(
        *(map_rows(m.maps.numpy() - m.maps.numpy().mean(axis=0)) for m in (dense, pruned)),
        statistic="mean_squared",
    )
    assert centred["layer"].value == pytest.approx(by_hand.value, abs=1e-10)
    assert centred["layer"].value < 0.002


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
