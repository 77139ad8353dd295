"""Max pooling and maxout: regions are argmax cells, counted by brute force in rational numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn_maxima import drawn, windows_of
from rational_oracle import maxima_oracle, oracle
from torch import nn

import regions
from regions.counting import Status, count_regions
from regions.errors import UnsupportedModelError
from regions.networks.pieces import Pieces

SQUARE = regions.Box.cube(2, -1.0, 1.0)


def pooled(rng, inputs, widths, pools, grid):
    """Return a module of linear layers, ReLUs and max pooling, and its layers for the oracle."""
    modules, layers, size = [], [], inputs
    for width, pool in zip(widths, pools, strict=True):
        linear = nn.Linear(size, width)
        with torch.no_grad():
            for tensor in (linear.weight, linear.bias):
                values = (
                    rng.integers(-2, 3, tensor.shape) if grid else rng.normal(size=tensor.shape)
                )
                tensor.copy_(torch.from_numpy(np.asarray(values, dtype=float)))
        modules.append(linear)
        layers.append((linear.weight.detach().double().numpy(), linear.bias.detach().double()))
        size = width
        if pool is not None:
            relu, kernel, stride, padding = pool
            if relu:
                modules.append(nn.ReLU())
                layers.append("relu")
            modules += [
                nn.Unflatten(1, (1, size)),
                nn.MaxPool1d(kernel, stride, padding),
                nn.Flatten(),
            ]
            starts = range(-padding, size + padding - kernel + 1, stride)
            windows = [[i for i in range(s, s + kernel) if 0 <= i < size] for s in starts]
            layers.append(windows)
            size = len(windows)
    return nn.Sequential(*modules), layers


CASES = {
    "maxout of three": (2, [6, 2], [(False, 3, 3, 0), None], False),
    "maxout of four on a grid": (2, [4, 2], [(False, 4, 4, 0), None], True),
    "pooling of dead units": (2, [6, 2], [(True, 3, 3, 0), None], True),
    "windows that overlap": (2, [5, 2], [(False, 3, 1, 0), None], False),
    "padding": (2, [4, 1], [(True, 3, 2, 1), None], False),
    "two layers": (2, [4, 4, 1], [(True, 2, 2, 0), (True, 4, 4, 0), None], False),
    "two layers on a grid": (2, [6, 3, 1], [(True, 3, 3, 0), (False, 3, 3, 0), None], True),
    "on a line": (1, [6, 6, 2], [(True, 3, 3, 0), (False, 3, 3, 0), None], False),
    "on a line and a grid": (1, [8, 6, 2], [(True, 4, 4, 0), (True, 3, 3, 0), None], True),
    "in space": (3, [3, 1], [(False, 3, 3, 0), None], False),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_regions_are_the_cells_of_the_first_largest_values(name, seed):
    inputs, *drawn = CASES[name]
    module, layers = pooled(np.random.default_rng(seed), inputs, *drawn)
    box = regions.Box.cube(inputs, -1.0, 1.0)
    net = regions.as_network(module)
    for kind in ("activation", "linear"):
        found = count_regions(net, box, kind=kind)
        assert (found.count, found.status) == (
            maxima_oracle(layers, box, inputs, kind),
            Status.EXACT,
        )
    if inputs == 2:
        assert int(count_regions(net, box, method="cells")) == int(count_regions(net, box))


PADDED = {  # kernel, stride, padding, dilation, whether windows may end outside
    "3, stride 2, padding 1": (3, 2, 1, 1, False),
    "3, stride 1, padding 1": (3, 1, 1, 1, False),
    "2, stride 2, padding 1": (2, 2, 1, 1, False),
    "5, stride 2, padding 2": (5, 2, 2, 1, False),
    "2, dilation 2, padding 1": (2, 2, 1, 2, False),
    "2, stride 2, ends outside": (2, 2, 0, 1, True),
    "3, stride 2, padding 1, ends outside": (3, 2, 1, 1, True),
    "3 by 2, padding 1 and 0": ((3, 2), (2, 1), (1, 0), 1, False),
}


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("name", PADDED)
def test_windows_that_reach_into_the_padding(name, side):
    # where all slots of one side of a pair lie in the padding, the other side is ahead
    pool = nn.MaxPool2d(*PADDED[name][:4], ceil_mode=PADDED[name][4])
    windows = windows_of(pool, side, side)
    for seed, grid in ((0, False), (1, True)):
        rng = np.random.default_rng([seed, side])
        first = nn.Linear(2, side * side)
        with torch.no_grad():
            for tensor in (first.weight, first.bias):
                drawn = rng.integers(-2, 3, tensor.shape) if grid else rng.normal(size=tensor.shape)
                tensor.copy_(torch.from_numpy(np.asarray(drawn, dtype=float)))
        weight, bias = (tensor.detach().double().numpy() for tensor in (first.weight, first.bias))
        net = regions.as_network(nn.Sequential(first, nn.Unflatten(1, (1, side, side)), pool))
        for kind in ("activation", "linear"):
            right = maxima_oracle([(weight, bias), windows], SQUARE, 2, kind)
            for method in ("plane", "cells"):
                found = count_regions(net, SQUARE, method=method, kind=kind)
                assert (found.count, found.status) == (right, Status.EXACT)
        inside = rng.uniform(-1, 1, (500, 2))
        values = inside @ weight.T + bias
        for window, piece in zip(
            windows, Pieces(net.graph).patterns(net.pattern(inside)).T, strict=True
        ):  # each piece is one place of the window
            best = values[:, window].argmax(axis=1)
            assert len(set(zip(best, piece, strict=True))) == len(set(best))
        ends = rng.normal(size=(2, 2))
        layers = [((weight @ (ends[1] - ends[0]))[:, None], weight @ ends[0] + bias), windows]
        line = count_regions(net, regions.Slice.through(ends))
        assert line.status is Status.EXACT
        if not grid:
            at = np.linspace(0, 1, 40001)[:, None]
            values = at * layers[0][0][:, 0] + layers[0][1]
            seen = np.stack([values[:, w].argmax(axis=1) for w in windows])
            assert int(line) == 1 + (np.diff(seen) != 0).any(axis=0).sum()


@pytest.mark.parametrize("seed", range(24))
def test_drawn_networks_have_the_regions_of_rational_arithmetic(seed):
    case = drawn(seed)
    methods = {1: ("line", "cells"), 2: ("plane", "cells"), 3: ("cells",)}[case.net.input_size]
    for kind in ("activation", "linear"):
        expected = case.regions(kind)
        for method in methods:
            found = count_regions(case.net, case.domain, method=method, kind=kind)
            assert (found.count, found.status) == (expected, Status.EXACT)


def test_switches_alone_would_count_too_many():
    net = regions.as_network(nn.MaxPool1d(4), input_shape=(1, 4))
    plane = regions.Slice.through(np.eye(4)[:3], regions.Box.cube(4, -1.0, 1.0))
    switches = np.random.default_rng(0).uniform(-1, 1, (4000, 1, 4))
    pieces = Pieces(net.graph)
    assert len(np.unique(net.pattern(switches), axis=0)) == 8
    assert len(set(pieces.names(net.pattern(switches)))) == 4
    np.testing.assert_array_equal(
        pieces.patterns(net.pattern(switches))[:, 0], switches[:, 0].argmax(axis=1)
    )
    assert int(count_regions(net, None, method="cells")) == 4
    assert int(count_regions(net, plane)) == 3  # there x1 + x2 + x3 = 1, and x4 = 0 loses


@pytest.mark.parametrize("k", [2, 3, 5, 9])
def test_a_maximum_of_k_values_has_k_regions_and_k_pieces(k):
    net = regions.as_network(nn.MaxPool1d(k), input_shape=(1, k))
    box = regions.Box.cube(k, -1.0, 1.0)
    sampled = count_regions(net, box, method="sample", samples=2000)
    assert sampled.lower == k
    # a line meets the upper envelope of k lines in general position in at most k pieces
    values = np.random.default_rng(k).normal(size=(2, k))
    line = regions.Slice.through(values)
    at = np.linspace(0, 1, 20001)[:, None]
    seen = ((1 - at) * values[0] + at * values[1]).argmax(axis=1)
    assert int(count_regions(net, line)) == 1 + (np.diff(seen) != 0).sum()


def test_ties_all_over_a_region_are_no_boundary():
    module = nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 4)), nn.MaxPool1d(4))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0, 0], [1, 0], [0, 1], [1, 0]]))
        module[0].bias.zero_()
    assert int(count_regions(module, SQUARE)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_clamps_have_three_pieces(seed):
    rng = np.random.default_rng(seed)
    linear, last = nn.Linear(2, 3), nn.Linear(3, 2)
    module = nn.Sequential(linear, nn.Hardtanh(-0.3, 0.4), last).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    weight, bias = (p.detach().numpy() for p in linear.parameters())
    # the same function, from the differences of two ReLU units
    low, high = -0.3, 0.4
    twice = (np.vstack([weight, weight]), np.concatenate([bias - low, bias - high]))
    weight, bias = (p.detach().numpy() for p in last.parameters())
    layers = [twice, (np.hstack([weight, -weight]), bias)]
    assert int(count_regions(module, SQUARE)) == oracle(layers, SQUARE)


@pytest.mark.parametrize("method", ["vertices", "milp", "estimate", "parity"])
def test_engines_of_two_pieces_refuse_maxima_by_name(method):
    net = regions.as_network(nn.MaxPool1d(3), input_shape=(1, 3))
    with pytest.raises(UnsupportedModelError, match=f"{method}.*maxima of up to 3"):
        count_regions(net, regions.Box.cube(3, -1.0, 1.0), method=method)
    with pytest.raises(UnsupportedModelError, match="enumerate_regions"):
        regions.enumerate_regions(net, regions.Box.cube(3, -1.0, 1.0))


@pytest.mark.parametrize("seed", range(2))
def test_the_whole_plane_is_counted_once(seed):
    """It is cut in parts at two units' lines, and a region may lie in several of them."""
    module, layers = pooled(
        np.random.default_rng(seed), 2, [6, 2], [(True, 3, 3, 0), None], grid=False
    )
    net = regions.as_network(module)
    found = count_regions(net, None, method="plane")
    assert (found.count, found.status) == (maxima_oracle(layers, None, 2), Status.EXACT)
    assert int(count_regions(net, None, method="cells")) == found.count


