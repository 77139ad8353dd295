"""The nearest boundary: closed forms, autograd, enumeration, and two ways that agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn_networks import dense, residual

import regions
from regions.errors import ArgumentError
from regions.neighbourhoods import nearest
from regions.neighbourhoods.linearised import Linearised, supports
from regions.neighbourhoods.nearest import Nearest, jacobians, nearest_boundaries, slopes_of
from regions.neighbourhoods.walls import walls_of


def found(net, points, method="auto"):
    return Nearest.joined(list(nearest_boundaries(net, points, method)))


def by_autograd(model, points):
    """Return every hidden unit's value and gradient at points, by one backward pass for each."""
    values, slopes = [], []
    for point in points:
        x = torch.tensor(point, requires_grad=True)
        read = []
        hooks = [
            module.register_forward_pre_hook(lambda _, given, into=read: into.append(given[0]))
            for module in model.modules()
            if isinstance(module, (torch.nn.ReLU, torch.nn.LeakyReLU))
        ]
        model(x[None].reshape(1, 2, 6, 6))
        for hook in hooks:
            hook.remove()
        flat = torch.cat([value.flatten() for value in read])
        values.append(flat.detach().numpy())
        slopes.append(
            np.stack([torch.autograd.grad(v, x, retain_graph=True)[0].numpy() for v in flat])
        )
    return np.array(values), np.array(slopes)


@pytest.mark.parametrize("method", ["columns", "probes"])
def test_distances_are_those_of_autograd(method, rng):
    model, net = residual()
    points = rng.normal(size=(3, 72))
    values, slopes = by_autograd(model, points)
    near, ends = found(net, points, method), np.cumsum(net.widths[1:-1])
    for order, distance, layer, unit in (
        (2, near.distance, near.layer, near.unit),
        (1, near.distance_max, near.layer_max, near.unit_max),
    ):
        right = np.abs(values) / np.linalg.norm(slopes, ord=order, axis=2)
        assert distance == pytest.approx(right.min(axis=1), rel=1e-9)
        number = np.concatenate([[0], ends])[layer] + unit
        assert number.tolist() == right.argmin(axis=1).tolist()


@pytest.mark.parametrize("zero", [0.0, 0.6])
def test_probes_find_what_columns_find(zero, rng):
    net = dense(rng, [30, 40, 40, 5], zero)
    points = rng.normal(size=(20, 30))
    one, two = found(net, points, "columns"), found(net, points, "probes")
    assert one.failure == 0 < two.failure < 1e-12
    assert one.distance == pytest.approx(two.distance, rel=1e-9)
    assert one.distance_max == pytest.approx(two.distance_max, rel=1e-9)
    assert (one.unit == two.unit).all() and (one.layer_max == two.layer_max).all()


def test_bounds_that_are_too_tight_miss_boundaries(monkeypatch, rng):
    net, points = dense(rng, [30, 200, 200, 5]), rng.normal(size=(60, 30))
    monkeypatch.setattr(nearest, "_FACTOR", 0.05)  # "gradients are at most a 20th of the estimate"
    monkeypatch.setattr(nearest, "_FIRST", 1)
    monkeypatch.setattr(nearest, "_PROBES", 2)
    missed = found(net, points, "probes").distance > found(net, points, "columns").distance * 1.001
    assert missed.any()


def test_the_ball_of_that_radius_lies_in_one_region_and_no_larger_one(rng):
    net = dense(rng, [3, 8, 8, 2])
    for point in rng.normal(size=(20, 3)):
        near = found(net, point[None])
        away = rng.normal(size=(2000, 3))
        around = {
            "euclidean": (near.distance[0], np.linalg.norm(away, axis=1)),
            "maximum": (near.distance_max[0], np.abs(away).max(axis=1)),
        }
        own = net.pattern(point[None])
        for distance, size in around.values():
            inside = point + away / size[:, None] * distance * 0.999999
            assert (net.pattern(inside) == own).all()
        # a step across the boundary that is named switches the unit that is named
        _, values, columns = next(jacobians(net, point[None]))
        layer, unit = int(near.layer[0]), int(near.unit[0])
        slope, value = columns[layer][0, :, unit], values[layer][0, unit]
        across = point - 1.000001 * value * slope / (slope @ slope)
        assert np.linalg.norm(across - point) == pytest.approx(near.distance[0], rel=1e-5)
        switched = (net.pattern(across[None]) != own)[0]
        assert switched[sum(net.widths[1 : layer + 1]) + unit]


def test_distances_are_those_of_the_enumerated_region(rng):
    net, box = dense(rng, [2, 6, 5, 2]), regions.Box.cube(2, -50.0, 50.0)
    cells = {cell.pattern.tobytes(): cell for cell in regions.enumerate_regions(net, box)}
    points = rng.normal(size=(15, 2))
    near = found(net, points)
    for point, distance in zip(points, near.distance, strict=True):
        cell = cells[net.pattern(point[None])[0].tobytes()]
        inner = cell.units >= 0  # facets have normals of length one
        assert distance == pytest.approx((cell.normals @ point + cell.offsets)[inner].min())


def test_units_that_do_not_depend_on_the_input_make_no_boundary():
    layers = [(np.zeros((2, 3)), np.array([0.0, 1.0])), (np.ones((1, 2)), np.zeros(1))]
    for method in ("columns", "probes"):
        near = found(regions.as_network(layers), np.ones((2, 3)), method)
        assert (
            np.isinf(near.distance).all() and (near.unit == -1).all() and (near.layer == -1).all()
        )
    bare = regions.as_network([(np.ones((1, 3)), np.zeros(1))])
    assert np.isinf(found(bare, np.ones((2, 3))).distance_max).all()


def test_many_points_are_as_many_single_ones(rng, monkeypatch):
    _, net = residual(1)
    points = rng.normal(size=(7, 72))
    whole = found(net, points, "columns")
    monkeypatch.setattr(nearest, "_CACHED", 1)
    monkeypatch.setattr(nearest, "_BYTES", 1)
    for method in ("columns", "probes"):
        parts = list(nearest_boundaries(net, points, method))
        assert len(parts) == 7
        assert Nearest.joined(parts).distance == pytest.approx(whole.distance, rel=1e-9)


def test_supports_are_no_smaller_than_what_gradients_reach(rng):
    _, net = residual()
    _, _, columns = next(jacobians(net, rng.normal(size=(2, 72))))
    for most, column in zip(supports(net), columns, strict=True):
        assert (column != 0).sum(axis=1).max() <= most
    assert supports(net)[0] == 18 and supports(net)[1] == 50


def test_gradients_are_the_columns(rng):
    _, net = residual()
    _, values, columns = next(jacobians(net, rng.normal(size=(2, 72))))
    slopes = slopes_of(net, values)
    for layer, walls in enumerate(walls_of(net)):
        units = np.array([0, walls.size - 1])
        made = Linearised(net, torch.float64).gradients(walls, units, slopes)
        for i, unit in enumerate(units):
            column = columns[layer][i if layer else 0, :, unit]
            assert made[i] == pytest.approx(column, abs=1e-12)


def test_unknown_methods_are_refused(rng):
    with pytest.raises(ArgumentError, match="columns"):
        nearest_boundaries(dense(rng, [2, 3, 1]), np.zeros((1, 2)), "rows")
