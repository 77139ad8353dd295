from math import comb

import numpy as np
import pytest
from counting_oracles import dense, random_layers, tent_layers, zigzag_layers
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.counting import count_regions
from regions.counting.plane.explorer import PlaneCells
from regions.counting.plane.planar import planar_frame
from regions.counting.plane.plane import plane_cells

CUBE = regions.Box.cube(2, -1.0, 1.0)
WIDE = regions.Box.cube(2, -1e4, 1e4)


def count(net, domain=CUBE, **options):
    result = count_regions(net, domain, method="plane", **options)
    assert result.status.name == "EXACT"
    return result.count


@pytest.mark.parametrize("units", [1, 2, 5, 9])
def test_lines_in_general_position(units, rng):
    net = dense(*random_layers(rng, [2, units]))
    assert count(net, None) == sum(comb(units, j) for j in range(3))
    assert count(net, CUBE) <= count(net, regions.Box.cube(2, -3.0, 3.0)) <= count(net, None)


@pytest.mark.parametrize("domain", [None, CUBE, WIDE])
def test_lines_through_the_origin(domain, rng):
    assert count(dense(*random_layers(rng, [2, 5], bias=False)), domain) == 10


def test_cones_of_a_network_without_biases_meet_every_box(rng):
    for depth in (2, 3, 4):
        net = dense(*random_layers(rng, [2] + [7] * depth, bias=False))
        counts = {count(net, domain) for domain in (None, CUBE, WIDE)}
        assert len(counts) == 1


@pytest.mark.parametrize("seed", range(6))
def test_cones_without_biases_are_those_on_a_circle(seed):
    # cells in which every unit of a layer is off have preactivations that are exactly zero
    rng = np.random.default_rng(seed)
    net = dense(*random_layers(rng, [2, 3, 6, 5], bias=False))
    angles = np.linspace(0, 2 * np.pi, 200001)
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    on_circle = len(np.unique(net.pattern(points), axis=0))
    assert count(net) == count(net, None) == on_circle


def test_parallel_lines(rng):
    offsets = rng.normal(size=6)
    net = dense((np.outer(np.ones(6), [0.6, -0.8]), offsets))
    assert count(net, None) == 7
    # exactly parallel: multiples of 0.6 and 0.8 by 3 would be rounded
    opposite = dense(
        (np.outer([1.0, -1.0, 2.0, -3.0], [0.75, -1.0]), np.array([0.1, 0.2, 0.4, 0.3]))
    )
    assert count(opposite, None) == 5
    rounded = dense((np.outer([1.0, -1.0, 2.0, -3.0], [0.6, -0.8]), np.array([0.1, 0.2, 0.4, 0.3])))
    assert count(rounded) == 5 and count(rounded, None) == 8  # they cross, 1e16 away


def test_grids():
    rows = np.vstack([np.tile([1.0, 0.0], (4, 1)), np.tile([0.0, 1.0], (3, 1))])
    net = dense((rows, np.array([-0.5, -0.1, 0.2, 0.6, -0.3, 0.1, 0.4])))
    assert count(net) == count(net, None) == 20


@pytest.mark.parametrize("factors", [[1, 1, 1], [1, -1, 2], [2.0**-20, 2.0**20, -1]])
def test_one_line_given_three_times(factors):
    factors = np.array(factors, dtype=float)
    net = dense((np.outer(factors, [1.0, 0.0]), 0.1 * factors))
    assert count(net) == count(net, None) == 2
    assert len(cells_of(net)) == 2


def test_units_that_never_change(rng):
    weight, bias = random_layers(rng, [2, 6])[0]
    assert count(dense((weight, bias + 100))) == 1
    assert count(dense((np.zeros((3, 2)), np.zeros(3)), *random_layers(rng, [3, 4])), None) == 1
    with_dead = dense((np.vstack([weight, np.zeros((2, 2))]), np.append(bias, [0.0, -1.0])))
    assert count(with_dead) == count(dense((weight, bias)))


