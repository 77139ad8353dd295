"""Redundant units and dominating sets: exactness, validity, and the distance from the optimum."""

import copy
import itertools

import networkx as nx
import numpy as np
import pytest
import torch

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.removal.dominating import keep_maximal
from regions.pruning.removal.merge import merge_redundant_units


def random_graphs(count, nodes=12):
    rng = np.random.default_rng(0)
    return [nx.gnp_random_graph(nodes, rng.uniform(0.05, 0.6), seed=i) for i in range(count)]


def kept(graph):
    keepers = keep_maximal(nx.to_numpy_array(graph) > 0)
    return keepers, set(np.flatnonzero(keepers == np.arange(len(keepers))).tolist())


def smallest(graph):
    """The size of a minimum dominating set, by brute force over bit sets."""
    near = [sum(1 << n for n in {node, *graph[node]}) for node in graph]
    everything = (1 << len(near)) - 1
    for size in range(1, len(near) + 1):
        for chosen in itertools.combinations(near, size):
            covered = 0
            for part in chosen:
                covered |= part
            if covered == everything:
                return size
    return 0


def test_what_stays_dominates_but_is_far_from_smallest():
    """300 random graphs of 12 nodes: no violation, over twice the optimum; greedy is between."""
    totals = np.zeros(3, dtype=int)
    for graph in random_graphs(300):
        keepers, nodes = kept(graph)
        assert nx.is_dominating_set(graph, nodes)
        assert all(keeper in nodes for keeper in keepers)
        assert all(u == k or graph.has_edge(u, k) for u, k in enumerate(keepers))
        greedy = nx.dominating_set(graph)
        totals += len(nodes), len(greedy), smallest(graph)
    assert totals[0] > 2 * totals[2]
    assert totals[2] <= totals[1] < totals[0]


def test_exactly_the_maximal_neighbourhoods_stay():
    for graph in random_graphs(60, nodes=9):
        near = {node: frozenset({node, *graph[node]}) for node in graph}
        maximal = {
            mine for mine in near.values() if not any(mine < other for other in near.values())
        }
        _, nodes = kept(graph)
        assert {near[node] for node in nodes} == maximal
        assert len(nodes) == len(maximal)  # one of each
        assert nodes == {max(n for n in near if near[n] == mine) for mine in maximal}


def test_a_cycle_loses_nothing_although_a_third_would_do():
    graph = nx.cycle_graph(12)
    assert len(kept(graph)[1]) == 12
    assert smallest(graph) == 4
    assert len(kept(nx.complete_graph(12))[1]) == 1


def with_copies(rng, widths=(5, 6, 7, 3)):
    """Random pairs in which some units of each hidden layer have equal incoming weights."""
    pairs = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in itertools.pairwise(widths)]
    for weight, bias in pairs[:-1]:
        weight[1] = weight[4] = weight[0]
        bias[1] = bias[4] = bias[0]
        weight[3], bias[3] = weight[2], bias[2]
    return pairs


def test_equal_units_merge_without_changing_the_function():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(200, 5))
    for _ in range(5):
        pairs = with_copies(rng)
        masks = merge_redundant_units(pairs)
        merged = masks.apply(pairs)
        expected = regions.as_network(pairs)(points)
        np.testing.assert_allclose(regions.as_network(merged)(points), expected, atol=1e-12)
        live = [int(mask.any(axis=1).sum()) for mask in masks.values()]
        assert live == [3, 4, 3]  # 6 - 2 - 1 and 7 - 2 - 1
        incoming = copy.deepcopy(pairs)  # adding incoming weights instead, as the paper words it
        incoming[0][0][4] += incoming[0][0][0] + incoming[0][0][1]
        incoming[0][0][[0, 1]] = 0.0
        assert np.abs(regions.as_network(incoming)(points) - expected).max() > 0.1


def test_copies_of_copies_merge_in_the_next_layer():
    """Units of layer 2 become equal only when the columns before them are added up."""
    first = np.array([[1.0, 2.0], [1.0, 2.0]])
    second = np.array([[1.0, 3.0], [2.0, 2.0]])
    pairs = [(first, np.ones(2)), (second, np.ones(2)), (np.ones((1, 2)), None)]
    masks = merge_redundant_units(pairs)
    assert [int(mask.any(axis=1).sum()) for mask in masks.values()] == [1, 1, 1]
    points = np.random.default_rng(2).normal(size=(50, 2))
    expected = regions.as_network(pairs)(points)
    np.testing.assert_allclose(regions.as_network(masks.apply(pairs))(points), expected)


def test_the_error_grows_with_theta_and_so_does_what_goes():
    rng = np.random.default_rng(3)
    pairs = [(rng.uniform(0, 1, (40, 4)), np.zeros(40)), (rng.normal(size=(3, 40)), None)]
    points = rng.normal(size=(100, 4))
    expected = regions.as_network(pairs)(points)
    errors, units = [], []
    for theta in (0.0, 0.2, 0.4, 2.0):
        masks = merge_redundant_units(pairs, theta)
        errors.append(np.abs(regions.as_network(masks.apply(pairs))(points) - expected).max())
        units.append(int(masks["layer1"].any(axis=1).sum()))
    assert errors[0] == 0.0 and errors == sorted(errors) and errors[-1] > 0.5
    assert units[0] == 40 and units == sorted(units, reverse=True) and units[-1] == 1
    # each unit that goes had a similar keeper, so |change| <= sum |w_out| theta |x|_1
    limit = 0.2 * np.abs(pairs[1][0]).sum(axis=1).max() * np.abs(points).sum(axis=1).max()
    assert errors[1] <= limit


def test_biases_and_thresholds_count():
    pairs = [(np.ones((2, 3)), np.array([0.0, 0.1])), (np.ones((1, 2)), None)]
    assert merge_redundant_units(pairs)["layer1"].all()
    assert not merge_redundant_units(pairs, 0.1)["layer1"][0].any()


def test_modules_are_left_alone_and_masks_apply(mlp):
    model = mlp([4, 5, 3])
    with torch.no_grad():
        model[0].weight[2], model[0].bias[2] = model[0].weight[0], model[0].bias[0]
    before = copy.deepcopy(model.state_dict())
    masks = merge_redundant_units(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    merged = masks.apply(copy.deepcopy(model), "zeros")
    torch.testing.assert_close(merged(x), model(x))
    assert not masks["0"][0].any() and masks["0"][2].all()


@pytest.mark.parametrize("theta", [-0.1, float("nan"), float("inf"), "0", True, None])
def test_wrong_thresholds_are_refused(theta, pairs):
    with pytest.raises(ArgumentError, match="theta is"):
        merge_redundant_units(pairs([3, 2, 1]), theta)


def test_other_networks_are_refused(residual):
    with pytest.raises(UnsupportedModelError, match="multilayer perceptrons"):
        merge_redundant_units(residual(), input_shape=(1, 8, 8))
