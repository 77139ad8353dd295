"""The six definitions of a region: an example by hand, rational arithmetic, and their order."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from families import FAMILIES, case
from rational_oracle import all_cells, oracle

import regions
from regions.cli import main
from regions.counting import DEFINITIONS, Status, count_kinds, count_regions
from regions.counting.question import Kind
from regions.errors import ArgumentError, DomainError

KINDS = get_args(Kind)
EXACT_KINDS = tuple(kind for kind in KINDS if kind != "convex")
# max(-y, min(0, -x)) = relu(relu(x) - y) - relu(x), y going in as relu(y) - relu(-y)
EXAMPLE = [
    (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.zeros(3)),
    (np.array([[1.0, 0.0, 0.0], [1.0, -1.0, 1.0]]), np.zeros(2)),
    (np.array([[-1.0, 1.0]]), np.zeros(1)),
]
SQUARE = regions.Box.cube(2, -1.0, 1.0)
LARGEST = 14  # cells of networks for which the oracle looks at all faces and pairs


def counts(net, domain, method="auto"):
    found = {kind: count_regions(net, domain, method=method, kind=kind) for kind in KINDS}
    assert all(result.status is Status.EXACT for kind, result in found.items() if kind != "convex")
    return found


def methods(net, domain):
    """Return the engines that count every kind on a domain."""
    dimension = net.input_size if domain is None else domain.dimension
    bounded = domain is not None and domain.bounded
    own = {1: ["line"], 2: ["plane"] if bounded else []}.get(dimension, [])
    return [*own, "cells"]


def test_the_example_is_the_function_it_stands_for():
    points = np.random.default_rng(0).uniform(-2, 2, size=(50, 2))
    x, y = points.T
    values = regions.as_network(EXAMPLE)(points)[:, 0]
    assert values == pytest.approx(np.maximum(-y, np.minimum(0, -x)), abs=1e-15)


@pytest.mark.parametrize("domain", [SQUARE, None])
def test_the_example_has_seven_five_four_three_three_three(domain):
    net = regions.as_network(EXAMPLE)
    for method in methods(net, domain):
        found = counts(net, domain, method)
        assert [int(found[kind]) for kind in EXACT_KINDS] == [7, 5, 3, 3, 3]
        assert (found["convex"].lower, found["convex"].upper) == (3, 5)
        assert found["convex"].count is None and found["convex"].status is Status.BOUNDED
    assert [oracle(EXAMPLE, domain, kind=kind) for kind in EXACT_KINDS] == [7, 5, 3, 3, 3]


def area(points):
    """Return twice the area of the convex hull of rational points (the gift-wrapped polygon)."""
    points = sorted(set(points))

    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    hull = []
    for way in (points, points[::-1]):
        chain = []
        for point in way:
            while len(chain) > 1 and turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        hull += chain[:-1]
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*hull, hull[0]]))


def partitions(items):
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for i, block in enumerate(rest):
            yield [*rest[:i], [items[0], *block], *rest[i + 1 :]]


def test_the_example_has_four_convex_regions():
    # a union of cells is convex where it fills its hull; unions of cells are enough here, for
    # every line on which the function bends is a side of cells
    cells, _ = all_cells(EXAMPLE, SQUARE)
    by_pattern = {}
    for rays, pattern, out in cells:
        corners = {(Fraction(x, w), Fraction(y, w)) for (x, y, w), _ in rays}
        entry = by_pattern.setdefault(pattern, [set(), 0, tuple(out)])
        entry[0] |= corners
        entry[1] += area(corners)

    def convex(block):
        parts = [by_pattern[pattern] for pattern in block]
        alike = len({part[2] for part in parts}) == 1
        return alike and area(set().union(*(part[0] for part in parts))) == sum(
            part[1] for part in parts
        )

    sizes = [len(p) for p in partitions(list(by_pattern)) if all(map(convex, p))]
    assert min(sizes) == 4


def wrong_kinds(family, seeds, most):
    """Return what engines count that rational arithmetic does not, for networks of a family."""
    looked_at, wrong = 0, {}
    for seed in seeds:
        drawn = case(family, seed)
        cells, _ = all_cells(drawn.layers, drawn.domain, drawn.slopes)
        if len(cells) > LARGEST or looked_at == most:
            continue
        looked_at += 1
        right = {
            kind: oracle(drawn.layers, drawn.domain, drawn.slopes, kind) for kind in EXACT_KINDS
        }
        for method in methods(drawn.net, drawn.domain):
            found = counts(drawn.net, drawn.domain, method)
            told = {kind: found[kind].count for kind in EXACT_KINDS}
            if told != right or not found["convex"].lower <= found["convex"].upper:
                wrong[seed, method] = told, right
    assert looked_at
    return wrong


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"deep", "wide", "badly_scaled"}))
def test_every_kind_is_what_rational_arithmetic_counts(family):
    assert wrong_kinds(family, range(20), 2) == {}


@pytest.mark.study
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_kind_is_what_rational_arithmetic_counts_for_many_networks(family):
    assert wrong_kinds(family, range(20, 300), 60) == {}


def drawn_network(rng, dimension):
    """Return a pruned network with ties and dead units: integers, repeated and empty rows."""
    widths = [dimension, *rng.integers(2, 6 if dimension < 3 else 4, size=rng.integers(1, 4)), 2]
    layers = []
    for n, m in pairwise(widths):
        weight = rng.integers(-2, 3, size=(m, n)) * (rng.random((m, n)) < 0.7)
        bias = rng.integers(-1, 2, size=m)
        if m > 2 and rng.random() < 0.5:
            weight[0], bias[0] = -weight[1], -bias[1]
        layers.append((weight.astype(float), bias.astype(float)))
    return regions.as_network(layers)


def in_order(found):
    """Tell whether the numbers of all kinds do not grow from the first definition to the sixth."""
    exact = [found[kind].count for kind in EXACT_KINDS]
    convex = found["convex"]
    between = found["linear"].count <= convex.lower <= convex.upper <= found["activation"].count
    return exact == sorted(exact, reverse=True) and between


@pytest.mark.parametrize("dimension", [1, 2])
def test_later_definitions_never_count_more_and_engines_agree(dimension):
    rng, box = np.random.default_rng(dimension), regions.Box.cube(dimension, -2.0, 2.0)
    unlike = 0
    for _ in range(12):
        net = drawn_network(rng, dimension)
        both = [counts(net, box, method) for method in ("auto", "cells")]
        assert in_order(both[0])
        one, two = ({kind: found[kind].count for kind in EXACT_KINDS} for found in both)
        assert one == two
        unlike += len(set(one.values())) > 1
    assert unlike > 3  # these networks tell the definitions apart


@pytest.mark.study
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_order_holds_for_thousands_of_networks(dimension):
    rng, box = np.random.default_rng(10 + dimension), regions.Box.cube(dimension, -2.0, 2.0)
    for _ in range(1000):
        assert in_order(counts(drawn_network(rng, dimension), box))


def test_counts_do_not_depend_on_coordinates_or_on_the_order_of_units():
    rng = np.random.default_rng(5)
    for _ in range(5):
        net = drawn_network(rng, 2)
        (weight, bias), (second, offset), *rest = [
            (layer.matrix.toarray(), layer.bias) for layer in net.layers()
        ]
        # x = turn @ z: the square |x| <= 2 is a box in z
        order, turn = rng.permutation(len(bias)), np.array([[0.0, 2.0], [-1.0, 0.0]])
        moved = [(4.0 * weight[order] @ turn, 4.0 * bias[order]), (second[:, order], 4.0 * offset)]
        moved += [(later, 4.0 * more) for later, more in rest]
        box, other = regions.Box.cube(2, -2.0, 2.0), regions.Box([-2.0, -1.0], [2.0, 1.0])
        one, two = counts(net, box), counts(regions.as_network(moved), other)
        assert [one[k].count for k in EXACT_KINDS] == [two[k].count for k in EXACT_KINDS]


def test_generic_networks_have_no_patterns_but_those_of_their_regions(rng):
    layers = [
        (rng.normal(size=(6, 2)), rng.normal(size=6)),
        (rng.normal(size=(6, 6)), rng.normal(size=6)),
    ]
    net = regions.as_network([*layers, (rng.normal(size=(1, 6)), np.zeros(1))])
    found = {kind: int(count_regions(net, SQUARE, kind=kind)) for kind in ("pattern", "activation")}
    assert found["pattern"] == found["activation"] > 20


def test_a_unit_that_touches_zero_makes_points_a_pattern_of_their_own():
    # |x| = relu(x) + relu(-x) is zero at 0 alone, |x| - 1/2 + |x - 1| ... never
    layers = [([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0]), ([[1.0]], [0.0])]
    net, box = regions.as_network(layers), regions.Box([-1.0], [1.0])
    for method in ("line", "cells"):
        assert int(count_regions(net, box, method=method, kind="pattern")) == 3
    shifted = [layers[0], ([[1.0, 1.0]], [2.0**-60]), layers[2]]
    # (0, 0, 1) is still a third pattern, but for another reason: no unit of the first layer is on
    assert int(count_regions(shifted, box, kind="pattern")) == 3
    touching = [([[1.0], [-1.0], [1.0]], [0.0, 0.0, 1.0]), ([[1.0, 1.0, 0.0]], [0.0]), layers[2]]
    flat = regions.Slice.through([[-0.5], [0.5]])
    assert int(count_regions(touching, flat, kind="pattern")) == 3


def test_a_wrong_merge_would_be_seen(monkeypatch):
    from regions.counting import maps

    monkeypatch.setattr(maps, "_key", lambda numbers: ())
    monkeypatch.setattr(maps, "_groups", lambda values, errors: [np.arange(len(values))])
    layers = [([[1 / 3, 0.0], [0.0, 1 / 7]], [0.1, 0.3]), ([[1 / 3, 1.0], [1.0, 1.0]], [0.0, 0.0])]
    net, box = regions.as_network(layers), regions.Box.cube(2, -1.0, 3.0)
    assert count_regions(net, box, kind="affine").count != oracle(layers, box, kind="affine")


def test_every_result_says_what_a_region_is():
    for kind in KINDS:
        result = count_regions(EXAMPLE, SQUARE, kind=kind)
        assert DEFINITIONS[kind] in result.summary() and DEFINITIONS[kind].endswith(".")
        assert result.to_dict()["definition"] == DEFINITIONS[kind]


def test_the_table_of_all_kinds():
    table = count_kinds(EXAMPLE, SQUARE)
    assert [row.kind for row in table.results] == list(KINDS)
    assert int(table["affine"]) == 3 and table["convex"].upper == 5
    frame = table.to_frame()
    assert list(frame["kind"]) == list(KINDS) and list(frame["count"])[:2] == [7, 5]
    assert "7 pattern regions" in table.summary() and "between 3 and 5" in table.summary()
    assert set(table.to_dict()) == set(KINDS)
    some = count_kinds(EXAMPLE, SQUARE, ("linear", "affine"), method="cells")
    assert [result.method for result in some.results] == ["cells", "cells"]
    with pytest.raises(ArgumentError, match="'pieces'"):
        count_kinds(EXAMPLE, SQUARE, ("pieces",))


def test_what_is_out_of_reach_is_refused(monkeypatch):
    monkeypatch.setattr("regions.counting.exact.forms._LARGEST", 10)
    for kind in ("pattern", "closed"):
        with pytest.raises(DomainError, match="exact arithmetic"):
            count_regions(EXAMPLE, SQUARE, method="cells", kind=kind)
    with pytest.raises(ArgumentError, match="does not count kind='affine'"):
        count_regions(EXAMPLE, SQUARE, method="vertices", kind="affine")


def test_all_kinds_differ_from_each_other():
    # |x| + |y| - |x + y| vanishes on two quadrants that meet in the origin, and a tent is zero on
    # both of its sides
    ways = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, 0], [1, 0], [1, 0]])
    bias = np.array([0.0, 0, 0, 0, 0, 0, 0, -1, -2])
    both = np.array([[1.0, 1, 1, 1, -1, -1, 0, 0, 0], [0.0, 0, 0, 0, 0, 0, 1, -2, 1]])
    quadrants = [(ways[:6], bias[:6]), (both[:1, :6], np.zeros(1))]
    tent = [(ways[6:], bias[6:]), (both[1:, 6:], np.zeros(1))]
    box = regions.Box.cube(2, -3.0, 3.0)
    for method in ("plane", "cells"):
        found = counts(regions.as_network(quadrants), box, method)
        assert [found[kind].count for kind in ("linear", "closed", "affine")] == [6, 5, 5]
        found = counts(regions.as_network(tent), box, method)
        assert [found[kind].count for kind in ("linear", "closed", "affine")] == [4, 4, 3]
    line = regions.Slice.through([[-1.0, 0.0], [3.0, 0.0]])
    found = counts(regions.as_network(tent), line)
    assert [found[kind].count for kind in ("linear", "closed", "affine")] == [4, 4, 3]


def test_the_command_gives_the_table(tmp_path, capsys):
    names = ("layer1", "layer2", "output")
    arrays = {
        f"{n}.{p}": a
        for n, pair in zip(names, EXAMPLE, strict=True)
        for p, a in zip(("weight", "bias"), pair, strict=True)
    }
    np.savez(tmp_path / "net.npz", **arrays)
    options = ["count", str(tmp_path / "net.npz"), "--box", "-1", "1", "--kind"]
    assert main([*options, "all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {kind: told[kind]["count"] for kind in EXACT_KINDS} == dict(
        zip(EXACT_KINDS, (7, 5, 3, 3, 3), strict=True)
    )
    assert main([*options, "all", "--require-exact"]) == 3  # convex regions have bounds
    assert main([*options, "closed", "--require-exact"]) == 0
    assert DEFINITIONS["closed"] in capsys.readouterr().out


def test_a_kind_that_is_not_counted_is_drawn_between_its_bounds() -> None:
    from matplotlib.figure import Figure

    from regions.counting import KindCounts, RegionCount, Status

    known = {"method": "sample", "seconds": 0.0}
    between = RegionCount(
        count=None, lower=7, upper=9, status=Status.BOUNDED, kind="convex", **known
    )
    least = RegionCount(count=None, lower=5, status=Status.LOWER_BOUND, kind="linear", **known)
    ax = KindCounts((between, least)).plot(Figure().add_subplot())
    bars = [bar.get_segments()[0][:, 0].tolist() for bar in ax.collections]
    assert bars == [[7, 9], [5, 5]]
    assert [(dot.get_marker(), dot.get_xdata()[0]) for dot in ax.lines] == [(">", 5)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["convex", "linear"]
