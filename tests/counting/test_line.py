import numpy as np
import pytest
from counting_oracles import dense, random_layers, tent_layers, zigzag_layers
from scipy import stats

import regions
from regions.counting import breakpoints, count_regions
from regions.counting.knots import line_frame
from regions.counting.pieces import walk


def whole_line(first, second):
    return regions.Slice.through([first, second], box=regions.Box.cube(len(first), -np.inf, np.inf))


@pytest.mark.parametrize("depth", range(1, 6))
def test_tent_maps_on_an_interval_and_on_the_line(depth):
    net = dense(*tent_layers(depth))
    assert count_regions(net, regions.Box([0.0], [1.0]), method="line").count == 2**depth
    wide = 3 if depth == 1 else 2**depth + 2
    assert count_regions(net, regions.Box([-50.0], [50.0]), method="line").count == wide
    assert count_regions(net, None, method="line").count == wide


@pytest.mark.parametrize("depth", range(1, 4))
def test_zigzags_reach_the_maximum_in_one_dimension(depth):
    assert count_regions(dense(*zigzag_layers(depth))).count == 4**depth


def test_a_boundary_with_two_components():
    layers = [([[1.0], [-1.0]], [0.0, 1.0]), ([[4.0, 2.0]], [-3.0])]
    net = dense(*[(np.array(w), np.array(b)) for w, b in layers])
    assert count_regions(net).count == 5


def test_a_whole_line_crosses_every_unit_of_one_layer(rng):
    net = dense(*random_layers(rng, [7, 30]))
    assert count_regions(net, whole_line(*rng.normal(size=(2, 7)))).count == 31


def test_half_lines_add_up_to_the_line(rng):
    net = dense(*random_layers(rng, [1, 9, 9]))
    left, right = regions.Box([-np.inf], [0.3]), regions.Box([0.3], [np.inf])
    halves = [count_regions(net, part).count for part in (left, right)]
    assert sum(halves) - 1 == count_regions(net).count


def test_pieces_are_fewer_than_activation_regions():
    identity = regions.as_network([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    absolute = regions.as_network([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    for net, pieces in ((identity, 1), (absolute, 2)):
        for domain in (None, regions.Box([-1.0], [3.0])):
            assert count_regions(net, domain).count == 2
            assert count_regions(net, domain, kind="linear").count == pieces


def test_an_unused_unit_splits_activation_regions_only():
    layers = [(np.array([[1.0], [1.0]]), np.array([0.0, -0.5])), (np.array([[2.0, 0.0]]), [0.1])]
    net = regions.as_network(layers)
    assert count_regions(net).count == 3
    assert count_regions(net, kind="linear").count == 2


def test_breakpoints_are_where_the_pattern_changes(rng):
    net = dense(*random_layers(rng, [5, 20, 20], density=0.5))
    segment = regions.Slice.through(rng.normal(size=(2, 5)))
    found = breakpoints(net, segment)
    ends = segment.halfspaces()[1] * segment.halfspaces()[0][:, 0]
    edges = np.concatenate([[min(ends)], found["position"], [max(ends)]])
    assert (np.diff(edges) > 0).all()
    middles = segment.embed(((edges[1:] + edges[:-1]) / 2)[:, None])
    patterns = net.pattern(middles)
    assert (patterns[1:] != patterns[:-1]).any(axis=1).all()
    # a thousand points inside the segment show no other pattern
    points = segment.embed(np.linspace(edges[0], edges[-1], 1002)[1:-1, None])
    known = {row.tobytes() for row in patterns}
    assert {row.tobytes() for row in net.pattern(points)} <= known


def test_small_batches_find_the_same(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 15, 15, 15]))
    segment = regions.Slice.through(3 * rng.normal(size=(2, 3)))
    whole = count_regions(net, segment)
    monkeypatch.setattr("regions.counting.pieces._MEMORY", 64 * 15 * 4)
    parts = list(walk(net, line_frame(net, segment)))
    assert len(parts) > 5 and max(len(part.knots) for part in parts) <= 4
    assert count_regions(net, segment).count == whole.count
    assert count_regions(net, segment, kind="linear").count == whole.count


def test_workers_find_the_same(rng):
    net = dense(*random_layers(rng, [3, 15, 15]))
    segment = regions.Slice.through(3 * rng.normal(size=(2, 3)))
    for kind in ("activation", "linear"):
        one, two = (count_regions(net, segment, kind=kind, n_jobs=n).count for n in (1, 2))
        assert one == two


def test_the_expected_number_on_a_random_line_is_cauchys():
    # w ~ N(0, s_w^2 I), b ~ N(0, s_b^2): a unit's root on a line through 0 is Cauchy(s_b / s_w)
    rng, units, half, ratio = np.random.default_rng(5), 400, 1.5, 2.0
    expected = 1 + units * 2 / np.pi * np.arctan(half / ratio)
    direction = rng.normal(size=6)
    direction *= half / np.linalg.norm(direction)
    segment = regions.Slice.through([-direction, direction])
    counts = []
    for _ in range(40):
        layer = (rng.normal(size=(units, 6)), ratio * rng.normal(size=units))
        counts.append(count_regions(dense(layer), segment).count)
    assert stats.ttest_1samp(counts, expected).pvalue > 1e-3


def test_a_residual_convolutional_network_matches_its_chain(rng):
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 3, 3, padding=1)
            self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(3)
            self.last = nn.Linear(3, 2)

        def forward(self, x):
            x = torch.relu(self.first(x))
            x = torch.relu(x + self.norm(self.second(x)))
            return self.last(torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))

    torch.manual_seed(3)
    net = regions.as_network(Residual().eval(), input_shape=(1, 6, 6))
    images = rng.normal(size=(2, 36))
    found = breakpoints(net, regions.Slice.through(images))
    assert set(found["layer"]) == {0, 1}
    # independent: patterns on a fine grid change exactly as often, bit by bit
    grid = images[0] + np.linspace(0, 1, 20001)[:, None] * (images[1] - images[0])
    changes = (np.diff(net.pattern(grid).astype(np.int8), axis=0) != 0).sum()
    assert len(found) == changes


def test_limits_and_interrupts_keep_what_is_known(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 40, 40]))
    segment = regions.Slice.through(9 * rng.normal(size=(2, 3)))
    exact = count_regions(net, segment).count
    monkeypatch.setattr("regions.counting.pieces._MEMORY", 64 * 40 * 4)
    late = count_regions(net, segment, time_limit=1e-9)
    assert late.status.name == "LIMIT_REACHED" and late.details["stopped_by"] == "time"
    assert 1 <= late.lower <= exact and late.count is None

    def interrupted(*args, **kwargs):
        parts = walk(*args, **kwargs)
        yield next(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr("regions.counting.line.walk", interrupted)
    stopped = count_regions(net, segment)
    assert stopped.details["stopped_by"] == "interrupt" and 1 <= stopped.lower < exact
