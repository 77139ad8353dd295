import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import regions
from regions.errors import BudgetError


def pruned_layers_are_effective(masks, names):
    report = masks.effective()
    return all(report.weights[name] == masks.counts[name] for name in names)


@pytest.mark.parametrize("criterion", ["magnitude", "random"])
@pytest.mark.parametrize("density", [0.0005, 0.001, 0.005, 0.05, 0.5])
def test_same_budget_and_every_kept_weight_on_a_path(pairs, criterion, density):
    net = pairs([784, 40, 30, 10])
    plain = regions.prune(net, density, criterion)
    repaired = regions.prune(net, density, criterion, repair=True)
    assert plain.counts == repaired.counts
    assert pruned_layers_are_effective(repaired, ["layer1", "layer2"])


def two_layer_fixpoint(first, second, k1, k2):
    """The published-pilot procedure, written again for two pruned layers and dense outputs."""
    allowed = np.ones(len(first), dtype=bool)
    while True:
        size = np.where(allowed[:, None], np.abs(first), -1.0)
        one = np.zeros(first.size, dtype=bool)
        one[np.argsort(-size, axis=None, kind="stable")[:k1]] = True
        one = one.reshape(first.shape)
        size = np.where(one.any(axis=1)[None, :], np.abs(second), -1.0)
        two = np.zeros(second.size, dtype=bool)
        two[np.argsort(-size, axis=None, kind="stable")[:k2]] = True
        two = two.reshape(second.shape)
        both = one.any(axis=1) & two.any(axis=0)
        if np.array_equal(both, one.any(axis=1)):
            return one, two
        allowed &= both


@pytest.mark.parametrize("counts", [(100, 60), (40, 40), (30, 90), (300, 20)])
def test_two_layers_by_an_independent_procedure(pairs, counts):
    net = pairs([80, 40, 30, 5], seed=counts[0])
    densities = {"layer1": counts[0] / 3200, "layer2": counts[1] / 1200}
    masks = regions.prune(net, densities, repair=True)
    one, two = two_layer_fixpoint(net[0][0], net[1][0], *counts)
    assert np.array_equal(masks["layer1"], one) and np.array_equal(masks["layer2"], two)


def test_dense_paths_are_left_alone(pairs):
    net = pairs([6, 5, 4, 3])
    assert regions.prune(net, 0.95, repair=True) == regions.prune(net, 0.95)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    widths=st.lists(st.integers(2, 8), min_size=3, max_size=7),
    density=st.floats(0.05, 0.9),
    seed=st.integers(0, 10**6),
    scope=st.sampled_from(["layer", "global"]),
)
def test_any_depth(widths, density, seed, scope):
    rng = np.random.default_rng(seed)
    net = [(rng.normal(size=(b, a)), None) for a, b in itertools.pairwise(widths)]
    options = {"prune_output": True, "scope": scope}
    try:
        masks = regions.prune(net, density, repair=True, **options)
    except BudgetError:
        assume(False)
    plain = regions.prune(net, density, **options)
    assert pruned_layers_are_effective(masks, list(masks))
    if scope == "layer":
        assert masks.counts == plain.counts
    else:
        assert sum(masks.counts.values()) == sum(plain.counts.values())


def every_repaired_pair(shapes, counts):
    """All masks of a two-layer chain with these counts whose every weight is on a path."""
    for one in itertools.combinations(range(np.prod(shapes[0])), counts[0]):
        first = np.zeros(shapes[0], dtype=bool)
        first.ravel()[list(one)] = True
        for two in itertools.combinations(range(np.prod(shapes[1])), counts[1]):
            second = np.zeros(shapes[1], dtype=bool)
            second.ravel()[list(two)] = True
            if np.array_equal(first.any(axis=1), second.any(axis=0)):
                yield {"layer1": first, "output": second}


@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (4, 4)])
def test_against_all_masks_of_a_tiny_network(pairs, counts):
    shapes = [(3, 2), (2, 3)]
    for seed in range(5):
        net = [(w, None) for w, _ in pairs([2, 3, 2], seed)]
        densities = {"layer1": counts[0] / 6, "output": counts[1] / 6}
        masks = regions.prune(net, densities, repair=True)
        assert tuple(masks.counts.values()) == counts
        feasible = list(every_repaired_pair(shapes, counts))
        assert any(all(np.array_equal(m[n], masks[n]) for n in m) for m in feasible)


