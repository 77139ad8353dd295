import os
import signal
import time
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from counting_oracles import dense, random_layers, tent_layers, zigzag_layers
from families import FAMILIES, case
from rational_oracle import oracle
from scipy import stats
from torch import nn

import regions
from regions.counting import breakpoints, count_regions, effort
from regions.counting.line.crossings import Settler
from regions.counting.line.kinks import Segments
from regions.counting.line.knots import line_frame
from regions.counting.line.walk import walk, walk_between
from regions.progress import track


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
    monkeypatch.setattr("regions.counting.line.walk._MEMORY", 64 * min(Segments(net).rooms))
    parts = list(walk(net, line_frame(net, segment), outputs=True))
    assert len(parts) > 5 and max(len(part.knots) for part in parts) <= 8 + 2
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


def by_forward_passes(net, first, last):
    """Return the breakpoints by layer on a segment: one forward pass at every knot."""
    knots, counts = np.array([0.0, 1.0]), []
    for layer in range(len(net.relu_layers)):
        state = net.start(first + knots[:, None] * (last - first))
        for index in range(layer + 1):
            values, state = net.advance(state, index)
            state = net.activate(state, index, net.slopes(index, values > 0))
        gap, unit = np.nonzero((values[1:] > 1e-11) & (values[:-1] < -1e-11))
        down = np.nonzero((values[1:] < -1e-11) & (values[:-1] > 1e-11))
        gap, unit = np.append(gap, down[0]), np.append(unit, down[1])
        share = values[gap, unit] / (values[gap, unit] - values[gap + 1, unit])
        new = np.unique((knots[gap] + share * (knots[gap + 1] - knots[gap])).round(12))
        knots = np.sort(np.concatenate([knots, new]))
        counts.append(len(new))
    return counts


class PreActivation(nn.Module):
    """Values kept past a ReLU layer, strides, groups, dilation, pooling, LeakyReLU, two paths."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope
        self.first = nn.Conv2d(2, 4, 3, padding=1, stride=2)
        self.grouped = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.plain = nn.Conv2d(4, 6, (2, 3), padding=1)
        self.side = nn.Conv2d(4, 6, (2, 1), padding=(1, 0), bias=False)
        self.line = nn.Conv1d(6, 3, 2)
        self.last = nn.Linear(15, 5)
        self.end = nn.Linear(5, 2)
        for value in (self.norm.running_mean, self.norm.weight.data, self.norm.bias.data):
            nn.init.normal_(value)

    def forward(self, x):
        def act(value):
            return nn.functional.leaky_relu(value, self.slope)

        x = self.first(x)
        x = x + self.grouped(act(self.norm(x)))
        x = act(self.plain(act(x)) - self.side(x))
        x = nn.functional.avg_pool2d(x, 2, stride=1, padding=1)
        x = act(self.line(x[:, :, 1] - x[:, :, 2])).flatten(1)
        return self.end(act(self.last(x)))


class Residual(nn.Module):
    """One block of a residual network."""

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


def test_any_wiring_breaks_where_forward_passes_say(rng):
    torch.manual_seed(1)
    shapes = (
        (Residual(), (1, 6, 6)),
        (PreActivation(0.0), (2, 9, 9)),
        (PreActivation(0.1), (2, 9, 9)),
    )
    for model, shape in shapes:
        net = regions.as_network(model.eval(), input_shape=shape)
        ends = 3 * rng.normal(size=(2, net.input_size))
        found = count_regions(net, regions.Slice.through(ends))
        assert found.details["by_layer"] == by_forward_passes(net, *ends)
        assert found.count > 40 and min(found.details["by_layer"][:3]) > 0


@pytest.mark.parametrize("beyond", 10.0 ** -np.arange(1, 14, 2))
@pytest.mark.parametrize("side", [-1, 1])
def test_units_that_start_where_another_does_make_no_breakpoint(rng, beyond, side):
    for _ in range(10):
        slope, at, *weights = rng.normal(size=4)
        layers = [([[slope]], [-slope * at]), *(([[abs(w)]], [0.0]) for w in weights)]
        net = dense(*[(np.array(weight), np.array(bias)) for weight, bias in layers])
        ends = np.sort([at - side * rng.uniform(0.2, 2), at + side * beyond])
        found = count_regions(net, regions.Box(ends[:1], ends[1:]), method="line")
        assert found.details["by_layer"][1:] == [0, 0]
        assert found.count == 2


class Drawn(nn.Module):
    """A residual network whose sizes, slope and zero weights are drawn."""

    def __init__(self, rng):
        super().__init__()
        one, two, three, four = (int(width) for width in rng.integers(1, 9, size=4))
        kernel, self.slope = int(rng.choice([1, 3])), float(rng.choice([0.0, 0.0, 0.1]))
        self.first = nn.Conv2d(2, one, 3, padding=1)
        self.second, self.norm = nn.Conv2d(one, one, 3, padding=1), nn.BatchNorm2d(one)
        self.third = nn.Conv2d(one, two, 3, stride=2, padding=1)
        self.fourth = nn.Conv2d(two, three, kernel, padding=kernel // 2)
        self.side = nn.Conv2d(two, three, 1, bias=False)
        self.fifth, self.last = nn.LazyLinear(four), nn.Linear(four, 2)

    def forward(self, x):
        def act(value):
            return nn.functional.leaky_relu(value, self.slope)

        x = act(self.first(x))
        x = act(self.third(act(self.norm(self.second(x)) + x)))
        x = act(self.fourth(x) + self.side(x)).flatten(1)
        return self.last(act(self.fifth(x)))


def drawn_breakpoints(seed, monkeypatch):
    """Return the breakpoints by layer of a drawn network: of the engine, and of forward passes."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    shape = (2, *(int(side) for side in rng.integers(3, 9, size=2)))
    model = Drawn(rng).eval()
    model(torch.zeros(1, *shape))
    model.double()
    model.norm.running_var.uniform_(0.5, 2.0)
    for value in model.parameters():
        if rng.random() < 0.5:
            value.data *= torch.rand_like(value) < 0.4
    net = regions.as_network(model, input_shape=shape)
    ends = rng.normal(size=(2, net.input_size))
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", int(rng.choice([8, 40, 700])))
    found = count_regions(net, regions.Slice.through(ends), n_jobs=int(rng.choice([1, 2])))
    return found.details["by_layer"], by_forward_passes(net, *ends)


