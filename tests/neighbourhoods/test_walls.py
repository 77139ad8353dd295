"""Walls of regions of networks with maxima: closed forms, enumeration by the values themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.neighbourhoods.linearised import Linearised, supports
from regions.neighbourhoods.nearest import Nearest, jacobians, nearest_boundaries, slopes_of
from regions.neighbourhoods.rays import orthonormal, rays_of, switching_units
from regions.neighbourhoods.walls import walls_of
from regions.networks.pieces import Pieces


def pooled(seed: int = 0) -> tuple[nn.Sequential, regions.ReLUNetwork]:
    """Return a small convolutional network with max pooling, of windows that overlap and pad."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            nn.MaxPool2d(3, 2, padding=1),
            nn.ReLU(),
            nn.Conv2d(3, 2, 2),
            nn.LeakyReLU(0.1),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2, 4),
        )
    model = model.double().eval()
    return model, regions.as_network(model, input_shape=(2, 6, 6))


def leads_by_autograd(model: nn.Sequential, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all walls of a point's region by hand: preactivations, and leads within windows."""
    x = torch.tensor(point.reshape(1, 2, 6, 6), requires_grad=True)
    first = model[0](x)
    pooled_ = model[1](first)
    second = model[3](model[2](pooled_))
    last = model[4](second)
    walls = [pooled_.flatten(), second.flatten()]
    for values, kernel, stride, padding in ((first, 3, 2, 1), (last, 2, 2, 0)):
        padded = nn.functional.pad(values, [padding] * 4, value=-np.inf)
        windows = padded.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(4)
        lead = (windows.max(dim=-1, keepdim=True).values - windows).flatten()
        walls.append(lead[torch.isfinite(lead) & (lead != 0)])
    flat = torch.cat(walls)
    slopes = [torch.autograd.grad(v, x, retain_graph=True)[0].flatten().numpy() for v in flat]
    return flat.detach().numpy(), np.array(slopes)


@pytest.mark.parametrize("method", ["columns", "probes"])
def test_distances_are_those_of_autograd_through_max_pooling(method, rng) -> None:
    model, net = pooled()
    for point in rng.normal(size=(6, 72)):
        near = Nearest.joined(list(nearest_boundaries(net, point[None], method)))
        values, slopes = leads_by_autograd(model, point)
        for order, distance in ((2, near.distance), (1, near.distance_max)):
            norms = np.linalg.norm(slopes, ord=order, axis=1)
            right = (np.abs(values)[norms > 0] / norms[norms > 0]).min()
            assert distance[0] == pytest.approx(right, rel=1e-9)


def test_a_step_across_the_wall_changes_the_piece_and_one_less_does_not(rng) -> None:
    _, net = pooled(1)
    pieces, walls = Pieces(net.graph), walls_of(net)
    made_by_maxima = 0
    for point in rng.normal(size=(30, 72)):
        near = Nearest.joined(list(nearest_boundaries(net, point[None])))
        layer, unit = int(near.layer[0]), int(near.unit[0])
        _, values, columns = next(jacobians(net, point[None]))
        slopes = slopes_of(net, values)
        across = [slope[:, None] for slope in slopes]
        size = [np.abs(each.values(values, slopes))[0] for each in walls]
        made = [each.values(columns, across)[0] for each in walls]
        # the wall that is nearest, found once more by hand
        distances = [
            np.where(norm > 0, s / np.where(norm > 0, norm, 1), np.inf)
            for s, norm in ((s, np.linalg.norm(m, axis=0)) for s, m in zip(size, made, strict=True))
        ]
        group = int(np.argmin([d.min() for d in distances]))
        wall = int(distances[group].argmin())
        gradient, value = made[group][:, wall], walls[group].values(values, slopes)[0, wall]
        step = -value * gradient / (gradient @ gradient)
        own = pieces.patterns(net.pattern(point[None]))[0]
        near_, behind = (
            pieces.patterns(net.pattern((point + share * step)[None]))[0]
            for share in (0.999999, 1.000001)
        )
        assert (near_ == own).all()
        (changed,) = np.flatnonzero(behind != own)
        # and it is the unit that is named: a maximum by the switch where the two values meet
        start = sum(net.widths[1 : layer + 1])
        flipped = net.pattern((point + 1.000001 * step)[None])[0] != net.pattern(point[None])[0]
        assert flipped[start + unit]
        made_by_maxima += walls[group].maxima is not None
        assert pieces.layers[changed] == walls[group].last
    assert 5 < made_by_maxima < 30


def test_losers_that_change_places_make_no_boundary() -> None:
    # max(x, y, 10): its region at (1, 0) ends at x = 10 and not at x = y
    class Largest(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x[:, :1] * 0 + 10.0], dim=1).amax(dim=1, keepdim=True)

    net = regions.as_network(Largest(), input_shape=(2,))
    for method in ("columns", "probes"):
        near = Nearest.joined(list(nearest_boundaries(net, np.array([[1.0, 0.0]]), method)))
        assert near.distance.tolist() == pytest.approx([9.0])
        assert near.layer.tolist() == [1]  # where the winner of x and y meets 10


