"""What is met along axes: a walk in fine steps, counts of the line engine, closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_networks import dense, residual

import regions
from regions.neighbourhoods.rays import orthonormal, rays_of, switching_units


def test_boundaries_are_those_of_the_line_engine(rng):
    net, point, axes = dense(rng, [4, 9, 9, 3]), rng.normal(size=4), np.eye(4)[:3]
    rays = rays_of(net, point, axes, 1.5)
    for i, axis in enumerate(axes):
        whole = regions.Slice.through([point - 1.5 * axis, point + 1.5 * axis])
        count = int(regions.count_regions(net, whole))
        assert rays.met[i].sum() + rays.met[i + 3].sum() == count - 1
        one_way = regions.count_regions(net, regions.Slice.through([point, point + 1.5 * axis]))
        assert rays.met[i].sum() == int(one_way) - 1
        assert rays.met[i].tolist() == one_way.details["by_layer"]
    assert rays.doubtful == 0


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_change_of_class_is_found_where_a_fine_walk_finds_it(outputs, rng):
    net, seen = dense(rng, [3, 8, 8, outputs]), 0
    for point in rng.normal(size=(8, 3)):
        axes = orthonormal(rng, 3, 2)
        rays = rays_of(net, point, axes, 2.0)
        for distance, way in zip(rays.decision, [*axes, *-axes], strict=True):
            steps = np.linspace(0, 2.0, 4001)
            values = net(point + steps[:, None] * way).reshape(len(steps), -1)
            label = values.argmax(axis=1) if outputs > 1 else values[:, 0] > 0
            other = np.flatnonzero(label != label[0])
            if len(other):
                assert distance == pytest.approx(steps[other[0]], abs=6e-4)
                seen += 1
            else:  # a change of class between two steps of the walk may be missed by it
                assert np.isinf(distance) or distance > 0
    assert seen


def test_a_single_output_changes_at_zero():
    net = regions.as_network([([[1.0, 0.0]], [5.0]), ([[1.0]], [-5.5])])  # x + 5 - 5.5
    rays = rays_of(net, np.array([0.0, 0.0]), np.eye(2), 1.0)
    assert rays.decision.tolist() == [0.5, np.inf, np.inf, np.inf]


def test_units_at_the_ends_are_some_of_those_along_the_axes(rng):
    for _ in range(10):
        net, point, axes = dense(rng, [5, 12, 12, 2]), rng.normal(size=5), orthonormal(rng, 5, 4)
        ends, along = switching_units(net, point, axes, 0.7), rays_of(net, point, axes, 0.7)
        assert ends.sum() <= along.units


def test_local_complexity_is_exact_in_the_first_layer(rng):
    # a hyperplane cuts a cross-polytope of radius r around x if |z| < r max |g . axis|
    net, point, axes = dense(rng, [5, 40, 2]), rng.normal(size=5), orthonormal(rng, 5, 5)
    layer = net.layers()[0]
    slopes = layer.matrix.toarray()
    value = np.abs(slopes @ point + layer.bias)
    cut = value < 0.5 * np.abs(slopes @ axes.T).max(axis=1)
    assert switching_units(net, point, axes, 0.5).tolist() == [cut.sum()]


def test_a_bent_unit_can_cut_without_a_sign_at_the_ends():
    # relu(x) + relu(-x) - 1/2 is positive at both ends of [-1, 1], and negative between
    layers = [([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [-0.5]), ([[1.0]], [0.0])]
    net, point, axes = regions.as_network(layers), np.array([0.1]), np.eye(1)
    assert switching_units(net, point, axes, 0.9).tolist() == [2, 0]
    rays = rays_of(net, point, axes, 0.9)
    assert rays.units == 3 and rays.met.sum(axis=0).tolist() == [1, 2]


def test_images_go_through_convolutions(rng):
    _, net = residual()
    rays = rays_of(net, rng.normal(size=72), orthonormal(rng, 72, 1), 1.0)
    assert rays.met.shape == (2, 3) and rays.met.sum() > 0