@pytest.mark.parametrize("start", range(0, 20, 5))
def test_drawn_networks_break_where_forward_passes_say(start, monkeypatch):
    for seed in range(start, start + 5):
        found, expected = drawn_breakpoints(seed, monkeypatch)
        assert found == expected, f"seed {seed}"


@pytest.mark.study
def test_many_drawn_networks_break_where_forward_passes_say(monkeypatch):
    pairs = {seed: drawn_breakpoints(seed, monkeypatch) for seed in range(500)}
    assert {seed: pair for seed, pair in pairs.items() if pair[0] != pair[1]} == {}


def test_pieces_of_any_wiring_join(rng, monkeypatch):
    torch.manual_seed(2)
    net = regions.as_network(PreActivation(0.1).eval(), input_shape=(2, 9, 9))
    segment = regions.Slice.through(3 * rng.normal(size=(2, net.input_size)))
    whole = [count_regions(net, segment, kind=kind).count for kind in ("activation", "linear")]
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 5)
    assert len(list(walk(net, line_frame(net, segment)))) > 10
    parts = [count_regions(net, segment, kind=kind).count for kind in ("activation", "linear")]
    assert parts == whole and whole[0] >= whole[1] > 40


def test_equal_pixels_break_together():
    # on a flat image all units of a channel away from the border are one hyperplane
    torch.manual_seed(4)
    net = regions.as_network(Residual().eval(), input_shape=(1, 8, 8))
    flat = regions.Slice.through(np.array([[-3.0], [2.0]]) * np.ones(64))
    by_layer = count_regions(net, flat).details["by_layer"]
    # positions of a 3 x 3 convolution on a flat image: 9 kinds (corners, sides, inside), and for
    # two convolutions 25, in 3 channels
    assert 0 < by_layer[0] <= 27 and 0 < by_layer[1] <= 75 * (by_layer[0] + 1)
    assert by_layer == by_forward_passes(net, *flat.points)


def test_limits_and_interrupts_keep_what_is_known(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 40, 40]))
    segment = regions.Slice.through(9 * rng.normal(size=(2, 3)))
    exact = count_regions(net, segment).count
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 8)
    late = count_regions(net, segment, time_limit=1e-9)
    assert late.status.name == "LIMIT_REACHED" and late.details["stopped_by"] == "time"
    assert 1 <= late.lower <= exact and late.count is None

    def interrupted(*args, **kwargs):
        parts = walk(*args, **kwargs)
        yield next(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr("regions.counting.line.line.walk", interrupted)
    stopped = count_regions(net, segment)
    assert stopped.details["stopped_by"] == "interrupt" and 1 <= stopped.lower < exact


def test_ctrl_c_stops_threads_and_keeps_what_they_know(rng, monkeypatch):
    net = dense(*random_layers(rng, [3, 80, 80]))
    segment = regions.Slice.through(9 * rng.normal(size=(2, 3)))
    exact = count_regions(net, segment).count
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 8)
    walked = []

    def pressed(*args):
        for part in walk_between(*args):
            walked.append(part)
            if len(walked) == 4:
                os.kill(os.getpid(), signal.SIGINT)
            if len(walked) >= 4:
                time.sleep(0.3)  # so often workers look
            yield part

    monkeypatch.setattr("regions.counting.line.line.walk_between", pressed)
    stopped = count_regions(net, segment, n_jobs=2)
    assert stopped.details["stopped_by"] == "interrupt" and 1 < stopped.lower < exact


