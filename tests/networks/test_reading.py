"""No model is read wrongly: each is described exactly, or refused by name."""

import dataclasses

import architectures
import numpy as np
import pytest
import torch
from aliased_models import drawn
from model_parts import Issue
from probing import differs, make
from reading_models import READ
from refused_models import REFUSED
from torch import nn

import regions
from regions.errors import ConversionError, RegionsError
from regions.networks import probes
from regions.networks.graph import Graph
from regions.networks.steps import Move
from regions.networks.verify import verify


def everything(model):
    """What a user can see of a model: values, flags, hooks and attributes of all its modules."""
    seen = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.modules.lazy.LazyModuleMixin):
            continue
        tensors = {**dict(module._parameters), **dict(module._buffers)}
        for name, value in tensors.items():
            seen[path, name] = value if value is None else (id(value), value.detach().clone())
        hooks = {**module._forward_hooks, **module._forward_pre_hooks}
        seen[path] = (module.training, list(hooks.values()), list(vars(module)))
        for name, value in vars(module).items():
            if isinstance(value, (int, str, list, torch.Tensor)):
                seen[path, "attribute", name] = (id(value), repr(value))
    return seen


def same(before, after):
    return before.keys() == after.keys() and all(
        torch.equal(b[1], after[k][1]) and b[0] == after[k][0]
        if isinstance(b, tuple) and len(b) == 2 and isinstance(b[1], torch.Tensor)
        else b == after[k]
        for k, b in before.items()
    )


@pytest.mark.parametrize("name", READ)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_model_is_read_exactly_and_left_as_it_was(name):
    model, shape = make(READ[name])
    before = everything(model)
    net = regions.as_network(model, shape)
    assert same(before, everything(model))
    wrong, flips = differs(net, READ[name])
    assert not wrong
    assert flips > 0.3, f"the probes flip only {flips:.0%} of the units"


@pytest.mark.parametrize("seed", range(40))
def test_programs_drawn_at_random_are_read_exactly(seed):
    def factory():
        return drawn(seed), (4,)

    net = regions.as_network(*make(factory))
    assert not differs(net, factory)[0]


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_by_name_and_left_as_it_was(name):
    factory, shape, message = REFUSED[name]
    torch.manual_seed(0)
    model = factory()
    before = everything(model)
    with pytest.raises(RegionsError, match=message):
        regions.as_network(model, shape)
    assert same(before, everything(model))


def altered(net):
    """Yield descriptions that are wrong in one slope, one activation or one parameter."""
    for relu in net.graph.relus:
        others = tuple(
            dataclasses.replace(step, slope=step.slope + 0.01) if step is relu else step
            for step in net.graph.steps
        )
        yield regions.ReLUNetwork(Graph(others), net.parameters)
        identity = Move(name=relu.name, inputs=relu.inputs, shape=relu.shape)
        others = tuple(identity if step is relu else step for step in net.graph.steps)
        yield regions.ReLUNetwork(Graph(others), net.parameters)
    for name, value in net.parameters.items():
        yield regions.ReLUNetwork(net.graph, {**net.parameters, name: value * (1 + 1e-6) + 2e-6})


@pytest.mark.parametrize("name", ["mlp", "leaky", "residual", "lenet", "relu_ on slice", "CReLU"])
def test_the_check_of_readings_can_fail(name):
    model, shape = make(READ[name])
    net = regions.as_network(model, shape)
    wrong = list(altered(net))
    assert len(wrong) > len(net.graph.relus)
    assert all(differs(other, READ[name])[0] for other in wrong)


def test_two_points_show_every_wrong_reading_of_a_large_network(monkeypatch):
    """Networks of billions of products are checked at two points: these see each parameter."""
    factory = architectures.READ["ResNet-18"]
    model, _ = architectures.built(factory)
    shape = (3, 64, 64)
    assert len(probes.probe_points(regions.as_network(model, shape))) == 8
    monkeypatch.setattr(probes, "_ROOM", 0.0)
    net = regions.as_network(model, shape)
    points = probes.probe_points(net)
    assert len(points) == 2
    with torch.no_grad():
        expected = {None: model.double()(torch.from_numpy(points)).numpy()}
    verify(net, points, expected, "the model")
    wrong = list(altered(net))
    assert len(wrong) > len(net.parameters)
    for other in wrong:
        with pytest.raises(ConversionError, match="rounding"):
            verify(other, points, expected, "the model")


def test_what_is_joined_again_and_again_has_few_parts():
    """A dense block concatenates all that came before with one value more: two parts each time."""

    class Dense(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4 + 2 * i, 2) for i in range(depth))

        def forward(self, x):
            for layer in self.layers:
                x = torch.cat([torch.relu(layer(x)), x], 1)
            return x

    model = Dense(9)
    net = regions.as_network(model)
    assert sum(step.kind in ("move", "shift") for step in net.graph.steps) == 2 * 9
    assert not differs(net, lambda: (model, (4,)))[0]


def test_the_corpus_is_large_and_its_probes_flip_most_units():
    assert len(READ) + len(REFUSED) >= 150
    flips = []
    for name in list(READ)[::7]:
        model, shape = make(READ[name])
        flips.append(differs(regions.as_network(model, shape), READ[name])[1])
    assert np.mean(flips) > 0.8


def test_the_example_of_the_issue():
    net = regions.as_network(Issue())
    assert regions.count_regions(net, regions.Box.cube(2, -40, 40)).count == 2
