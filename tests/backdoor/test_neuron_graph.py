import copy

import numpy as np
import pytest
import torch

from regions.backdoor import (
    GatedNetwork,
    NeuronPolicy,
    channel_lipschitzness,
    dormancy,
    neuron_graph,
    trigger_response,
)
from regions.backdoor.neuron_graph import FEATURES
from regions.backdoor.neuron_policy import graph_tensors

SHAPE = (2, 9, 9)


def test_nodes_and_edges_by_brute_force(conv_net, conv_inputs):
    with torch.no_grad():
        conv_net.b.weight[1, 0] = 0  # an edge that is not there
    graph = neuron_graph(GatedNetwork(conv_net, SHAPE), conv_inputs)
    counts = (2, 2, 3, 4, 3)
    assert set(graph) == {(layer, unit) for layer, n in enumerate(counts) for unit in range(n)}
    expected = {}
    kernels = [conv_net.a.weight, conv_net.b.weight, conv_net.c.weight, conv_net.d.weight]
    for layer, weight in enumerate(kernels):
        for after in range(counts[layer + 1]):
            for before in range(counts[layer]):
                # the four positions of a channel lie side by side after the flattening
                span = slice(4 * before, 4 * before + 4) if layer == 2 else before
                norm = float(weight[after, span].detach().double().norm())
                if norm > 0:
                    expected[(layer, before), (layer + 1, after)] = norm
    found = {(u, v): weight for u, v, weight in graph.edges(data="weight")}
    assert found.keys() == expected.keys() and len(found) == 2 * 2 + 2 * 3 - 1 + 3 * 4 + 4 * 3
    for edge, norm in expected.items():
        assert found[edge] == pytest.approx(norm, rel=1e-6)


def test_features_by_brute_force(conv_net, conv_inputs):
    network = GatedNetwork(conv_net, SHAPE)
    graph = neuron_graph(network, conv_inputs, response=np.arange(9.0))
    with torch.no_grad():
        channel = conv_net[:4](torch.from_numpy(conv_inputs))[:, 1].mean((1, 2)).double()
    node = graph.nodes[2, 1]
    assert node["kind"] == "hidden" and node["depth"] == 0.5 and node["response"] == 3
    assert node["mean"] == pytest.approx(float(channel.mean()), rel=1e-4)
    assert node["sd"] == pytest.approx(float(channel.std(correction=0)), rel=1e-4)
    assert node["active"] == float((channel > 0).double().mean())
    assert node["bias"] == pytest.approx(conv_net.b.bias[1].item())
    assert node["in_norm"] == pytest.approx(conv_net.b.weight[1].norm().item(), rel=1e-5)
    assert node["out_norm"] == pytest.approx(conv_net.c.weight[:, 4:8].norm().item(), rel=1e-5)
    kinds = [graph.nodes[layer, 0]["kind"] for layer in range(5)]
    assert kinds == ["input", "hidden", "hidden", "hidden", "output"]
    assert all(set(FEATURES) <= set(graph.nodes[1, unit]) for unit in range(2))
    assert graph.nodes[0, 0]["depth"] == 0 and graph.nodes[4, 0]["depth"] == 1


def permuted(model):
    """Return the same function with the units of each hidden layer in another order."""
    orders = [np.array([1, 0]), np.array([2, 0, 1]), np.array([3, 1, 0, 2])]
    other = copy.deepcopy(model)
    columns = (4 * orders[1][:, None] + np.arange(4)).ravel()
    cuts = {
        "a": (orders[0], slice(None)),
        "b": (orders[1], orders[0]),
        "c": (orders[2], columns),
        "d": (slice(None), orders[2]),
    }
    with torch.no_grad():
        for name, (rows, cols) in cuts.items():
            layer, source = getattr(other, name), getattr(model, name)
            layer.weight.copy_(source.weight[rows][:, cols])
            layer.bias.copy_(source.bias[rows])
    return other, np.concatenate([orders[0], 2 + orders[1], 5 + orders[2]])


def randomised_policy():
    policy = NeuronPolicy(seed=1)
    with torch.no_grad():
        policy.out.weight.copy_(torch.randn(policy.out.weight.shape, generator=_generator()))
    return policy


def _generator():
    return torch.Generator().manual_seed(0)


def test_everything_follows_the_order_of_the_units(conv_net, conv_inputs):
    other_model, order = permuted(conv_net)
    one, two = GatedNetwork(conv_net, SHAPE), GatedNetwork(other_model, SHAPE)
    triggered = conv_inputs + 1
    scores = (
        lambda network: dormancy(network, conv_inputs),
        lambda network: channel_lipschitzness(network.units),
        lambda network: trigger_response(network, conv_inputs, triggered),
    )
    for score in scores:
        np.testing.assert_allclose(score(two), score(one)[order], rtol=1e-3, atol=1e-5)
    policy = randomised_policy()
    with torch.no_grad():
        first, second = (
            policy(graph_tensors(neuron_graph(network, conv_inputs))) for network in (one, two)
        )
    assert first.shape == (9,) and first.std() > 0.1
    torch.testing.assert_close(second, first[order], rtol=1e-3, atol=1e-3)


def test_the_policy_reads_the_edges(conv_net, conv_inputs):
    """Control: without messages the same features would give the same logits."""
    graph = neuron_graph(GatedNetwork(conv_net, SHAPE), conv_inputs)
    changed = graph.copy()
    changed.edges[(1, 0), (2, 0)]["weight"] *= 50
    policy = randomised_policy()
    with torch.no_grad():
        first, second = (policy(graph_tensors(each)) for each in (graph, changed))
    assert (first - second).abs().max() > 1e-3


def test_a_new_policy_gives_every_unit_the_same_chance(conv_net, conv_inputs):
    tensors = graph_tensors(neuron_graph(GatedNetwork(conv_net, SHAPE), conv_inputs))
    state = torch.random.get_rng_state()
    chances = torch.sigmoid(NeuronPolicy(rate=0.1)(tensors))
    torch.testing.assert_close(chances, torch.full((9,), 0.1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_channel_lipschitzness_of_known_kernels():
    """A rank-one kernel's spectral norm is its Frobenius norm; an orthogonal one's is less."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, (1, 2)), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(6, 2)
    )
    kernels = [[[3.0, 4.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 3.0]], [[1.0, 1.0], [1.0, 1.0]]]
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(kernels).reshape(3, 2, 1, 2))
    norms = np.array([5.0, 3.0, 2.0])
    network = GatedNetwork(model, (2, 1, 3))
    expected = (norms - norms.mean()) / norms.std()
    np.testing.assert_allclose(channel_lipschitzness(network.units), expected, rtol=1e-6)
