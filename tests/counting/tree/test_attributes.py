"""Attributes of a graph of regions behave as the dictionaries that networkx would hold."""

import copy
import pickle

import networkx as nx
import numpy as np
import pytest
from counting_oracles import dense, random_layers

import regions
from regions.counting.tree.attributes import FacetAttributes


@pytest.fixture
def graph(rng):
    net = dense(*random_layers(rng, [2, 6, 5]))
    return regions.region_graph(net, regions.Box.cube(2, -1.0, 1.0))


def plain(graph):
    """The same graph with dictionaries."""
    other = nx.Graph()
    other.add_nodes_from((node, {"region": graph.nodes[node]["region"]}) for node in graph)
    other.add_edges_from((a, b, {"unit": unit}) for a, b, unit in graph.edges(data="unit"))
    return other


def same(one, two):
    edges = [{frozenset(e[:2]): dict(e[2]) for e in g.edges(data=True)} for g in (one, two)]
    nodes = [{n: {**d, "region": d["region"].pattern.tobytes()} for n, d in g.nodes(data=True)}
             for g in (one, two)]  # fmt: skip
    return edges[0] == edges[1] and nodes[0] == nodes[1]


def written(graph):
    """What users and functions of networkx write."""
    first, second = next(iter(graph.edges))
    graph.edges[first, second]["weight"] = 2.5
    graph.add_edge(first, second, color="red")
    graph.add_edge("new", first)
    graph.nodes[second].update(label="b")
    graph.nodes["new"]["region"] = graph.nodes[first]["region"]
    nx.set_edge_attributes(graph, {edge: graph.edges[edge]["unit"] % 3 + 1 for edge in graph.edges
                                   if "unit" in graph.edges[edge]}, "length")  # fmt: skip
    nx.set_node_attributes(graph, 1.5, "height")
    del graph.edges[first, second]["unit"]
    graph.remove_node(max(node for node in graph if isinstance(node, int)))
    return graph


@pytest.mark.parametrize("change", [lambda graph: graph, written], ids=["read", "written"])
@pytest.mark.parametrize(
    "function",
    [
        lambda graph: graph,
        lambda graph: graph.copy(),
        lambda graph: graph.subgraph(list(graph)[:9]),
        lambda graph: graph.to_directed().to_undirected(),
        lambda graph: nx.Graph(graph),
        lambda graph: nx.compose(graph, nx.Graph()),
        lambda graph: nx.from_edgelist(graph.edges(data=True)).edge_subgraph(graph.edges)
        and graph.edge_subgraph(graph.edges),
        lambda graph: nx.relabel_nodes(graph, {0: "zero"}),
        lambda graph: nx.node_link_graph(nx.node_link_data(graph)),
        lambda graph: pickle.loads(pickle.dumps(graph)),
        copy.copy,
    ],
    ids=["same", "copy", "part", "directed", "made", "compose", "edges", "named", "link", "pickle",
         "shallow"],
)  # fmt: skip
def test_functions_of_networkx_give_what_they_give_for_dictionaries(graph, change, function):
    if change is written:
        theirs, ours = change(plain(graph)), change(graph)
    else:
        theirs, ours = plain(graph), graph
    assert same(function(ours), function(theirs))


def test_values_along_edges_are_read(graph):
    other = plain(graph)
    for own in (graph, other):
        nx.set_edge_attributes(own, {e: own.edges[e]["unit"] + 0.5 for e in own.edges}, "weight")
    lengths = [nx.single_source_dijkstra_path_length(own, 0) for own in (graph, other)]
    assert lengths[0] == lengths[1] and len(set(lengths[0].values())) > 3
    matrices = [nx.to_numpy_array(own, weight="unit") for own in (graph, other)]
    np.testing.assert_array_equal(*matrices)
    frames = [nx.to_pandas_edgelist(own) for own in (graph, other)]
    names = ["source", "target", "unit", "weight"]  # in the order of a set
    assert frames[0].equals(frames[1][list(frames[0])]) and sorted(frames[0]) == names


def test_what_one_edge_is_given_no_other_has(graph):
    (a, b), (c, d) = list(graph.edges)[:2]
    graph.edges[c, d]["unit"] = graph.edges[a, b]["unit"]
    graph.edges[a, b]["weight"] = 1
    assert "weight" not in graph.edges[c, d] and graph.edges[b, a]["weight"] == 1
    assert dict(graph.edges[c, d]) == {"unit": graph.edges[a, b]["unit"]}


def test_a_region_is_found_again_where_it_is_held(graph):
    held = {graph.nodes[node]["region"]: node for node in graph}
    assert all(held[graph.nodes[node]["region"]] == node for node in graph)


def test_it_is_read_as_a_dictionary():
    attributes = FacetAttributes(4)
    assert attributes == {"unit": 4} and repr(attributes) == "{'unit': 4}"
    assert attributes.get("weight", 7) == 7 and {**attributes, "x": 1} == {"unit": 4, "x": 1}
    with pytest.raises(KeyError, match="weight"):
        attributes["weight"]
    del attributes["unit"]
    assert len(attributes) == 0 and attributes == {}
