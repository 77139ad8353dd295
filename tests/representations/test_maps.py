"""What a sample is in a convolutional layer."""

import numpy as np
import pytest
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
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


def test_rows_of_maps_hold_the_right_numbers():
    maps = np.random.default_rng(0).standard_normal((3, 2, 4, 5))
    rows = map_rows(maps)
    np.testing.assert_array_equal(rows[1 * 20 + 2 * 5 + 3], maps[1, :, 2, 3])
    np.testing.assert_allclose(map_rows(maps, "gap"), maps.mean(axis=(2, 3)))
    pooled = map_rows(maps, "resize", size=(2, 5))
    np.testing.assert_allclose(pooled[5], maps[0, :, 2:, 0].mean(axis=1))
    kept = map_rows(maps, positions=np.array([0, 19]))
    np.testing.assert_array_equal(kept[1], maps[0, :, 3, 4])
    np.testing.assert_array_equal(map_rows(maps[:, :, 0]), maps[:, :, 0].reshape(6, 5))  # tokens
    with pytest.raises(ArgumentError, match="mode is 'sideways'"):
        map_rows(maps, "sideways")
    with pytest.raises(ArgumentError, match=r"shape \(3, 2, 4, 5, 1\)"):
        map_rows(maps[..., None])
