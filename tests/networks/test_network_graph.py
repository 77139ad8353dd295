"""One walk over the steps, whatever goes through them, and what the wiring says about a network."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_parts import mlp, program
from torch import nn

import regions
from regions.networks.network import absolute, magnitudes
from regions.networks.steps import Linear, Move
from regions.networks.windows import Shift


def skip(m, x):
    h = F.relu(m.a(x))
    return m.b(F.leaky_relu(m.c(h), -0.5) + h)


def residual():
    torch.manual_seed(0)
    return regions.as_network(program(skip, c=nn.Linear(6, 6)))


def plain():
    torch.manual_seed(0)
    return regions.as_network(mlp(4, 8, 8, 3))


def lenet():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.AvgPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2))
    return regions.as_network(model.eval(), (1, 6, 6))


NETWORKS = {"residual": residual, "plain": plain, "lenet": lenet}


@pytest.fixture(params=NETWORKS)
def net(request):
    return NETWORKS[request.param]()


def evaluated(net, points, steps=None, **how):
    start = net.start(points).values
    return net.graph.run(start, lambda s, inputs: s.value(inputs, net.parameters), steps, **how)


def test_values_by_the_walk_are_those_of_the_network(net):
    points = np.random.default_rng(0).standard_normal((5, net.input_size))
    found = evaluated(net, points)
    assert list(found) == [net.graph.ends[-1]]  # all else was dropped on the way
    np.testing.assert_array_equal(found[net.graph.ends[-1]], net(points))


def test_kept_values_are_all_values_and_end_the_segments(net):
    points = np.random.default_rng(1).standard_normal((5, net.input_size))
    found = evaluated(net, points, keep=True)
    assert list(found) == [step.name for step in net.graph.steps]
    ends = [found[name].reshape(5, -1) > 0 for name in net.graph.ends[:-1]]
    np.testing.assert_array_equal(np.hstack(ends), net.pattern(points))


def test_a_walk_can_stop_and_go_on_after_every_segment(net):
    points = np.random.default_rng(2).standard_normal((3, net.input_size))
    graph, values = net.graph, net.start(points).values
    for layer, segment in enumerate(graph.segments):
        values = graph.run(values, lambda s, inputs: s.value(inputs, net.parameters), segment)
        if layer < len(graph.relus):
            assert set(values) == {graph.ends[layer], *graph.carried[layer]}
            relu = (graph.relus[layer],)
            values = graph.run(values, lambda s, inputs: s.value(inputs, net.parameters), relu)
    np.testing.assert_array_equal(values[graph.ends[-1]], net(points))


def test_tensors_and_arrays_go_the_same_way(net):
    points = np.random.default_rng(3).standard_normal((4, *net.input_shape))
    tensors = {name: torch.tensor(value) for name, value in net.parameters.items()}
    found = net.graph.run(
        {"input": torch.from_numpy(points)}, lambda s, inputs: s.value(inputs, tensors)
    )
    np.testing.assert_allclose(found[net.graph.ends[-1]].numpy(), net(points), atol=1e-12)


def test_sizes_bound_values_and_are_reached_without_signs(net):
    points = np.random.default_rng(4).standard_normal((20, net.input_size))
    sizes = magnitudes(net)

    def bounds(network, start):
        rule = lambda s, inputs: s.sizes(inputs, sizes, 1.0)  # noqa: E731
        return network.graph.run(network.start(start).values, rule, keep=True)

    values, bound = evaluated(net, points, keep=True), bounds(net, np.abs(points))
    assert all((np.abs(values[name]) <= bound[name] + 1e-12).all() for name in values)
    twin = absolute(net)
    reached, bound = evaluated(twin, np.abs(points), keep=True), bounds(twin, np.abs(points))
    for name, value in bound.items():
        np.testing.assert_allclose(reached[name], value, atol=1e-12)
    # the control: half of what goes in bounds no longer
    low = bounds(net, 0 * points)
    assert any((np.abs(values[name]) > low[name]).any() for name in values)


def test_what_the_wiring_says():
    chain, branched, images = plain().graph, residual().graph, lenet().graph
    assert chain.is_chain and chain.is_perceptron
    assert all(isinstance(step, Linear) for step in chain.dense)
    assert not branched.is_chain and not branched.is_perceptron
    assert [branched.by_name[name].kind for name in branched.branches] == ["add"]
    assert [len(names) for names in branched.carried] == [0, 1]
    assert images.is_chain and not images.is_perceptron
    assert [step is not None for step in images.dense] == [False, False, True]
    assert {step.name: step.fan_in for step in images.steps if step.module} == {
        name: int(np.prod(images.prunable[images.by_name[name].module][1:]))
        for name in (step.name for step in images.steps if step.module)
    }


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)], True),
        ([nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)], True),
        ([nn.Linear(4, 3)], True),
        ([nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(3, 2)], False),
        ([nn.Linear(4, 3), nn.Linear(3, 2)], False),
        ([nn.Linear(4, 3), nn.ReLU()], False),
        ([nn.Unflatten(1, (2, 2)), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)], False),
    ],
)
def test_perceptrons_are_matrices_and_relus_in_turn(layers, expected):
    net = regions.as_network(nn.Sequential(*layers).eval(), (4,))
    assert net.graph.is_chain
    assert net.graph.is_perceptron is expected


def test_a_weight_used_twice_makes_no_perceptron():
    shared = nn.Linear(4, 4)
    net = regions.as_network(nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(4, 1)))
    assert net.graph.is_chain and not net.graph.is_perceptron


@pytest.mark.parametrize("shift", [-3, -2, 0, 3])
def test_a_shift_is_the_move_with_its_places(shift):
    """On NumPy arrays and tensors, points and exact numbers, as a matrix, and read back."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 2, 3))
    step = Shift(name="s", inputs=("input",), shape=(2, 2), shift=shift, length=6)
    places = [k + shift if 0 <= k + shift < 6 else -1 for k in range(4)]
    assert step.places.tolist() == places
    move = Move(name="s", inputs=("input",), shape=(2, 2), index=tuple(places))
    expected = move.linear([values], {})
    np.testing.assert_array_equal(step.linear([values], {}), expected)
    np.testing.assert_array_equal(step.linear([torch.from_numpy(values)], {}).numpy(), expected)
    whole = np.array([[Fraction(k, 3) for k in range(6)]], dtype=object)
    assert (step.linear([whole], {}) == move.linear([whole], {})).all()
    matrix = step.matrices([(2, 3)], {})[0].toarray()
    np.testing.assert_array_equal(matrix, move.matrices([(2, 3)], {})[0].toarray())


def test_concatenations_and_slices_are_shifts():
    """So that a graph of many of them has a few numbers for each, not one for each value."""

    class Joined(torch.nn.Module):
        def forward(self, x):
            first, second = x.chunk(2, 1)
            return torch.cat([second.relu(), first.relu()], 1)

    network = regions.as_network(Joined(), (4, 3))
    kinds = [step.kind for step in network.graph.steps]
    assert kinds.count("shift") == 4 and "move" not in kinds
    assert type(network.graph).from_json(network.graph.to_json()) == network.graph
    x = np.random.default_rng(1).normal(size=(5, 4, 3))
    np.testing.assert_array_equal(network(x), Joined()(torch.from_numpy(x)).numpy())
