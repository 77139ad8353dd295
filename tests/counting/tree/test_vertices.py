"""The vertex engine: agreement with linear programs, degenerate networks, hand-over."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from counting_oracles import (
    count_cells,
    count_vertices,
    dense,
    random_layers,
    tent_layers,
    zigzag_layers,
)
from families import case
from rational_oracle import oracle

import regions
from regions.counting.result import Status
from regions.counting.tree import polytopes, vertex_tree
from regions.errors import DomainError


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_linear_programs(seed):
    rng = np.random.default_rng(seed)
    d, depth = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    widths = [d, *rng.integers(2, 8, size=depth)]
    net = dense(*random_layers(rng, widths, (1.0, 0.5, 0.2, 0.05)[seed % 4], bias=seed % 3 > 0))
    for domain in (regions.Box.cube(d, -1.0, 1.0), None):
        assert count_vertices(net, domain).count == count_cells(net, domain).count


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6])
def test_general_position(rng, d):
    net = dense((rng.normal(size=(8, d)), rng.normal(size=8)))
    expected = sum(comb(8, j) for j in range(d + 1))
    assert count_vertices(net, None).count == expected
    assert count_vertices(net, regions.Box.cube(d, -1e4, 1e4)).count == expected


def test_central_networks_are_right(rng):
    # edge subdivision counts 4 cells of a bias-free [2, 6, 6] with 22
    for seed in range(5):
        net = dense(*random_layers(np.random.default_rng(seed), [2, 6, 6], bias=False))
        box = regions.Box.cube(2, -1.0, 1.0)
        assert count_vertices(net, box).count == count_cells(net, box).count
    central = dense((rng.normal(size=(6, 3)), np.zeros(6)))
    assert count_vertices(central, None).count == 32
    assert count_vertices(central, regions.Box.cube(3, -1.0, 1.0)).count == 32


def test_degenerate_oracles():
    tent = dense(*tent_layers(3))
    assert count_vertices(tent, regions.Box([0.0], [1.0])).count == 8
    assert count_vertices(tent, regions.Box([-5.0], [5.0])).count == 10
    assert count_vertices(dense(*zigzag_layers(2, copies=2)), None).count == 256
    duplicates = dense((np.array([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0]]), np.array([1, -1, 2]) / 10))
    assert count_vertices(duplicates, regions.Box.cube(2, -1.0, 1.0)).count == 2
    silent = dense((np.zeros((3, 3)), np.zeros(3)))
    assert count_vertices(silent, None).count == 1
    assert count_vertices(silent, regions.Box.cube(3, 0.0, 1.0)).count == 1
    corner = dense((np.ones((1, 3)), np.array([-3.0])))
    assert count_vertices(corner, regions.Box.cube(3, 0.0, 1.0)).count == 1


def test_slices(rng):
    net = dense(*random_layers(rng, [30, 8, 8]))
    points = rng.normal(size=(4, 30))
    for domain in (
        regions.Slice.through(points),
        regions.Slice.through(points, regions.Box.cube(30, -2.5, 2.5)),
    ):
        assert count_vertices(net, domain).count == count_cells(net, domain).count


def test_flats_equal_cuts(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 10, 10]))
    box = regions.Box.cube(3, -1.0, 1.0)
    by_flats = count_vertices(net, box).count
    monkeypatch.setattr(vertex_tree, "_MOST_FLATS", 0.0)
    assert count_vertices(net, box).count == by_flats


def test_small_buffers_grow(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 10, 10]))
    box = regions.Box.cube(3, -1.0, 1.0)
    expected = count_vertices(net, box).count
    stack, out = vertex_tree.Polytopes._stack, vertex_tree.Polytopes._out
    monkeypatch.setattr(vertex_tree.Polytopes, "_stack", lambda *given: stack(*given[:-1], 1))
    monkeypatch.setattr(vertex_tree.Polytopes, "_out", lambda *given: out(*given[:-1], 1))
    assert count_vertices(net, box).count == expected


def test_cells_of_any_number_of_facets():
    # 100 tangent planes of a ball, all of them facets of the cell in the middle
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(100, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets, box = np.full(100, -0.9), regions.Box.cube(3, -1.0, 1.0)
    ball = (np.vstack([normals, [[1.0, 0.0, 0.0]]]), np.append(offsets, 2.0))
    second = (np.append(np.zeros(100), 1.0)[None], np.array([-2.0]))
    found = count_vertices(dense(ball, second), box)
    # the same planes in one layer, counted through flats: no cell is made
    middle = (np.vstack([normals, [[1.0, 0.0, 0.0]]]), np.append(offsets, 0.0))
    assert found.count == count_vertices(dense(middle), box).count
    assert found.status is Status.EXACT and not found.details


def test_networks_too_large_for_exact_forms_are_handed_over(rng, monkeypatch):
    from regions.counting.exact.forms import Forms

    # duplicates on every cell, but not by their rows: the units' sums tie
    layers = [(np.eye(3), np.zeros(3)), (rng.normal(size=(2, 3)), rng.normal(size=2) / 10)]
    layers.append((np.array([[0.3, 0.7], [0.6, 1.4], [0.1, 0.2]]), np.zeros(3)))
    net, box = dense(*layers), regions.Box.cube(3, -1.0, 1.0)
    expected = count_vertices(net, box)
    assert "handed_over" not in expected.details
    monkeypatch.setattr(Forms, "within_reach", False)
    found = count_vertices(net, box)
    assert "too large" in found.details["handed_over"]


def test_a_flat_without_enough_first_units_is_handed_over():
    from regions.networks.builder import Builder

    builder = Builder((2,))
    first = builder.relu(builder.linear(builder.input, np.array([[1.0, 0.0]]), None, "first"))
    wide = builder.linear(first, np.array([[1.0], [0.0]]), None, "wide")
    second = builder.relu(
        builder.linear(builder.add(wide, builder.input), np.eye(2), np.array([0.1, 0.2]), "next")
    )
    net = builder.finish(builder.linear(second, np.ones((1, 2)), None, "output"))
    found = count_vertices(net, None)
    assert found.count == count_cells(net, None).count
    assert "first layer" in found.details["handed_over"]


def test_time_limit(rng):
    net = dense(*random_layers(rng, [5, 40, 40]))
    found = count_vertices(net, regions.Box.cube(5, -1.0, 1.0), time_limit=0.02)
    assert found.status is Status.LIMIT_REACHED


def test_domains_out_of_reach(rng):
    with pytest.raises(DomainError, match="cells"):
        count_vertices(dense(*random_layers(rng, [9, 12])), None)
    with pytest.raises(DomainError, match="open on some sides"):
        count_vertices(dense(*random_layers(rng, [2, 4])), regions.Box([0, 0], [1, np.inf]))


def test_facet_numbers_use_every_word():
    masks = np.full((3, 2), np.uint64(2**64 - 1))
    masks[:, 1] = 5
    assert polytopes._new_facet(masks, 3) == 65
    masks[:, 1] = np.uint64(2**64 - 1)
    assert polytopes._new_facet(masks, 3) == -1


def test_a_slice_through_points_on_the_sides_of_its_box():
    from regions.training import build_model, load_data

    data = load_data("digits", rng=0)
    images = np.asarray(data.test.inputs, float).reshape(len(data.test), -1)
    chosen = images[np.random.default_rng([29, 5]).choice(len(images), 5, replace=False)]
    box = regions.Box.cube(64, float(data.train.inputs.min()), 2.9)  # images lie on its sides
    net = build_model("mlp", data.image_shape, data.classes, seed=29, hidden=(20, 20))
    domain = regions.Slice.through(chosen, box=box)
    found = count_vertices(net, domain)
    assert found.status is Status.EXACT and "handed_over" not in found.details
    assert found.count == count_cells(net, domain).count


@pytest.mark.parametrize("family", ["integer", "parallel", "fractions", "slices", "whole_space"])
def test_flats_and_cuts_agree_where_ties_are_the_rule(family, monkeypatch):
    expected = [_count(case(family, seed)) for seed in range(12)]
    monkeypatch.setattr(vertex_tree, "_MOST_FLATS", 0.0)
    assert [_count(case(family, seed)) for seed in range(12)] == expected


def test_wrong_signs_of_settled_vertices_would_be_seen(monkeypatch):
    from regions.counting.tree import doubts

    cases = [case("fractions", seed) for seed in range(12)]
    expected = [oracle(c.layers, c.domain, c.slopes) for c in cases]
    assert [_count(c) for c in cases] == expected
    monkeypatch.setattr(doubts, "sign", lambda number: 1)
    assert [_count(c) for c in cases] != expected


def _count(drawn):
    try:
        return count_vertices(drawn.net, drawn.domain).count
    except DomainError:
        return None
