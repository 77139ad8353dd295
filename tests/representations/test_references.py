"""Reference curves."""

import copy

import pytest
import torch
from small_networks import kill, noise
from torch import nn

from regions.errors import ArgumentError, UnsupportedModelError
from regions.representations import (
    compare_curves,
    untrained,
)


def test_reference_curves(networks):
    dense, other = networks
    state = torch.get_rng_state()
    fresh = untrained(dense, rng=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(fresh[0].weight, untrained(dense, rng=3)[0].weight)
    assert not torch.equal(fresh[0].weight, dense[0].weight)
    pruned = kill(copy.deepcopy(dense), 0, [0])
    curves = {"pruned": pruned, "another seed": other, "untrained": fresh}
    frame = compare_curves(dense, curves, noise(400, 6), measure="cka")
    values = frame.pivot(index="layer", columns="curve", values="value")
    assert (values["pruned"] > values["another seed"]).all()
    with pytest.raises(ArgumentError, match="others is empty"):
        compare_curves(dense, {}, noise(9, 6))
    fresh.register_parameter("gain", nn.Parameter(torch.ones(2)))
    with pytest.raises(UnsupportedModelError, match="no reset_parameters"):
        untrained(fresh)


def test_batches_that_come_once_are_refused_for_several_curves(networks):
    dense, other = networks
    inputs = noise(60, 6)
    with pytest.raises(ArgumentError, match="gives its batches once, but 2 networks"):
        compare_curves(dense, {"a": other, "b": other}, iter(inputs.split(20)), measure="cka")
    once = compare_curves(dense, {"a": other}, iter(inputs.split(20)), measure="cka")
    again = compare_curves(dense, {"a": other, "b": other}, inputs.split(20), measure="cka")
    assert once["value"].to_list() == again["value"].to_list()[: len(once)]
