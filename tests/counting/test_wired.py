"""Convolutions, pooling, batch norm, skips and concatenations: modules against exact forms."""

from __future__ import annotations

import numpy as np
import pytest
from rational_oracle import graph_edges, oracle, wired_cells, wired_oracle
from study import LARGEST_MERGED, engines_for
from wired import WIRED, wired

import regions
from regions.counting import Status, count_regions

LARGEST = 120


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", sorted(WIRED))
def test_modules_have_the_regions_of_their_forms(family, seed):
    drawn = wired(family, seed)
    (rows, slopes), net, domain = drawn.layers, drawn.net, drawn.domain
    cells, d = wired_cells(rows, slopes, domain, net.input_size)
    patterns = {pattern for _, pattern, _ in cells}
    if len(patterns) > LARGEST:
        pytest.skip("too many for the oracle's graph")
    methods = engines_for(domain, net.input_size)
    for method in methods:
        found = count_regions(net, domain, method=method)
        assert (found.count, found.status) == (len(patterns), Status.EXACT), method
    if len(patterns) > LARGEST_MERGED:
        return
    merged = wired_oracle(rows, slopes, domain, net.input_size, "linear")
    assert int(count_regions(net, domain, kind="linear")) == merged
    graph = regions.region_graph(net, domain)
    assert {tuple(graph.nodes[i]["region"].pattern) for i in graph} == patterns
    pairs = graph_edges([cell for cell, _, _ in cells], d)
    edges = {frozenset((cells[i][1], cells[j][1])) for i, j in pairs}  # orthants part regions
    assert graph.number_of_edges() == sum(len(edge) == 2 for edge in edges)


def test_both_oracles_agree_on_chains():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(-2, 3, size=(4, 2)), rng.integers(-2, 3, size=(3, 4))
        bias = rng.integers(-2, 3, size=3) / 4.0
        layers = [(first, np.zeros(4)), (second, bias), (np.ones((1, 3)), np.ones(1))]
        rows, before = [], 0
        for weight, constants in layers:
            forms = [
                {-1: c, **{before + i: w for i, w in enumerate(row)}}
                for row, c in zip(weight.tolist(), constants.tolist(), strict=True)
            ]
            rows.append(forms)
            before += np.shape(weight)[1]
        square = regions.Box.cube(2, -1.0, 1.0)
        for kind in ("activation", "linear"):
            expected = oracle(layers, square, kind=kind)
            assert wired_oracle(rows, [0.0, 0.0], square, 2, kind) == expected


def test_a_module_read_wrongly_would_be_seen():
    # a batch norm without its shift, say
    wrong = 0
    for seed in range(6):
        drawn = wired("normalised", seed)
        rows, slopes = drawn.layers
        moved = [[{**form, -1: form.get(-1, 0) + 1} for form in layer] for layer in rows]
        size = int(np.prod(drawn.shape))
        right = wired_oracle(rows, slopes, drawn.domain, size)
        wrong += wired_oracle(moved, slopes, drawn.domain, size) != right
    assert wrong
