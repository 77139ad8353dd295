"""Relatives of the architectures that people prune are read exactly, or their wiring is."""

import dataclasses

import numpy as np
import pytest
import torch
from architectures import LOGITS, READ, WIRED, built
from probing import differs, probes

import regions
from regions.errors import UnsupportedModelError
from regions.networks import Graph


@pytest.mark.parametrize("name", READ)
def test_an_architecture_is_read_exactly(name):
    net = regions.as_network(*built(READ[name]))
    wrong, flips = differs(net, lambda: built(READ[name]))
    assert not wrong
    assert flips > 0.3, f"the probes flip only {flips:.0%} of the units"


@pytest.mark.parametrize("name", LOGITS)
def test_the_logits_are_the_outputs_before_the_last_operation(name):
    model, shape = built(LOGITS[name])
    net = regions.as_network(model, shape, output="logits")
    points = probes(shape, 60) / 30
    with torch.no_grad():
        out = model.double()(torch.from_numpy(points))
    if isinstance(out, dict):
        np.testing.assert_allclose(net(points), out["logits"], rtol=1e-9, atol=1e-9)
        assert net.left_off is None
        return
    assert net.left_off in repr(net)
    found = torch.from_numpy(net(points))
    last = {
        "softmax": lambda x: x.softmax(1),
        "log_softmax": lambda x: x.log_softmax(1),
        "sigmoid": torch.sigmoid,
    }
    torch.testing.assert_close(last[net.left_off](found), out, rtol=1e-9, atol=1e-12)
    with pytest.raises(UnsupportedModelError, match="not piecewise linear"):
        regions.as_network(model, shape)


@pytest.mark.parametrize("name", WIRED)
def test_what_has_no_linear_regions_is_refused_by_name(name):
    with pytest.raises(UnsupportedModelError, match=r"not piecewise linear|multiplies two"):
        regions.as_network(*built(WIRED[name]))


def test_a_maximum_that_is_another_is_noticed():
    """The control: the same network with minima in place of one layer's maxima."""
    net = regions.as_network(*built(READ["LeNet-5"]))
    switches = {relu.name for relu in net.graph.relus if relu.slots}
    steps = []
    for step in net.graph.steps:
        into = any(step.name == relu.inputs[0] for relu in net.graph.relus if relu.slots)
        out = step.kind == "add" and switches & set(step.inputs)
        signs = tuple(-s for s in step.signs) if into else (1.0, -1.0) if out else None
        steps.append(dataclasses.replace(step, signs=signs) if signs else step)
    other = regions.ReLUNetwork(Graph(tuple(steps)), net.parameters)
    assert differs(other, lambda: built(READ["LeNet-5"]))[0]


@pytest.mark.parametrize("name", ["LeNet-5", "GoogLeNet", "U-Net", "ResNet in three dimensions"])
def test_the_wiring_comes_back_from_its_text(name):
    graph = regions.as_network(*built(READ[name])).graph
    assert Graph.from_json(graph.to_json()) == graph