def test_gradients_of_single_walls_are_the_columns(rng) -> None:
    _, net = pooled()
    _, values, columns = next(jacobians(net, rng.normal(size=(1, 72))))
    slopes = slopes_of(net, values)
    across = [slope[:, None] for slope in slopes]
    linear = Linearised(net, torch.float64)
    for each in walls_of(net):
        made = each.values(columns, across)[0]
        chosen = np.arange(each.size)
        repeated = [np.repeat(slope, each.size, axis=0) for slope in slopes[: each.last + 1]]
        assert linear.gradients(each, chosen, repeated).T == pytest.approx(made, abs=1e-12)


def test_supports_bound_what_walls_read(rng) -> None:
    _, net = pooled()
    _, values, columns = next(jacobians(net, rng.normal(size=(1, 72))))
    across = [slope[:, None] for slope in slopes_of(net, values)]
    reads = supports(net)
    for each in walls_of(net):
        seen = (each.values(columns, across)[0] != 0).sum(axis=0)
        assert seen.max() <= reads[each.last]
    assert reads[walls_of(net)[0].last] == 50  # a window of 3 x 3 of windows of 3 x 3, 2 channels


def test_rays_and_complexity_count_pieces_of_maxima(rng) -> None:
    _, net = pooled()
    pieces, point, axes = Pieces(net.graph), rng.normal(size=72), orthonormal(rng, 72, 2)
    rays = rays_of(net, point, axes, 1.0)
    seen = np.zeros(pieces.units, dtype=bool)
    for axis in axes:  # a fine walk finds most of them, and none that is not there
        steps = np.linspace(-1.0, 1.0, 20001)[:, None]
        found = pieces.patterns(net.pattern(point + steps * axis))
        seen |= (found != found[0]).any(axis=0)
    assert seen.sum() <= rays.units <= seen.sum() + 1
    assert switching_units(net, point, axes, 1.0).sum() <= rays.units
    whole = regions.Slice.through([point - axes[0], point + axes[0]])
    assert rays.met[[0, 2]].sum() == int(regions.count_regions(net, whole)) - 1


def test_the_ball_of_a_region_of_a_maximum() -> None:
    # |x| + |y| < 1 is where the constant 1 is largest of five: a ball of radius 1 / sqrt(2)
    weight = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])

    class Largest(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            offset = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])
            return (x @ weight.to(x).T + offset.to(x)).amax(dim=1, keepdim=True)

    frame = regions.local(Largest(), [[0.1, 0.2]], input_shape=(2,)).to_frame()
    assert frame["ball"].tolist() == pytest.approx([0.5**0.5])
    assert frame["distance"].tolist() == pytest.approx([0.7 / 2**0.5])


def test_the_table_of_a_network_with_max_pooling(rng) -> None:
    _, net = pooled()
    points = rng.normal(size=(2, 2, 6, 6))
    frame = regions.local(net, points, radius=0.3, directions=4, planes=True).to_frame()
    assert (frame["distance"] > 0).all() and (frame["plane_status"] == "EXACT").all()
    assert (frame["plane_regions"] >= 1).all() and (frame["doubtful"] == 0).all()