@pytest.mark.parametrize("start", [0.0, 1e-9])
def test_a_line_that_workers_take_over_anywhere_has_the_same_breakpoints(rng, monkeypatch, start):
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 8)
    monkeypatch.setattr(effort, "SECONDS_TO_START", dict.fromkeys(effort.SECONDS_TO_START, start))
    net, points = dense(*random_layers(rng, [3, 30, 20])), 9 * rng.normal(size=(2, 3))
    for domain in (regions.Slice.through(points), whole_line(*points)):
        alone = count_regions(net, domain, method="line")
        shared = count_regions(net, domain, method="line", n_jobs=2)
        assert dict(shared.details) == dict(alone.details) and shared.count == alone.count


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("whole", [False, True])
def test_the_bar_ends_with_the_line(rng, capsys, monkeypatch, whole, workers):
    monkeypatch.setattr("regions.counting.effort.track", partial(track, delay=0))
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 6)
    net, points = dense(*random_layers(rng, [3, 20, 20])), rng.normal(size=(2, 3))
    domain = whole_line(*points) if whole else regions.Slice.through(points)
    found = count_regions(net, domain, method="line", n_jobs=workers, progress=True)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "100%" in last and f"{found.count - 1} breakpoints" in last


def deep(seed, layers, width=16):
    rng, found, before = np.random.default_rng(seed), [], 1
    for _ in range(layers):
        weight = rng.normal(size=(width, before)) * np.sqrt(2 / before)
        found.append((weight, rng.normal(size=width) * 0.1))
        before = width
    return [*found, (rng.normal(size=(1, width)), np.zeros(1))]


def test_twenty_layers():
    net = regions.as_network(deep(0, 20))
    for workers in (None, 2):
        found = count_regions(net, regions.Box([-1.0], [1.0]), n_jobs=workers)
        assert (found.count, found.status.name) == (194, "EXACT")


@pytest.mark.parametrize("gap", [1e-8, 1e-12, 1e-15, 1e-16, 1e-17, 0.0])
def test_breakpoints_however_close(gap):
    # x - 0.3, x - 0.3 - gap and x - 1: what float64 makes of the offsets counts
    layers = [(np.ones((3, 1)), np.array([-0.3, -0.3 - gap, -1.0])), (np.ones((1, 3)), None)]
    different = 3 if -0.3 - gap != -0.3 else 2
    for domain in (regions.Box([-2.0], [2.0]), None, regions.Box([-np.inf], [2.0])):
        for kind in ("activation", "linear"):
            assert count_regions(regions.as_network(layers), domain, kind=kind).count == (
                different + 1
            )


@pytest.mark.parametrize("gap", [2.0**-40, 2.0**-52, 2.0**-60, 2.0**-80, 0.0])
def test_breakpoints_closer_than_float64_can_say(gap):
    # 3 x - 1 and 3 x - 1 + gap (in the second layer, from two units): zeros at no float64 number
    first = (np.array([[3.0], [3.0]]), np.array([-1.0, 4.0]))
    second = (np.array([[0.0, 1.0], [0.0, 0.5]]), np.array([-5.0, -2.5 + gap]))
    layers = [first, second, (np.ones((1, 2)), None)]
    expected = oracle(layers, regions.Box([-1.0], [1.0]))
    assert count_regions(regions.as_network(layers), regions.Box([-1.0], [1.0])).count == expected


@pytest.mark.parametrize("power", [0, 30, 40, 60, 300])
def test_maps_are_compared_exactly(power):
    # relu(x) bends the output by 1, whatever is added to it; 2^-power of it is not lost either
    net = regions.as_network(
        [([[1.0]], [0.0]), ([[1.0], [0.0], [2.0**-power]], [0.0, 2.0**power, 1.0])]
    )
    assert count_regions(net, regions.Box([-1.0], [1.0]), kind="linear").count == 2
    # and relu(x) - relu(-x) - x, through three units, bends nowhere
    layers = [([[1.0], [-1.0], [1.0]], [0.0, 0.0, 5.0])]
    layers.append(([[1.0, -1.0, -1.0]], [2.0**power]))
    assert (
        count_regions(regions.as_network(layers), regions.Box([-1.0], [1.0]), kind="linear").count
        == 1
    )


