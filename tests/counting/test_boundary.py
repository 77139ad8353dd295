"""Decision boundaries on planes: closed forms, the network's own outputs, what pruning moves."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from counting_oracles import random_layers

import regions
from regions.counting import DecisionBoundary
from regions.errors import ArgumentError, DomainError

SQUARE = regions.Box.cube(2, -1.0, 1.0)


def classifier(rng, outputs, inputs=2):
    layers, last = random_layers(rng, [inputs, 8, 8]), rng.normal(size=(outputs, 8))
    middle = regions.as_network([*layers, (last, np.zeros(outputs))])(
        rng.uniform(-1, 1, size=(500, inputs))
    )
    # no class leads everywhere
    return regions.as_network([*layers, (last, -np.median(middle, axis=0))])


def test_a_square_of_known_length():
    # |x| + |y| = 1/2: four sides of length sqrt(1/2)
    ways = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    net = regions.as_network([(ways, np.zeros(4)), (np.ones((1, 4)), [-0.5])])
    found = regions.decision_boundary(net, SQUARE)
    assert len(found.segments) == 4 and found.length == pytest.approx(4 * np.sqrt(0.5))
    assert (found.classes == [0, 1]).all() and "4 linear pieces" in found.summary()


@pytest.mark.parametrize("outputs", [1, 2, 5])
def test_the_two_largest_outputs_are_equal_on_the_boundary(outputs, rng):
    for _ in range(5):
        net = classifier(rng, outputs)
        found = regions.decision_boundary(net, SQUARE)
        for segment, (a, b) in zip(found.segments, found.classes, strict=True):
            for share in (0.1, 0.5, 0.9):
                values = net((segment[0] + share * (segment[1] - segment[0]))[None])[0]
                if outputs == 1:
                    assert values[0] == pytest.approx(0.0, abs=1e-9)
                else:
                    assert values[a] == pytest.approx(values[b], abs=1e-9)
                    assert values[a] == pytest.approx(values.max(), abs=1e-9)


@pytest.mark.parametrize("outputs", [1, 2, 5])
def test_walks_change_class_as_often_as_they_cross(outputs, rng):
    crossed = 0
    for _ in range(4):
        net = classifier(rng, outputs)
        found = regions.decision_boundary(net, SQUARE)
        for y in rng.uniform(-1, 1, size=12):
            x = np.linspace(-1, 1, 20001)
            values = net(np.column_stack([x, np.full_like(x, y)]))
            label = values.argmax(axis=1) if outputs > 1 else values[:, 0] > 0
            ends = found.segments[:, :, 1] - y
            hits = int((ends[:, 0] * ends[:, 1] < 0).sum())
            changes = int((label[1:] != label[:-1]).sum())
            assert (hits - changes) % 2 == 0 and hits >= changes
            crossed += changes
    assert crossed


def test_pieces_join_into_lines_that_end_on_the_rim_or_where_three_classes_meet(rng):
    net = classifier(rng, 2)
    found = regions.decision_boundary(net, SQUARE)
    ends, counts = np.unique(found.segments.reshape(-1, 2).round(8), axis=0, return_counts=True)
    assert len(found.segments) > 3
    assert (np.abs(ends[counts == 1]).max(axis=1) > 1 - 1e-7).all()


def test_a_boundary_along_an_edge_counts_once():
    # x and 0 are equal on the line x = 0 alone, where the unit switches
    net = regions.as_network([([[1.0, 0.0], [-1.0, 0.0]], [0, 0]), ([[1.0, -1.0], [0, 0]], [0, 0])])
    found = regions.decision_boundary(net, SQUARE)
    assert len(found.segments) == 1 and found.length == pytest.approx(2.0)


def test_ties_on_whole_regions_are_no_boundary():
    net = regions.as_network([([[1.0, 0.0]], [0.0]), ([[0.0], [0.0]], [1.0, 1.0])])
    assert len(regions.decision_boundary(net, SQUARE).segments) == 0


def test_what_pruning_moved(rng):
    net = classifier(rng, 3)
    found = regions.decision_boundary(net, SQUARE)
    assert found.moved(found, 1e-9) == 0.0
    name = "output" if "output" in net.prunable else list(net.prunable)[-1]
    weight = net.weights[name]
    kept = np.abs(weight) > np.quantile(np.abs(weight), 0.7)
    pruned = regions.decision_boundary(net.masked({name: kept}), SQUARE)
    assert found.moved(pruned, 0.01) > 0.1 and found.moved(pruned, 10.0) == 0.0
    shares = [found.moved(pruned, within) for within in (0.001, 0.01, 0.1, 1.0)]
    assert shares == sorted(shares, reverse=True)
    nothing = regions.decision_boundary(regions.as_network([([[0.0, 0.0]], [1.0])]), SQUARE)
    assert found.moved(nothing, 0.1) == 1.0 and np.isnan(nothing.moved(found, 0.1))
    with pytest.raises(ArgumentError, match="above 0"):
        found.moved(found, 0.0)


def test_what_moved_is_a_share_of_length():
    # three quarters of an angle stay: pieces count by their length
    ends = np.array([[[0.0, 0.0], [3.0, 0.0]], [[3.0, 0.0], [3.0, 1.0]]])
    square, classes = regions.Box.cube(2, 0.0, 4.0), np.array([[0, 1], [0, 1]])
    angle = DecisionBoundary(square, ends, classes)
    stayed = DecisionBoundary(square, ends[:1], classes[:1])
    assert angle.moved(stayed, within=0.01) == pytest.approx(0.25)
    assert stayed.moved(angle, within=0.01) == 0.0


def test_planes_of_images_have_their_own_coordinates(rng):
    net = classifier(rng, 3, inputs=6)
    plane = regions.Slice.through(rng.normal(size=(3, 6)), box=regions.Box.cube(6, -3.0, 3.0))
    found = regions.decision_boundary(net, plane)
    middle = net(plane.embed(found.segments.mean(axis=1)))
    top = np.sort(middle, axis=1)
    assert top[:, -1] == pytest.approx(top[:, -2], abs=1e-9)


def test_tables_and_pictures(rng):
    net = classifier(rng, 3)
    found = regions.decision_boundary(net, SQUARE)
    frame = found.to_frame()
    assert frame["length"].sum() == pytest.approx(found.length)
    assert found.to_dict()["length"] == pytest.approx(found.length)
    plain = regions.plot_regions(net, SQUARE, ax=plt.figure().add_subplot())
    drawn = regions.plot_regions(net, SQUARE, ax=plt.figure().add_subplot(), boundary=True)
    assert len(drawn.collections) == len(plain.collections) + 1
    assert len(drawn.collections[-1].get_segments()) == len(found.segments)
    plt.close("all")


def test_what_is_no_bounded_plane_is_refused(rng):
    with pytest.raises(DomainError, match="unbounded"):
        regions.decision_boundary(classifier(rng, 2), regions.Box.cube(2, -np.inf, np.inf))
    with pytest.raises(DomainError, match="dimension 3"):
        regions.decision_boundary(classifier(rng, 2, 3), regions.Box.cube(3, -1.0, 1.0))
