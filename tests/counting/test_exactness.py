"""EXACT means exact: every engine against rational arithmetic on the same weights."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from families import FAMILIES, Case, case, chain
from rational_oracle import all_cells, oracle, oracle_edges
from study import LARGEST_MERGED, judged

import regions
from regions.counting import count_regions
from regions.counting.line import crossings, kinks, knots
from regions.counting.sample import SaturationWarning
from regions.counting.tree import corners, cutting, doubts, halfspaces, vertex_tree

A = np.array
SQUARE = regions.Box.cube(2, -1.0, 1.0)
PER_FAMILY, AT_ONCE = 100, 25  # 20 families: 2,000 networks; `study.py` draws as many as wanted


def mismatches(family, seed):
    """Return what is wrong about one network, by engine and kind."""
    return {name: wrong for name, wrong in judged(family, seed, solved=False)[1].items() if wrong}


@pytest.mark.parametrize("start", range(0, PER_FAMILY, AT_ONCE))
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_engines_count_what_rational_arithmetic_counts(family, start):
    found = {seed: mismatches(family, seed) for seed in range(start, start + AT_ONCE)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


# once a crash on memory that nothing had written, a solver that gave up, and 19 regions for 17 in
# the whole plane, where first-layer boundaries are nearly parallel
FOUND = (
    ("parallel", 1815),
    ("parallel", 2471),
    ("powers", 2989),
    ("extreme", 2240),
    ("offsets", 10304),
    ("whole_space", 35828),
)


@pytest.mark.parametrize(("family", "seed"), FOUND)
def test_what_the_study_found_stays_mended(family, seed):
    assert not any(judged(family, seed)[1].values())


class Garbage:
    """numpy, but what nothing has written holds what a crash or a wrong number would come from."""

    def __init__(self, number):
        self.number = number

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=float):
        made = np.empty(shape, dtype)
        kind = made.dtype.kind
        least = np.iinfo(dtype).min + 7 if kind == "i" else 0
        made[...] = {"f": self.number, "i": least, "b": True, "O": None}.get(kind, 99)
        return made


@pytest.mark.parametrize("number", [np.nan, -1e300])
@pytest.mark.parametrize("family", ["parallel", "fractions", "bias_free", "slices"])
def test_nothing_is_read_before_it_is_written(family, number, monkeypatch):
    for module in (corners, crossings, cutting, doubts, halfspaces, kinks, knots, vertex_tree):
        monkeypatch.setattr(module, "np", Garbage(number))
    for seed in (100, 101, 102, 1815, 2471):
        assert not mismatches(family, seed), seed
    assert vertex_tree.np.empty(1, int) < 0


def test_a_wrong_count_would_be_seen(monkeypatch):
    # an engine whose numbers are off by 1e-9, as tolerances are, splits ties and joins neighbours
    def near(self):
        return chain([(weight, bias + 1e-9) for weight, bias in self.layers], self.slopes)

    monkeypatch.setattr(Case, "net", property(near))
    assert any(mismatches("fractions", seed) for seed in range(12))


@pytest.mark.parametrize(
    "family", sorted(set(FAMILIES) - {"deep", "whole_space", "whole_thin_sectors", "half_open"})
)
def test_regions_and_their_graph(family):
    for seed in range(12):
        drawn = case(family, seed)
        if drawn.domain is None or not drawn.domain.bounded:
            continue
        cells, _ = all_cells(drawn.layers, drawn.domain, drawn.slopes)
        if len(cells) > LARGEST_MERGED:
            continue
        graph = regions.region_graph(drawn.net, drawn.domain)
        found = {tuple(graph.nodes[i]["region"].pattern) for i in graph}
        assert found == {pattern for _, pattern, _ in cells}, seed
        edges = oracle_edges(drawn.layers, drawn.domain, drawn.slopes)
        assert graph.number_of_edges() == edges, seed


@pytest.mark.parametrize(
    "family", sorted(set(FAMILIES) - {"deep", "whole_space", "whole_thin_sectors", "half_open"})
)
def test_sampled_patterns_are_those_of_regions(family):
    for seed in range(8):
        drawn = case(family, seed)
        if drawn.domain is None or not drawn.domain.bounded:
            continue
        cells, _ = all_cells(drawn.layers, drawn.domain, drawn.slopes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)
            found = count_regions(drawn.net, drawn.domain, method="sample", samples=200)
        assert 1 <= found.lower <= len({pattern for _, pattern, _ in cells}), seed


def deep(seed, d, depth, width=16):
    rng, layers, p = np.random.default_rng(seed), [], d
    for _ in range(depth):
        weight = rng.normal(size=(width, p)) * np.sqrt(2 / p)
        layers.append((weight, rng.normal(size=width) * 0.1))
        p = width
    return [*layers, (rng.normal(size=(1, width)), np.zeros(1))]


def scales(s):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 2)), rng.normal(size=5) * 0.3
    second, more = rng.normal(size=(5, 5)), rng.normal(size=5)
    factor = A([1.0, 1.0, 1.0, 1.0, s])
    return [(weight * factor[:, None], bias * factor), (second, more), (np.ones((1, 5)), None)]


HIDDEN = [
    (A([[1e6, 0], [1, 0], [0, 1]]), A([-5e6, 2, 0])),
    (A([[1e6, 1, 0]]), A([-2.0])),
    (A([[1.0]]), A([0.0])),
]
WEDGE = [
    (A([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0]]), A([0, 0, 0.1, 0.2])),
    (A([[0, 0, 1.0, 1.0]]), A([-0.3])),
    (np.ones((1, 1)), np.zeros(1)),
]


@pytest.mark.parametrize("method", ["auto", "line", "cells", "vertices"])
def test_twenty_layers_on_a_line(method):
    net, box = regions.as_network(deep(0, 1, 20)), regions.Box([-1.0], [1.0])
    assert int(count_regions(net, box, method=method)) == 194


@pytest.mark.parametrize("method", ["auto", "cells", "vertices"])
def test_sixteen_layers_in_a_small_box(method):
    net, box = regions.as_network(deep(1, 3, 16)), regions.Box.cube(3, -0.02, 0.02)
    assert int(count_regions(net, box, method=method)) == 70


@pytest.mark.parametrize("method", ["auto", "plane", "cells", "vertices", "milp"])
def test_a_large_dead_unit_hides_nothing(method):
    assert int(count_regions(HIDDEN, SQUARE, method=method)) == 4


@pytest.mark.parametrize("method", ["plane", "cells", "vertices"])
def test_maps_that_differ_far_behind_the_point(method):
    for power in (30, 40, 60):
        layers = [(A([[1.0, 0]]), A([0.0])), (A([[1.0], [0.0]]), A([0.0, 2.0**power]))]
        assert int(count_regions(layers, SQUARE, method=method, kind="linear")) == 2
        line = regions.Slice.through([[-1.0, 0.0], [1.0, 0.0]])
        assert int(count_regions(layers, line, kind="linear")) == 2


def test_units_that_switch_together_join_neighbours():
    net, box = regions.as_network(WEDGE), regions.Box.cube(3, -1, 1)
    assert regions.region_graph(net, box).number_of_edges() == 1
    assert int(count_regions(net, box, kind="linear")) == 1


@pytest.mark.parametrize("s", [1e-8, 1.0, 1e7, 1e8, 1e9])
@pytest.mark.parametrize("method", ["plane", "vertices", "cells", "milp"])
def test_units_of_any_scale(method, s):
    expected = oracle(scales(s), SQUARE)
    assert expected == {1e-8: 13, 1.0: 14}.get(s, 17)
    assert int(count_regions(scales(s), SQUARE, method=method)) == expected


def test_half_open_slices_of_three_dimensions():
    box = regions.Box([-np.inf, -3.0, -np.inf], [np.inf, 3.0, np.inf])
    flat = regions.Slice.through([[0, 2, 2], [-2, 1, 0], [-1, -2, 2], [-1, -2, 0]], box=box)
    layers = [(np.eye(3), np.zeros(3)), (np.ones((1, 3)), np.zeros(1))]
    assert int(count_regions(layers, flat)) == 8


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_layer_without_weights_ends(n_jobs):
    layers = [(np.zeros((4, 3)), np.ones(4)), (np.ones((1, 4)), np.zeros(1))]
    assert int(count_regions(layers, None, n_jobs=n_jobs)) == 1


def test_wide_layers_do_not_add_patterns():
    rng = np.random.default_rng(0)
    weight = np.repeat(rng.normal(size=(400, 4)), 2, axis=0)
    weight[1::2] *= -1
    first = (weight, np.repeat(rng.normal(size=400), 2) * np.tile([1.0, -1.0], 400))
    ones = np.tile([1.0, -1.0], 400)[None]
    # h(x) - h(-x) summed, less what it is: zero everywhere
    total = (weight[::2].sum(axis=0), first[1][::2].sum())
    linear = (np.vstack([np.eye(4), -np.eye(4)]), np.full(8, 10.0))
    layers = [
        (np.vstack([first[0], linear[0]]), np.concatenate([first[1], linear[1]])),
        (
            np.hstack([ones, -total[0][None], 0 * total[0][None]]),
            A([-total[1] + 10.0 * total[0].sum()]),
        ),
        (np.ones((1, 1)), np.zeros(1)),
    ]
    line = regions.Slice.through(rng.uniform(-1, 1, size=(2, 4)))
    exact = count_regions(layers, line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        found = count_regions(layers, line, method="sample", samples=150)
    assert found.lower <= int(exact)


def test_chains_here_are_what_the_reader_reads():
    drawn = case("sparse", 3)
    points = np.random.default_rng(0).normal(size=(50, drawn.net.input_size))
    assert (drawn.net(points) == regions.as_network(drawn.layers)(points)).all()
    assert chain(drawn.layers, drawn.slopes).widths == drawn.net.widths


def test_weights_whose_squares_overflow_give_no_warning():
    weight = A([[1e200, 0.0], [0.0, 1e-200], [1.0, 1.0]])
    net = chain([(weight, A([1.0, 2.0, 3.0])), (np.ones((1, 3)), np.zeros(1))], [0.0])
    for method in ("cells", "plane", "vertices"):  # a warning is an error in tests
        assert count_regions(net, None, method=method).count == 7