def test_a_network_without_hidden_units():
    net = regions.as_network([(np.ones((1, 2)), np.zeros(1))])
    assert count(net) == count(net, None) == 1


def test_lines_through_the_corners_of_the_box():
    # the diagonal splits the box, the two lines that touch a corner only do not
    rows = np.array([[1.0, -1.0], [1.0, 1.0], [2.0, 1.0]])
    assert count(dense((rows, np.array([0.0, -2.0, 3.0])))) == 2
    assert count(dense((np.array([[1.0, 0.0]]), np.array([-1.0])))) == 1


@pytest.mark.parametrize("depth", range(1, 6))
def test_tents_in_a_turned_plane(depth, rng):
    direction = rng.normal(size=2)
    direction /= np.linalg.norm(direction)
    (first, bias), *rest = tent_layers(depth)
    net = dense((first * direction, bias), *rest)
    expected = 3 if depth == 1 else 2**depth + 2
    assert count(net, None) == count(net, regions.Box.cube(2, -7.0, 7.0)) == expected


def test_zigzags_in_two_dimensions():
    assert count(dense(*zigzag_layers(1, copies=2)), None) == 16
    assert count(dense(*zigzag_layers(2, copies=2)), None) == 256
    assert count(dense(*zigzag_layers(2, copies=2)), regions.Box.cube(2, 0.0, 1.0)) == 256


def test_a_function_with_fewer_pieces_than_regions():
    # relu(relu(x) - y) is 0 above the bent line y = relu(x), -y left of it and x - y right of it
    first = (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.zeros(3))
    second = (np.array([[1.0, -1.0, 1.0]]), np.zeros(1))
    net = regions.as_network([first, second, (np.ones((1, 1)), np.zeros(1))])
    assert count(net) == 5
    assert count(net, kind="linear") == 3


def test_pieces_ignore_units_without_outgoing_weights():
    net = regions.as_network([(np.eye(2), np.zeros(2)), (np.array([[1.0, 0.0]]), np.zeros(1))])
    assert count(net) == 4 and count(net, kind="linear") == 2


def test_the_published_kind_of_slice(rng):
    box = regions.Box.cube(60, 0.0, 1.0)
    images = rng.uniform(size=(3, 60)) * (rng.uniform(size=60) < 0.7)  # some inputs never vary
    layers = random_layers(rng, [60, 20, 20])
    net = dense((layers[0][0] / 6, layers[0][1]), layers[1])
    plane = regions.Slice.through(images, box=box)
    found = cells_of(net, plane)
    assert count(net, plane) == len(found)
    points = centers(found, planar_frame(net, plane), plane)
    assert (points >= -1e-9).all() and (points <= 1 + 1e-9).all()
    assert (net.pattern(points) == found.patterns).all()
    line = regions.Slice.through(images[:2], box=box)
    assert (
        count_regions(net, line).count
        <= count(net, plane)
        <= count(net, regions.Slice.through(images))
    )


def cells_of(net, domain=CUBE):
    return PlaneCells.joined(list(plane_cells(net, planar_frame(net, domain))))


def centers(cells, frame, domain):
    middles = [cells.polygon(i).mean(axis=0) for i in range(len(cells))]
    return domain.embed(frame.coordinates(np.array(middles)))