def chain_values(layers, at):
    """Return every layer's preactivations at an input, by rational arithmetic."""
    value, found = [Fraction(at)], []
    for weight, bias in layers:
        value = [
            sum((Fraction(float(w)) * x for w, x in zip(row, value, strict=True)), Fraction(b))
            for row, b in zip(weight, bias, strict=True)
        ]
        found.append(value)
        value = [max(x, Fraction(0)) for x in value]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_values_are_as_close_to_the_exact_ones_as_is_claimed(seed, monkeypatch):
    layers, worst = deep(seed, 12, 8), []
    exact = {}

    def compared(settler, piece, straight):
        knots = piece.knots.places
        for i in range(0, len(knots), 3):
            if knots[i] not in exact:
                exact[knots[i]] = chain_values(layers, float(knots[i]))
            for row, unit in enumerate(piece.doubtful):
                value = exact[knots[i]][piece.layer][unit]
                off = abs(Fraction(float(straight.values[row, i])) - value)
                worst.append(float(off) / (piece.close[row] + straight.rounded[row]))
        return crossings(settler, piece, straight)

    crossings = Settler.crossings
    monkeypatch.setattr(Settler, "crossings", compared)
    monkeypatch.setattr("regions.counting.line.walk._MOST_KNOTS", 24)
    count_regions(regions.as_network(layers), regions.Box([-1.0], [1.0]))
    assert len(worst) > 300 and 1e-6 < max(worst) <= 1.0


def test_networks_out_of_exact_reach_are_not_called_exact(monkeypatch):
    torch.manual_seed(1)
    net = regions.as_network(Residual().eval(), input_shape=(1, 6, 6))
    segment = regions.Slice.through(np.random.default_rng(0).normal(size=(2, 36)))
    exact = count_regions(net, segment)
    monkeypatch.setattr("regions.counting.line.crossings.within_reach", lambda net: False)
    monkeypatch.setattr("regions.counting.line.errors.RESOLUTION", 1e-15)
    found = count_regions(net, segment)
    assert (exact.status.name, found.status.name) == ("EXACT", "UNCERTIFIED")
    assert found.count == exact.count and found.details["doubtful"] > 0


def lines(family, seeds):
    """Yield the cases of a family that are lines."""
    for seed in seeds:
        drawn = case(family, seed)
        inputs = len(drawn.layers[0][0][0])
        if (inputs if drawn.domain is None else drawn.domain.dimension) == 1:
            yield seed, drawn


def wrong(family, seeds):
    """Return the cases whose counts are not those of rational arithmetic."""
    found = []
    for seed, drawn in lines(family, seeds):
        for kind in ("activation", "linear"):
            known = count_regions(drawn.net, drawn.domain, method="line", kind=kind)
            expected = oracle(drawn.layers, drawn.domain, drawn.slopes, kind)
            if (known.count, known.status.name) != (expected, "EXACT"):
                found.append((seed, kind, known.count, expected))
    return found


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"deep", "wide"}))
def test_counts_are_those_of_rational_arithmetic(family):
    assert wrong(family, range(40)) == []


@pytest.mark.study
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_many_counts_are_those_of_rational_arithmetic(family):
    assert wrong(family, range(1000)) == []


@pytest.mark.parametrize("kind", ["activation", "linear"])
def test_parts_and_workers_change_nothing_where_ties_are_the_rule(kind, monkeypatch):
    rng = np.random.default_rng(7)
    for _ in range(6):
        sizes = [1, 9, 9, 9]
        layers = [
            (rng.integers(-2, 3, size=(m, n)).astype(float), rng.integers(-2, 3, size=m) * 1.0)
            for n, m in pairwise(sizes)
        ]
        layers.append((rng.integers(-1, 2, size=(1, 9)).astype(float), np.zeros(1)))
        expected = oracle(layers, None, kind=kind)
        with monkeypatch.context() as patched:
            patched.setattr("regions.counting.line.walk._MOST_KNOTS", 4)
            for workers in (None, 2):
                found = count_regions(regions.as_network(layers), kind=kind, n_jobs=workers)
                assert (found.count, found.status.name) == (expected, "EXACT")
