"""Degree statistics against networkx's degrees and the definitions."""

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

import regions
from regions.pruning import degree_statistics


def test_shares_are_the_degrees_of_the_bipartite_graph():
    rng = np.random.default_rng(0)
    mask = rng.random((9, 14)) < 0.3
    graph = nx.bipartite.from_biadjacency_matrix(sparse.csr_array(mask.astype(int)))
    expected = [graph.degree[unit] / 14 for unit in range(9)]
    found = degree_statistics(regions.Masks({"fc": mask}))
    np.testing.assert_allclose(found.shares["fc"], expected)
    row = found.to_frame().iloc[0]
    assert (row.layer, row.units) == ("fc", 9)
    assert row["mean"] == pytest.approx(mask.mean())
    assert row.sd == pytest.approx(np.std(expected))
    assert row.dead == np.mean(~mask.any(axis=1))
    assert found.to_dict()["shares"]["fc"] == pytest.approx(expected)


def test_a_dead_layer_is_even():
    row = degree_statistics(regions.Masks({"fc": np.zeros((3, 4))})).to_frame().iloc[0]
    assert (row.gini, row.dead) == (0.0, 1.0)


def test_kernels_count_as_incoming_weights_and_the_plot_has_a_line_per_layer():
    mask = np.zeros((2, 3, 2, 2), dtype=bool)
    mask[0, 0, 0] = True
    found = degree_statistics(regions.Masks({"conv": mask, "fc": np.ones((2, 2))}))
    assert found.shares["conv"].tolist() == [2 / 12, 0.0]
    assert len(found.plot().lines) == 2