class Roof(nn.Module):
    """max(x, -x, y, -9) and 1/2: where y is largest the switch of x and -x cuts the region."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        columns = [x[:, :1], -x[:, :1], x[:, 1:], x[:, :1] * 0 - 9.0]
        largest = torch.cat(columns, dim=1).amax(dim=1, keepdim=True)
        return torch.cat([largest, largest * 0 + 0.5], dim=1)


def test_a_decision_boundary_has_one_piece_for_each_region_not_for_each_switch():
    found = regions.decision_boundary(Roof(), SQUARE, input_shape=(2,))
    assert len(found.segments) == 3 and found.length == pytest.approx(4.0)
    ends = {tuple(map(tuple, sorted(segment.round(9).tolist()))) for segment in found.segments}
    assert ends == {
        ((-0.5, 0.5), (0.5, 0.5)),
        ((-0.5, -1.0), (-0.5, 0.5)),
        ((0.5, -1.0), (0.5, 0.5)),
    }


def test_no_line_is_drawn_where_only_losers_change_places():
    from matplotlib import pyplot as plt
    from matplotlib.collections import LineCollection, PolyCollection

    for by, share in (("region", 2), ("class", 2)):
        ax = regions.plot_regions(
            Roof(),
            SQUARE,
            by=by,
            ax=plt.figure().add_subplot(),
            boundary=True,
            input_shape=(2,),
        )
        drawn = [part for part in ax.collections if isinstance(part, LineCollection)]
        lines = np.array(drawn[0].get_segments())  # from both sides each
        assert len(lines) == 3 * share
        above = (np.abs(lines[:, :, 0]) < 1e-9).all(axis=1) & (lines[:, :, 1].max(axis=1) > 1e-9)
        assert not above.any()
        if by == "region":
            (cells,) = (part for part in ax.collections if isinstance(part, PolyCollection))
            assert len(np.unique(cells.get_facecolor(), axis=0)) == 3 < len(cells.get_paths())
    plt.close("all")
