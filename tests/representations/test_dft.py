"""Frequency by frequency."""

import numpy as np
import pytest
from small_networks import noise

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
