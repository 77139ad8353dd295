"""The number of disjoint paths is that of another maximum flow, and of all sets of paths."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.pruning.methods.unit_graph import unit_graph
from regions.pruning.methods.unit_paths import count_disjoint_paths

MANY = 100


class Drawn(nn.Module):
    """A drawn network of layers, additions, concatenations and ReLUs on vectors."""

    def __init__(self, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        widths, self.plan, layers = [3], [], []
        for _ in range(7):
            kind = rng.choice(["layer", "layer", "add", "add", "cat", "relu"])
            one, two = rng.integers(len(widths), size=2)
            if kind == "add" and widths[one] != widths[two]:
                kind = "relu"
            if kind == "layer":
                layers.append(nn.Linear(widths[one], int(rng.integers(2, 4))))
                two = len(layers) - 1
            self.plan.append((kind, one, two))
            width = layers[-1].out_features if kind == "layer" else widths[one]
            widths.append(width + widths[two] if kind == "cat" else width)
        self.last = nn.Linear(sum(widths[-3:]), 2)
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        values = [x]
        for kind, one, two in self.plan:
            if kind == "layer":
                values.append(self.layers[two](values[one]))
            elif kind == "relu":
                values.append(torch.relu(values[one]))
            else:
                pair = [values[one], values[two]]
                values.append(pair[0] + pair[1] if kind == "add" else torch.cat(pair, -1))
        return self.last(torch.cat(values[-3:], -1))


class Wiring:
    """The same network as a graph whose units have a capacity, scalar by scalar."""

    def __init__(self, model, masks):
        self.graph = nx.DiGraph()
        values = [[self.node(f"input{place}", MANY) for place in range(3)]]
        for node in values[0]:
            self.graph.add_edge("source", node[0], capacity=MANY)
        for step, (kind, one, two) in enumerate(model.plan):
            if kind == "layer":
                mask = masks[f"layers.{two}"]
                values.append(self.layer(f"layer{step}", mask, values[one], 1))
            elif kind == "cat":
                values.append(values[one] + values[two])
            elif kind == "add":
                both = zip(values[one], values[two], strict=True)
                values.append([self.join(f"{step}.{i}", pair) for i, pair in enumerate(both)])
            else:
                values.append([self.relu(f"{step}.{i}", n) for i, n in enumerate(values[one])])
        ends = self.layer("output", masks["last"], [*itertools.chain(*values[-3:])], MANY)
        for node in ends:
            self.graph.add_edge(node[1], "sink", capacity=MANY)

    def node(self, name, capacity):
        self.graph.add_edge(f"{name} in", f"{name} out", capacity=capacity)
        return f"{name} in", f"{name} out"

    def layer(self, name, mask, below, capacity):
        rows = [self.node(f"{name}.{row}", capacity) for row in range(len(mask))]
        for row, column in zip(*np.nonzero(mask), strict=True):
            self.graph.add_edge(below[column][1], rows[row][0], capacity=MANY)
        return rows

    def join(self, name, pair):
        if pair[0] == pair[1]:
            return pair[0]
        node = self.node(f"sum{name}", MANY)
        for one in pair:
            self.graph.add_edge(one[1], node[0], capacity=MANY)
        return node

    def relu(self, name, below):
        if not below[0].startswith("sum"):
            return below
        node = self.node(f"relu{name}", 1)
        self.graph.add_edge(below[1], node[0], capacity=MANY)
        return node

    def flow(self):
        return nx.maximum_flow_value(self.graph, "source", "sink")

    def packing(self):
        """Return the most paths that meet in no unit, over all sets of paths."""
        kept = []
        units = {edge[:2] for edge in self.graph.edges(data="capacity") if edge[2] == 1}
        for path in nx.all_simple_paths(self.graph, "source", "sink"):
            kept.append(frozenset(units & set(itertools.pairwise(path))))
        small = [one for one in set(kept) if not any(other < one for other in set(kept))]
        size = 0
        while any(
            all(not one & two for one, two in itertools.combinations(some, 2))
            for some in itertools.combinations(small, size + 1)
        ):
            size += 1
        return size


def cases(density, most=1000):
    """Yield drawn networks whose every path passes a unit: the count and the graph by scalars."""
    for seed in range(24):
        model = Drawn(seed)
        net = regions.as_network(model, (3,))
        rng = np.random.default_rng(seed)
        masks = {
            name: rng.random(layer.weight.shape) < density
            for name, layer in model.named_modules()
            if isinstance(layer, nn.Linear)
        }
        wiring = Wiring(model, masks)
        if wiring.flow() < MANY and wiring.graph.number_of_edges() < most:
            known = {name: mask for name, mask in masks.items() if name in net.graph.prunable}
            yield count_disjoint_paths(unit_graph(net.graph), known), wiring


@pytest.mark.parametrize("density", [0.3, 0.6, 1.0])
def test_it_is_the_maximum_flow_of_a_graph_made_scalar_by_scalar(density):
    found = [(number, wiring.flow()) for number, wiring in cases(density)]
    assert all(number == flow for number, flow in found)
    assert len(found) > 5 and len({number for number, _ in found}) > 2


def test_it_is_the_largest_set_of_disjoint_paths():
    found = [*cases(0.4, most=70), *cases(0.6, most=60)]
    assert all(number == wiring.packing() for number, wiring in found)
    assert len({number for number, _ in found}) > 2


def test_layers_without_a_mask_are_whole():
    net = regions.as_network(Drawn(3), (3,))
    whole = {name: np.ones(shape, dtype=bool) for name, shape in net.graph.prunable.items()}
    units = unit_graph(net.graph)
    assert count_disjoint_paths(units, {}) == count_disjoint_paths(units, whole)