def test_layerwise_repair_is_a_fixpoint(pairs):
    """Among weights between units that stay, no better one was passed over (two layers)."""
    net = pairs([50, 20, 15, 5])
    masks = regions.prune(net, {"layer1": 0.02, "layer2": 0.05}, repair=True)
    alive = masks["layer1"].any(axis=1)
    size = np.abs(net[0][0])
    rivals = ~masks["layer1"] & alive[:, None]
    assert size[masks["layer1"]].min() > size[rivals].max()
    size = np.abs(net[1][0])
    rivals = ~masks["layer2"] & alive[None, :]
    assert size[masks["layer2"]].min() > size[rivals].max()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.filterwarnings("ignore:no weight is kept:UserWarning")  # of global scope, unrepaired
def test_residual_convolutions(residual, seed, scope):
    model = residual(seed, channels=4)
    for density in (0.05, 0.2):
        plain = regions.prune(model, density, scope=scope, input_shape=(1, 8, 8))
        masks = regions.prune(model, density, repair=True, scope=scope, input_shape=(1, 8, 8))
        names = [name for name in masks if name != "head"]
        assert pruned_layers_are_effective(masks, names)
        assert sum(masks.counts.values()) == sum(plain.counts.values())


class Shuffled(nn.Module):
    """Grouped convolutions with a shuffle between them, a gate, a maximum and a concatenation."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.inner = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 8, 1, groups=4)
        self.each, self.gate = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Linear(8, 8)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        start = nn.functional.max_pool2d(self.stem(x).relu(), 2)
        h = nn.functional.channel_shuffle(self.inner(start), 4).relu()
        h = self.each(h).relu()
        h = h * self.gate(h.mean((2, 3))).sigmoid()[:, :, None, None]
        return self.head(torch.cat([start, h], 1).mean((2, 3)))


@pytest.mark.parametrize("whole", [True, False])
def test_weights_beside_a_whole_output_layer_are_all_effective(whole):
    masks = regions.prune(
        Shuffled(), 0.15, repair=True, prune_output=not whole, input_shape=(2, 6, 6)
    )
    found = masks.effective()
    for name in masks:
        whole_one = whole and name == "head"
        assert found.weights[name] == found.kept[name] or whole_one
    assert (found.fraction < 1.0) == whole


def test_deep_narrow_budgets_fall_back_to_thinning(pairs):
    net = pairs([20] * 9)
    masks = regions.prune(net, 0.005, repair=True)  # two weights per layer
    assert set(list(masks.counts.values())[:-1]) == {2}
    assert pruned_layers_are_effective(masks, list(masks)[:-1])


def test_a_wide_second_layer_makes_the_first_one_spread():
    """12 weights after 3 need 3 different units; the three largest share one."""
    first = np.ones((5, 4))
    first[0] = [9, 8, 7, 6]
    net = [(first, None), (np.ones((4, 5)), None), (np.ones((1, 4)), None)]
    masks = regions.prune(net, {"layer1": 3 / 20, "layer2": 12 / 20}, repair=True)
    assert masks.counts == {"layer1": 3, "layer2": 12, "output": 4}
    assert pruned_layers_are_effective(masks, ["layer1", "layer2"])


def test_an_impossible_budget_is_an_error(pairs):
    # one weight feeds one unit, which can feed at most four
    with pytest.raises(BudgetError, match="input-to-output path"):
        regions.prune(pairs([3, 4, 4, 2]), {"layer1": 1 / 12, "layer2": 0.5}, repair=True)
    with pytest.raises(BudgetError, match="repair=False"):
        regions.prune(pairs([30, 4, 4, 2]), 0.01, repair=True)


def test_a_density_that_keeps_nothing_is_an_error(pairs):
    with pytest.raises(BudgetError, match="rounds to none"):
        regions.prune(pairs([30, 4, 4, 2]), 1e-6)


def test_repair_is_reproducible(pairs):
    net = pairs([30, 20, 10, 5])
    runs = [regions.prune(net, 0.05, "random", repair=True, rng=7) for _ in range(2)]
    assert runs[0] == runs[1]
