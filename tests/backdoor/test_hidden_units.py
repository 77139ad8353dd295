"""A removed unit has no effect at all: the network equals the one in which it is deleted."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.backdoor import GatedNetwork, HiddenUnits, first_removed, remove_until
from regions.errors import ArgumentError, UnsupportedModelError

SHAPE = (2, 9, 9)


def without(model, inputs, removed, shape=SHAPE):
    network = GatedNetwork(model, shape)
    return network.finish(network.begin(inputs), removed)


def deleted(model, kept):
    """Return the smaller network that has only the kept units."""
    a, b, c = (np.flatnonzero(part) for part in kept)
    small = copy.deepcopy(model)
    columns = (4 * b[:, None] + np.arange(4)).ravel()
    cuts = {"a": (a, slice(None)), "b": (b, a), "c": (c, columns), "d": (slice(None), c)}
    for name, (rows, cols) in cuts.items():
        layer = getattr(small, name)
        layer.weight = nn.Parameter(layer.weight[rows][:, cols])
        layer.bias = nn.Parameter(layer.bias[rows])
    small.a.out_channels, small.b.in_channels, small.b.out_channels = len(a), len(a), len(b)
    return small


@pytest.mark.parametrize("seed", range(6))
def test_masked_gated_and_deleted_agree(conv_net, conv_inputs, seed):
    units = HiddenUnits.of(conv_net, SHAPE)
    assert dict(units.widths) == {"a": 2, "b": 3, "c": 4} and units.total == 9
    removed = np.random.default_rng(seed).random(9) < 0.4
    removed[[0, 2, 5]] = False  # one unit stays in each layer, so that it can be built
    small = deleted(conv_net, [~part for part in units.split(removed).values()])
    x = torch.from_numpy(conv_inputs)
    with torch.no_grad():
        expected = small(x)
        masked = units.masks(removed).apply(copy.deepcopy(conv_net), how="zeros")(x)
        gated = without(conv_net, conv_inputs, removed)
    torch.testing.assert_close(masked, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gated, expected, rtol=1e-4, atol=1e-4)


def test_without_outgoing_weights_the_bias_would_speak(conv_net, conv_inputs):
    """Control: zeroing incoming weights alone leaves a constant that changes the logits."""
    removed = np.zeros(9, dtype=bool)
    unit = int(conv_net.a.bias.argmax())
    removed[unit] = True
    assert conv_net.a.bias[unit] > 0
    rows = copy.deepcopy(conv_net)
    x = torch.from_numpy(conv_inputs)
    with torch.no_grad():
        rows.a.weight[unit] = 0
        gated = without(conv_net, conv_inputs, removed)
        assert (rows(x) - gated).abs().max() > 0.1


def test_all_units_removed_leave_the_last_bias(conv_net, conv_inputs):
    units = HiddenUnits.of(conv_net, SHAPE)
    masks = units.masks(np.ones(9, dtype=bool))
    assert masks.total_density == 0
    with torch.no_grad():
        out = masks.apply(copy.deepcopy(conv_net), how="zeros")(torch.from_numpy(conv_inputs))
    torch.testing.assert_close(out, conv_net.d.bias.expand(20, 3))


def test_masks_keep_what_was_pruned_before(conv_net):
    pruned = regions.prune(conv_net, 0.5, input_shape=SHAPE).apply(copy.deepcopy(conv_net))
    masks = HiddenUnits.of(pruned, SHAPE).masks(np.zeros(9, dtype=bool))
    assert masks == regions.Masks.from_model(pruned, SHAPE) and masks.total_density < 0.6


def test_the_model_is_left_untouched(conv_net, conv_inputs):
    before = copy.deepcopy(conv_net.state_dict())
    conv_net.train()
    without(conv_net, conv_inputs, np.ones(9, dtype=bool))
    assert conv_net.training and not conv_net.a._forward_hooks
    assert all(parameter.requires_grad for parameter in conv_net.parameters())
    for name, value in conv_net.state_dict().items():
        assert torch.equal(value, before[name])


def test_gates_open_again(conv_net, conv_inputs):
    network = GatedNetwork(conv_net, SHAPE)
    begun = network.begin(conv_inputs)
    first = network.finish(begun)
    shut = network.finish(begun, np.ones(9, dtype=bool))
    assert not torch.equal(first, shut) and torch.equal(first, network.finish(begun))
    torch.testing.assert_close(network(torch.from_numpy(conv_inputs)), first)


class Wrapped(nn.Module):
    """The same chain, but no Sequential: nothing can be computed beforehand."""

    def __init__(self, chain):
        super().__init__()
        self.chain = chain

    def forward(self, x):
        return self.chain(x)


def test_any_module_gives_the_same(conv_net, conv_inputs):
    for seed in range(4):
        removed = np.random.default_rng(seed).random(9) < 0.5
        one = without(conv_net, conv_inputs, removed)
        two = without(Wrapped(conv_net).eval(), conv_inputs, removed)
        torch.testing.assert_close(one, two)


def test_flattened_channels_are_gated_whole():
    """The second layer reads four numbers of each channel of the first."""
    chain = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    inputs = np.random.default_rng(0).normal(size=(5, 1, 3, 3)).astype(np.float32)
    removed = np.array([False, True, False])
    expected = HiddenUnits.of(chain, (1, 3, 3)).masks(removed).apply(copy.deepcopy(chain), "zeros")
    with torch.no_grad():
        torch.testing.assert_close(
            without(chain, inputs, removed, (1, 3, 3)), expected(torch.from_numpy(inputs))
        )


def test_activations_are_means_over_positions(conv_net, conv_inputs):
    seen = GatedNetwork(conv_net, SHAPE).activations(conv_inputs)
    with torch.no_grad():
        first = conv_net[:2](torch.from_numpy(conv_inputs))
        third = conv_net[:8](torch.from_numpy(conv_inputs))
    np.testing.assert_allclose(seen[:, :2], first.mean((2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen[:, 5:], third, rtol=1e-5, atol=1e-6)


def test_removal_stops_at_the_first_loss_that_is_too_large():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, costs = rng.normal(size=8), rng.uniform(0, 0.02, size=8)

        def accuracy(removed, costs=costs):
            return 0.9 - costs[removed].sum()

        order = np.argsort(-scores)
        allowed = [n for n in range(9) if costs[order[:n]].sum() <= 0.03]
        removed = remove_until(scores, accuracy, 0.03)
        np.testing.assert_array_equal(removed, first_removed(scores, max(allowed)))


def bad_models():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.two(torch.relu(self.one(x)) + x)

    yield Residual(), (4,)
    yield nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)), (4,)
    yield nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(), nn.Linear(4, 2)), (4,)
    yield nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), (4,)
    yield nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (4,)
    yield nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), (3, 4)
    grouped = nn.Conv2d(2, 2, 3, groups=2)
    yield nn.Sequential(grouped, nn.ReLU(), nn.Flatten(), nn.Linear(2 * 49, 2)), SHAPE
    shared = nn.Linear(4, 4)
    yield nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(4, 2)), (4,)


@pytest.mark.parametrize("model, shape", list(bad_models()))
def test_other_architectures_are_refused(model, shape):
    with pytest.raises(UnsupportedModelError, match=r"unit|ReLU"):
        HiddenUnits.of(model.eval(), shape)


@pytest.mark.parametrize(
    "removed", [np.zeros(8, dtype=bool), np.zeros(9), np.zeros((1, 9), dtype=bool)]
)
def test_wrong_sets_are_refused(conv_net, conv_inputs, removed):
    with pytest.raises(ArgumentError, match="hidden unit"):
        HiddenUnits.of(conv_net, SHAPE).masks(removed)
    with pytest.raises(ArgumentError, match="hidden unit"):
        without(conv_net, conv_inputs, removed)


def test_wrong_scores_and_models_are_refused():
    for scores, tolerance in ((np.array([np.nan]), 0.1), (np.zeros(2), 1.5), (np.zeros((1, 2)), 0)):
        with pytest.raises(ArgumentError, match="tolerance"):
            remove_until(scores, lambda removed: 1.0, tolerance)
    with pytest.raises(ArgumentError, match="Module"):
        GatedNetwork([(np.ones((2, 2)), np.zeros(2))], (2,))
