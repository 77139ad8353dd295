"""Liveness against brute force: remove a weight and see whether any path is lost."""

import networkx
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.networks import liveness


def path_oracle(net, masks):
    """Effective weights by reachability in the explicit graph of scalar units."""
    ones = {
        f"{n}.weight": np.asarray(masks.get(n, np.ones(s)), float) for n, s in net.prunable.items()
    }
    graph, steps = networkx.DiGraph(), net.graph.steps
    for step in steps[1:]:
        shapes = [net.graph.by_name[source].shape for source in step.inputs]
        parts = (
            [np.eye(step.size)]
            if step.kind in ("relu", "scale")
            else [abs(part.toarray()) for part in step.matrices(shapes, ones)]
        )
        for source, part in zip(step.inputs, parts, strict=True):
            for row, column in np.argwhere(part):
                graph.add_edge((source, int(column)), (step.name, int(row)))
    fed, feeding = set(), set()
    for unit in range(net.input_size):
        if ("input", unit) in graph:
            fed |= {("input", unit)} | networkx.descendants(graph, ("input", unit))
    for unit in range(steps[-1].size):
        if (steps[-1].name, unit) in graph:
            end = (steps[-1].name, unit)
            feeding |= {end} | networkx.ancestors(graph, end)
    effective = {}
    for step in steps:
        if step.module is None:
            continue
        shapes = [net.graph.by_name[step.inputs[0]].shape]
        found = effective.setdefault(step.module, np.zeros(net.prunable[step.module], bool))
        for index in np.argwhere(ones[f"{step.module}.weight"]):
            single = np.zeros(net.prunable[step.module])
            single[tuple(index)] = 1.0
            part = step.matrices(shapes, {f"{step.module}.weight": single})[0].toarray()
            found[tuple(index)] |= any(
                (step.inputs[0], int(c)) in fed and (step.name, int(r)) in feeding
                for r, c in np.argwhere(part)
            )
    return effective


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3, padding=1)
        self.inner = nn.Conv2d(2, 2, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(x + self.inner(x))
        return self.head(F.avg_pool2d(x, 2).flatten(1))


def mlp():
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("make, shape", [(mlp, None), (Skip, (1, 4, 4))])
def test_effective_weights_are_those_on_a_path(make, shape, density):
    torch.manual_seed(0)
    net = regions.as_network(make(), shape)
    rng = np.random.default_rng(int(100 * density))
    for _ in range(5):
        masks = {name: rng.random(s) < density for name, s in net.prunable.items()}
        found = liveness(net.graph, masks).effective
        expected = path_oracle(net, masks)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
        assert all((found[name] <= masks[name]).all() for name in masks)


def test_what_is_not_effective_can_be_removed():
    """Without biases, dropping every ineffective weight leaves the function as it is."""
    rng = np.random.default_rng(1)
    shapes = [(8, 6), (8, 8), (3, 8)]
    net = regions.as_network([(rng.standard_normal(shape), None) for shape in shapes])
    masks = {name: rng.random(s) < 0.2 for name, s in net.prunable.items()}
    effective = liveness(net.graph, masks).effective
    assert sum(m.sum() for m in effective.values()) < sum(m.sum() for m in masks.values())
    x = rng.standard_normal((50, 6))
    np.testing.assert_allclose(net.masked(masks)(x), net.masked(effective)(x), atol=1e-12)


def test_units_of_a_layer():
    net = regions.as_network([(np.ones((3, 2)), None), (np.ones((1, 3)), None)])
    masks = {
        "layer1": np.array([[1, 0], [0, 0], [0, 1]], bool),
        "output": np.array([[1, 1, 0]], bool),
    }
    alive = liveness(net.graph, masks)
    assert alive.fed["layer1"].tolist() == [True, False, True]
    assert alive.feeding["layer1"].tolist() == [True, True, False]
    assert alive.units("layer1").tolist() == [True, False, False]


def test_wrong_masks():
    net = regions.as_network([(np.ones((3, 2)), None)])
    with pytest.raises(ArgumentError, match="no prunable module"):
        liveness(net.graph, {"layer1": np.ones((3, 2))})
    with pytest.raises(ArgumentError, match="shape"):
        liveness(net.graph, {"output": np.ones((2, 3))})