def areas(cells):
    result = []
    for i in range(len(cells)):
        x, y = (cells.polygon(i)[:, :2] / cells.polygon(i)[:, 2:]).T
        result.append((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)
    return np.array(result)


@pytest.mark.parametrize("density", [1.0, 0.5, 0.2])
def test_cells_tile_the_box_and_carry_the_network(density, rng):
    net = dense(*random_layers(rng, [2, 12, 12, 12], density=density))
    found = cells_of(net)
    assert len(found) == count(net)
    assert len(np.unique(found.patterns, axis=0)) == len(found)
    area = areas(found)
    assert (area > 0).all() and area.sum() == pytest.approx(4.0, rel=1e-9)
    middles = np.array([found.polygon(i).mean(axis=0) for i in range(len(found))])
    assert (net.pattern(middles[:, :2]) == found.patterns).all()
    outputs = (found.outputs * middles[:, :, None]).sum(axis=1)
    np.testing.assert_allclose(outputs, net(middles[:, :2]), rtol=1e-9, atol=1e-9)


def test_convolutions_count_like_their_dense_chain(rng):
    import torch
    from torch import nn

    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(18, 3),
    )  # fmt: skip
    net = regions.as_network(model, input_shape=(1, 5, 5))
    layers = [(layer.matrix.toarray(), layer.bias) for layer in net.layers()]
    chain = regions.as_network(layers)
    plane = regions.Slice.through(rng.normal(size=(3, 25)), box=regions.Box.cube(25, -2.0, 2.0))
    assert count(net, plane) == count(chain, plane)
    assert count(net, plane, kind="linear") == count(chain, plane, kind="linear")


def test_any_wiring_counts_like_a_chain(rng, monkeypatch):
    nets = [dense(*random_layers(rng, [2, 9, 9, 9], density=d)) for d in (1.0, 0.4)]
    expected = [(count(net), count(net, kind="linear"), count(net, None)) for net in nets]
    monkeypatch.setattr("regions.counting.plane.plane.is_dense", lambda net: False)
    monkeypatch.setattr(
        "regions.counting.plane.segments._MEMORY", 64 * 9 * 3 * 4
    )  # batches of four
    found = [(count(net), count(net, kind="linear"), count(net, None)) for net in nets]
    assert found == expected
    assert count(nets[0], n_jobs=2) == expected[0][0]


def test_workers_find_the_same(rng):
    net = dense(*random_layers(rng, [2, 30, 30]))
    assert count(net, n_jobs=2) == count(net)
    assert count(net, None, n_jobs=2) == count(net, None)


def test_a_plane_meets_at_least_the_regions_of_its_lines(rng):
    net = dense(*random_layers(rng, [2, 10, 10]))
    box = regions.Box.cube(2, -2.0, 2.0)
    for ends in rng.normal(size=(5, 2, 2)):
        assert count_regions(net, regions.Slice.through(ends, box=box)).count <= count(net, box)


def test_limits_and_interrupts_keep_what_is_known(rng, monkeypatch):
    net = dense(*random_layers(rng, [2, 40, 40]))
    exact = count(net)
    monkeypatch.setattr("regions.counting.plane.explorer.STEP", 50)
    late = count_regions(net, CUBE, time_limit=1e-9)
    assert late.status.name == "LIMIT_REACHED" and late.details["stopped_by"] == "time"
    assert 1 <= late.lower < exact and late.count is None
    both = count_regions(net, CUBE, time_limit=1e-9, n_jobs=2)
    assert both.status.name == "LIMIT_REACHED" and 1 <= both.lower < exact

    calls = []

    def interrupted(counts, clock):
        for found in counts:
            yield found
            calls.append(found)
            if len(calls) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr("regions.counting.plane.plane._watched", interrupted)
    stopped = count_regions(net, CUBE)
    assert stopped.details["stopped_by"] == "interrupt"
    assert sum(calls) - 1 <= stopped.lower < exact


layers_in_plane = st.builds(
    lambda seed, widths, density, bias: random_layers(
        np.random.default_rng(seed), [2, *widths], density, bias
    ),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 7), min_size=1, max_size=3),
    st.sampled_from([1.0, 0.5, 0.2]),
    st.booleans(),
)
examples = settings(deadline=None, max_examples=25, derandomize=True)


@given(layers_in_plane, st.randoms(use_true_random=False))
@examples
def test_permuting_units_changes_nothing(layers, random):
    permuted, order = [], list(range(2))
    for weight, bias in layers:
        weight, order = weight[:, order], random.sample(range(len(bias)), len(bias))
        permuted.append((weight[order], bias[order]))
    assert count(dense(*permuted)) == count(dense(*layers))


