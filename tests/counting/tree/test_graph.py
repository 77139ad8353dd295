import tracemalloc

import numpy as np
import pytest
from counting_oracles import dense, random_layers, tent_layers

import regions
from regions.counting import count_regions, region_graph
from regions.counting.tree.graph import _Patterns


def test_a_grid_of_regions_is_a_grid_graph():
    import networkx as nx

    rows = np.vstack([np.tile([1.0, 0.0], (2, 1)), np.tile([0.0, 1.0], (3, 1))])
    net = dense((rows, np.array([-0.3, 0.3, -0.5, 0.0, 0.5])))
    graph = region_graph(net, regions.Box.cube(2, -1.0, 1.0))
    assert nx.is_isomorphic(graph, nx.grid_2d_graph(3, 4))


@pytest.mark.parametrize(("inputs", "widths"), [(1, [6, 6]), (2, [6, 5]), (3, [4, 4])])
def test_edges_are_facets(inputs, widths, rng):
    net = dense(*random_layers(rng, [inputs, *widths]))
    box = regions.Box.cube(inputs, -1.0, 1.0)
    graph = region_graph(net, box)
    assert len(graph) == int(count_regions(net, box))
    for one, other, unit in graph.edges(data="unit"):
        patterns = [graph.nodes[node]["region"].pattern for node in (one, other)]
        assert (patterns[0] != patterns[1]).sum() == 1 and patterns[0][unit] != patterns[1][unit]
    # every facet inside the box is shared by two regions
    facets = sum(int((graph.nodes[i]["region"].units >= 0).sum()) for i in graph)
    assert facets == 2 * graph.number_of_edges()


def test_regions_that_differ_in_several_units_are_still_joined():
    rows = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
    graph = region_graph(dense((rows, np.zeros(3))), regions.Box.cube(2, -1.0, 1.0))
    assert len(graph) == 4 and graph.number_of_edges() == 4


def test_maps_are_continuous_across_edges(rng):
    net = dense(*random_layers(rng, [2, 6, 6], density=0.6))
    graph = region_graph(net, regions.Box.cube(2, -1.0, 1.0))
    for one, other in graph.edges:
        first, second = (graph.nodes[node]["region"] for node in (one, other))
        # the maps differ by a multiple of the facet's own equation
        jump = np.append(first.slope - second.slope, first.offset - second.offset)
        unit = graph.edges[one, other]["unit"]
        facet = int(np.flatnonzero(first.units == unit)[0])
        equation = np.append(first.normals[facet], first.offsets[facet])
        rest = jump - equation * (jump @ equation) / (equation @ equation)
        np.testing.assert_allclose(rest, 0, atol=1e-8)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_pieces_of_the_tent(depth):
    net = regions.as_network([*tent_layers(depth), (np.array([[2.0, -4.0]]), np.zeros(1))])
    box = regions.Box([-1.0], [2.0])
    cells = count_regions(net, box, method="cells", kind="linear")
    assert int(cells) == int(count_regions(net, box, method="line", kind="linear"))
    assert cells.details["activation_regions"] == int(count_regions(net, box))


def test_pieces_in_three_dimensions(rng):
    # |x| + |y| + z: four pieces from four regions; an unused unit adds regions only
    first = np.array(
        [[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [1, 1, 1]]
    )
    output = np.array([[1.0, 1, 1, 1, 1, -1, 0]])
    net = regions.as_network([(first, np.append(np.zeros(6), 0.2)), (output, np.zeros(1))])
    box = regions.Box.cube(3, -1.0, 1.0)
    assert int(count_regions(net, box)) > 8
    assert int(count_regions(net, box, kind="linear")) == 4


def test_planes_merge_like_cells(rng):
    for density in (1.0, 0.4):
        layers = random_layers(rng, [2, 7, 7], density=density)
        output = rng.normal(size=(2, 7)) * (rng.uniform(size=(2, 7)) < density)
        net = regions.as_network([*layers, (output, np.zeros(2))])
        box = regions.Box.cube(2, -1.0, 1.0)
        plane, cells = (
            count_regions(net, box, method=m, kind="linear") for m in ("plane", "cells")
        )
        assert int(plane) == int(cells) <= int(count_regions(net, box))


def test_a_graph_is_a_third_of_its_regions_as_objects(rng):
    """So that 625,000 regions fit into one gigabyte."""
    net, box = dense(*random_layers(rng, [3, 16, 16])), regions.Box.cube(3, -1.0, 1.0)
    region_graph(net, regions.Box.cube(3, -0.1, 0.1))  # what is made once

    def held(function):
        tracemalloc.start()
        found = function(net, box)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held / len(found[0])

    def objects(net, box):
        graph = region_graph(net, box)
        nodes = {i: {"region": graph.nodes[i]["region"]} for i in graph}
        return graph, nodes, {edge: {"unit": graph.edges[edge]["unit"]} for edge in graph.edges}

    slim, whole = held(lambda *given: [region_graph(*given)]), held(objects)
    assert slim < 1150 and whole > 3 * slim


@pytest.mark.parametrize("numbers", [1, 3])
def test_patterns_of_one_number_are_told_apart(numbers, rng):
    active = np.unique(rng.random((60, 7)) < 0.5, axis=0)
    rng.shuffle(active)
    bits, own = np.packbits(active, axis=1), np.sort(rng.integers(numbers, size=len(active)))
    known = _Patterns(bits, np.zeros(8, int), own, np.arange(len(bits)), own)
    owner, unit = np.divmod(np.arange(len(bits) * 7), 7)
    beyond = known.across(owner, unit)
    for one, changed, other in zip(owner, unit, beyond, strict=True):
        differs = (active != active[one]).sum(axis=1) == 1
        (expected,) = np.nonzero(differs & (active[:, changed] != active[one, changed]))
        same = expected[own[expected] == own[one]]  # numbers say where to look
        assert other == (same[0] if len(same) else -1)
    assert (beyond >= 0).any() and (beyond < 0).any()
