"""Inputs: what is refused, limits, streams."""

import numpy as np
import pytest
from small_networks import noise

import regions
from regions.errors import ArgumentError


def test_bad_inputs_are_refused(networks):
    inputs = noise(60, 6)
    for source, message in [
        (inputs[:0], "inputs are empty"),
        ([], "inputs are empty"),
        (3, "inputs are a int"),
        ([{"pixels": inputs}], r"a batch has the keys \['pixels'\]"),
        ([object()], "a batch is a object"),
        ((list(inputs.split(20)), list(inputs.flip(0).split(20))), "20 of 20 inputs differ"),
        ((list(inputs.split(20)), list(inputs.split(30))), r"shape \(20, 6\) and shape \(30, 6\)"),
        ((list(inputs.split(20)), list(inputs[:40].split(20))), "and no batch"),
        ((list(inputs[:40].split(20)), list(inputs.split(20))), "second loader has more"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            regions.compare_layers(*networks, source, measure="cka")
    same = (list(inputs.split(20)), list(inputs.split(20)))
    assert np.isfinite(regions.compare_layers(*networks, same, measure="cka")["0"].value)


def test_a_limit_on_images_and_reading_from_a_stream(networks):
    stream = (part for part in noise(500, 6).split(100))
    found = regions.compare_layers(*networks, stream, measure="cka", max_images=250)
    assert found.details["images"] == 250