@given(layers_in_plane, st.integers(0, 2**32 - 1))
@examples
def test_positive_rescaling_changes_nothing(layers, seed):
    rng, scaled, before = np.random.default_rng(seed), [], np.ones(2)
    for weight, bias in layers:
        scale = 10 ** rng.uniform(-6, 6, size=len(bias))
        scaled.append((weight / before * scale[:, None], bias * scale))
        before = scale
    assert count(dense(*scaled)) == count(dense(*layers))


@given(layers_in_plane, st.sampled_from([0.0, -1.0, 1.0]), st.integers(0, 10))
@examples
def test_a_dead_or_repeated_unit_changes_nothing(layers, bias, unit):
    (weight, biases), *rest = layers
    dead = (np.vstack([weight, np.zeros(2)]), np.append(biases, bias))
    unit %= len(biases)
    again = (np.vstack([weight, -4 * weight[unit]]), np.append(biases, -4 * biases[unit]))
    wider = [(np.column_stack([w, np.zeros(len(w))]), b) for w, b in rest[:1]] + rest[1:]
    expected = count(dense(*layers))
    assert count(dense(dead, *wider)) == expected
    assert count(dense(again, *wider)) == expected


@given(layers_in_plane, st.sampled_from([1.0, 2.0**-30, 2.0**40]))
@examples
def test_reflecting_and_scaling_the_plane_with_the_network_changes_nothing(layers, scale):
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    (weight, bias), *rest = layers
    expected = count(dense(*layers), None)
    assert count(dense((weight @ turn / scale, bias), *rest), None) == expected
    # the same plane, across three dimensions
    lifted = np.column_stack([np.ones(len(weight)), weight])
    plane = regions.Slice.through([[0.0, 0, 0], [0, scale, 0], [0, 0, scale / 2]])
    assert count(dense((lifted, bias), *rest), plane) == expected


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 6.28), st.sampled_from([1.0, 1e-6, 1e6]))
@examples
def test_turning_a_plane_without_ties_changes_nothing(seed, angle, scale):
    # with ties, the rounding of what is turned would undo them
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (weight, bias), *rest = random_layers(np.random.default_rng(seed), [2, 6, 6])
    expected = count(dense((weight, bias), *rest), None)
    assert count(dense((weight @ turn.T / scale, bias), *rest), None) == expected
    # the same plane, tilted in three dimensions
    tilt = np.linalg.qr(np.random.default_rng(7).normal(size=(3, 3)))[0]
    lifted = np.column_stack([weight @ turn.T, np.ones(len(weight))]) @ tilt.T
    plane = regions.Slice.through(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]) @ tilt.T)
    assert count(dense((lifted, bias), *rest), plane) == expected


@pytest.mark.parametrize("units, through", [(300, 0), (2500, 0), (400, 40)])
def test_many_chords_meet_as_often_as_pairs_of_lines_cross(rng, units, through):
    """F = 1 + lines + crossings, less what lines through one point lose."""
    angles, offsets = rng.uniform(0, np.pi, units), rng.uniform(-0.9, 0.9, units)
    weight = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets[:through] = 0.0  # all of these through the origin
    found = count(dense((weight, offsets)))
    det = weight[:, None, 0] * weight[None, :, 1] - weight[:, None, 1] * weight[None, :, 0]
    one, two = np.triu_indices(units, 1)
    x = (-offsets[one] * weight[two, 1] + offsets[two] * weight[one, 1]) / det[one, two]
    y = (-offsets[two] * weight[one, 0] + offsets[one] * weight[two, 0]) / det[one, two]
    crossings = int(((np.abs(x) < 1) & (np.abs(y) < 1)).sum())
    lost = through * (through - 1) // 2 - max(through - 1, 0)
    assert found == 1 + units + crossings - lost
