"""Networks that are no modules."""

import numpy as np
from small_networks import noise

import regions


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
