"""Disjoint paths with branches: every weight counts, budgets are met, paths are as many as said."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import regions
from regions.errors import BudgetError, OutOfTime, UnsupportedModelError
from regions.pruning.methods.disjoint import path_count
from regions.pruning.methods.unit_graph import unit_graph
from regions.pruning.methods.unit_paths import count_disjoint_paths


class Block(nn.Module):
    """A residual block; its shortcut is a 1x1 convolution, or copied channels padded with zeros."""

    def __init__(self, i, o, stride=1, shortcut="conv"):
        super().__init__()
        self.a, self.b = nn.Conv2d(i, o, 3, stride, 1), nn.Conv2d(o, o, 3, 1, 1)
        self.norm = nn.BatchNorm2d(o)
        self.stride, self.more = stride, o - i
        self.cut = nn.Conv2d(i, o, 1, stride) if shortcut == "conv" and o != i else None

    def forward(self, x):
        out = self.norm(self.b(F.relu(self.a(x))))
        if self.cut is not None:
            return F.relu(out + self.cut(x))
        sides = (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)
        return F.relu(out + F.pad(x[:, :, :: self.stride, :: self.stride], sides))


class Dense(nn.Module):
    """A layer whose channels are put behind those that it reads."""

    def __init__(self, i, growth):
        super().__init__()
        self.conv = nn.Conv2d(i, growth, 3, 1, 1)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(x))], 1)


class Shuffle(nn.Module):
    """Half of the channels pass by; then the halves are mixed like cards."""

    def __init__(self, half):
        super().__init__()
        self.one = nn.Conv2d(half, half, 1)
        self.each = nn.Conv2d(half, half, 3, padding=1, groups=half)
        self.two = nn.Conv2d(half, half, 1)

    def forward(self, x):
        left, right = x.chunk(2, 1)
        out = torch.cat([left, F.relu(self.two(self.each(F.relu(self.one(right)))))], 1)
        size = out.shape
        return out.view(size[0], 2, -1, *size[2:]).transpose(1, 2).reshape(size)


class Inverted(nn.Module):
    """More channels, one filter for each, fewer channels, beside a shortcut."""

    def __init__(self, c, more):
        super().__init__()
        self.up, self.down = nn.Conv2d(c, more, 1), nn.Conv2d(more, c, 1)
        self.each = nn.Conv2d(more, more, 3, padding=1, groups=more)

    def forward(self, x):
        return x + self.down(F.relu6(self.each(F.relu6(self.up(x)))))


class Gate(nn.Module):
    """Squeeze-and-excitation: only the wiring is known."""

    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, 4, 1), nn.Conv2d(4, c, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))))


def head(channels):
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3)


def first(channels):
    return nn.Conv2d(2, channels, 3, padding=1), nn.ReLU()


NETWORKS = {
    "residual": lambda: [*first(8), Block(8, 8), Block(8, 12, 2), Block(12, 12), *head(12)],
    "padded": lambda: [*first(8), Block(8, 8), Block(8, 12, 2, "pad"), *head(12)],
    "dense": lambda: [
        *(nn.Conv2d(2, 8, 3, padding=1), Dense(8, 4), Dense(12, 4), nn.ReLU()),
        *(nn.Conv2d(16, 8, 1), nn.AvgPool2d(2), Dense(8, 4), nn.ReLU(), *head(12)),
    ],
    "shuffled": lambda: [*first(12), Shuffle(6), Shuffle(6), *head(12)],
    "depthwise": lambda: [
        *(*first(8), nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.ReLU(), nn.Conv2d(8, 12, 1)),
        *(nn.ReLU(), *head(12)),
    ],
    "inverted": lambda: [*first(6), Inverted(6, 12), Inverted(6, 12), *head(6)],
    "grouped": lambda: [*first(8), nn.Conv2d(8, 12, 3, groups=4), nn.ReLU(), *head(12)],
    "pooled": lambda: [
        *(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 10, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3)),
    ],
    "gated": lambda: [*first(8), Gate(8), nn.Conv2d(8, 8, 1), nn.ReLU(), *head(8)],
}
SHAPE = (2, 6, 6)


def network(name, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(*NETWORKS[name]()).eval()


def disjoint(model, density, **more):
    allocation = regions.allocate(model, density, "disjoint", input_shape=SHAPE, **more)
    masks = regions.prune(model, allocation, "disjoint", input_shape=SHAPE)
    return allocation, masks


def pruned(masks):
    return [name for name in masks if not masks[name].all()]


def paths(masks):
    return count_disjoint_paths(unit_graph(masks.graph), {n: masks[n] for n in pruned(masks)})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("density", [0.6, 0.3, 0.12, 0.06])
def test_every_weight_counts_and_budgets_are_met(name, density):
    allocation, masks = disjoint(network(name), density)
    assert masks.counts == allocation.counts
    effective = masks.effective().weights
    assert all(effective[layer] == masks.counts[layer] for layer in pruned(masks))
    if density == 0.12:  # nothing is left to chance
        again = disjoint(network(name), density)[1]
        assert all(np.array_equal(again[layer], masks[layer]) for layer in masks)


@pytest.mark.parametrize("name", ["padded", "dense", "inverted"])
def test_weights_matter_by_brute_force(name, matters):
    model = network(name)
    _, masks = disjoint(model, 0.04)
    net = regions.as_network(model, SHAPE)
    found = matters(net, {layer: masks[layer] for layer in pruned(masks)})
    assert all(np.array_equal(found[layer], masks[layer]) for layer in found)
    # control: plain magnitude at the same counts keeps dead ends
    plain = regions.prune(model, masks, input_shape=SHAPE)
    found = matters(net, {layer: plain[layer] for layer in found})
    assert any((found[layer] != plain[layer]).any() for layer in found)


@pytest.mark.parametrize("name", ["residual", "dense", "inverted", "pooled"])
def test_there_are_as_many_paths_as_the_rule_says(name):
    for density in (0.03, 0.06):
        _, masks = disjoint(network(name), density)
        kept = [masks.counts[layer] for layer in pruned(masks)]
        most = count_disjoint_paths(unit_graph(masks.graph), {})
        assert paths(masks) == path_count(sum(kept), len(kept), most)


@pytest.mark.parametrize("name", ["dense", "pooled"])
def test_magnitude_at_the_same_counts_has_fewer_paths(name):
    fewer = []
    for seed in range(4):
        _, masks = disjoint(network(name, seed), 0.04)
        plain = regions.prune(network(name, seed), masks, input_shape=SHAPE)
        fewer.append(paths(masks) - paths(plain))
    assert min(fewer) >= 0 and max(fewer) > 0


def test_layers_behind_the_other_half_of_the_channels_are_fed():
    model = network("shuffled")
    counts = {"0": 0.01, "2.one": 0.03, "2.each": 0.02, "2.two": 0.03}  # 2, 1, 1 and 1
    masks = regions.prune(model, counts, "disjoint", input_shape=SHAPE)
    assert [masks.counts[name] for name in counts] == [2, 1, 1, 1]
    assert sum(masks.effective().weights[name] for name in counts) == 5


@pytest.mark.parametrize("number, density", [(1, 0.006), (3, 0.03), (6, 0.1)])
def test_the_number_of_paths_is_an_option(number, density):
    model = network("residual")
    masks = regions.prune(model, density, "disjoint", input_shape=SHAPE, paths=number)
    assert paths(masks) == number
    # the channels of a stream are in use for all layers that write to it, or for none
    into = [masks[name].any(axis=(1, 2, 3)) for name in ("0", "2.b")]
    assert into[0].sum() == number and not (into[1] & ~into[0]).any()


@pytest.mark.parametrize("number", [0, 9])
def test_paths_without_room_are_refused_not_lowered(number):
    with pytest.raises(BudgetError, match=f"paths is {number}, .* room for 1 to 8"):
        regions.prune(network("residual"), 0.3, "disjoint", input_shape=SHAPE, paths=number)


def test_a_budget_without_any_room_is_refused():
    model = network("dense")
    # the layer behind the concatenation would have to read what nothing writes
    counts = {"0": 0.3, "1.conv": 0.001, "2.conv": 0.3}
    assert 0.001 * model[1].conv.weight.numel() < 0.5
    with pytest.warns(UserWarning, match="no weight is kept in the layers .'1.conv'."):
        masks = regions.prune(model, counts, "disjoint", input_shape=SHAPE)
    assert masks.effective().weights["2.conv"] == masks.counts["2.conv"]
    with pytest.raises(BudgetError):
        regions.prune(model, {**counts, "0": 0.001}, "disjoint", input_shape=SHAPE)


def test_weights_that_were_pruned_stay_out():
    model = network("residual")
    with torch.no_grad():
        for layer in (model[0], model[2].a, model[3].cut):
            layer.weight *= torch.rand(layer.weight.shape) < 0.5
    _, masks = disjoint(model, 0.2)
    for name in ("0", "2.a", "3.cut"):
        assert not (masks[name] & (model.get_submodule(name).weight.numpy(force=True) == 0)).any()
    assert all(masks.effective().weights[name] == masks.counts[name] for name in pruned(masks))


def test_renaming_channels_of_a_stream_renames_the_masks():
    model, moved = network("residual"), network("residual")
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        moved[0].weight.copy_(model[0].weight[order])
        moved[2].a.weight.copy_(model[2].a.weight[:, order])
        moved[2].b.weight.copy_(model[2].b.weight[order])
        moved[3].a.weight.copy_(model[3].a.weight[:, order])
        moved[3].cut.weight.copy_(model[3].cut.weight[:, order])
    one, two = disjoint(model, 0.15)[1], disjoint(moved, 0.15)[1]
    assert np.array_equal(one["0"][order], two["0"])
    assert np.array_equal(one["2.b"][order], two["2.b"])
    assert np.array_equal(one["3.cut"][:, order], two["3.cut"])


def test_a_time_limit_is_refused_or_changes_nothing():
    model = network("residual")
    with pytest.raises(OutOfTime, match="time_limit=1e-09"):
        regions.prune(model, 0.1, "disjoint", input_shape=SHAPE, time_limit=1e-9)
    free, timed = (
        regions.prune(model, 0.1, "disjoint", input_shape=SHAPE, time_limit=limit)
        for limit in (None, 600.0)
    )
    assert all(np.array_equal(free[name], timed[name]) for name in free)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.b(x + F.relu(self.a(F.relu(self.a(x)))))


def test_a_layer_that_is_used_twice_is_refused_by_name():
    with pytest.raises(UnsupportedModelError, match="'a' is used 2 times"):
        regions.prune(Twice(), 0.5, "disjoint")
