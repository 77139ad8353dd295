"""Which layers can be compared."""

import numpy as np
from small_networks import noise
from torch import nn

import regions
from regions.representations import (
    SimilarityStatus,
)


def test_layers_of_unequal_resolution_are_named_not_guessed():
    dense = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1))
    pruned = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, stride=2))
    images = noise(100, 1, 8, 8)
    found = regions.compare_layers(dense, pruned, images)
    assert found["0"].status is SimilarityStatus.UNDEFINED
    assert "0: not comparable, 8x8 positions against 4x4 positions" in found.summary()
    for mode in ("gap", "resize"):
        assert np.isfinite(regions.compare_layers(dense, pruned, images, mode=mode)["0"].value)
