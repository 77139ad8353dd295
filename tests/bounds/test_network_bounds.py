"""Bounds of modules: convolutions, residual connections, LeakyReLU, masks by name."""

import numpy as np
import pytest
import torch
from bounds_oracle import Hidden, activation_regions
from torch import nn

import regions
from regions.bounds.activation import coverages
from regions.bounds.on_mask import RECURSIONS
from regions.bounds.supports import dense_steps, supports_of_network

ON_MASK = ("activation", "live", "rows", "rank", "serra", "montufar", "naive", "trivial")


def hidden_of(net):
    return [
        Hidden(layer.matrix.toarray(), layer.bias, layer.units, layer.slope)
        for layer in net.layers()[:-1]
    ]


def prune_(model, rng, density):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=rng)
            if parameter.ndim > 1:
                parameter *= torch.rand(parameter.shape, generator=rng) < density
    return model


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(2, 3), nn.Linear(3, 2)
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(torch.relu(x + self.outer(torch.relu(self.inner(x)))))


def conv():
    return nn.Sequential(
        nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Conv1d(2, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1, 2)
    )


def leaky():
    return nn.Sequential(
        nn.Linear(2, 3), nn.LeakyReLU(0.2), nn.Linear(3, 3), nn.LeakyReLU(0.2), nn.Linear(3, 1)
    )


CASES = [(Residual, (2,)), (conv, (1, 3)), (leaky, (2,))]


@pytest.mark.parametrize(("build", "shape"), CASES, ids=["residual", "convolution", "leaky"])
def test_exact_counts_stay_below_every_bound(build, shape):
    rng = torch.Generator().manual_seed(0)
    for density in (0.3, 0.6, 1.0, 1.0):
        net = regions.as_network(prune_(build(), rng, density), shape)
        count = activation_regions(hidden_of(net), net.input_size)
        bounds = [regions.upper_bound(net, kind).value for kind in ON_MASK]
        assert [count, *bounds] == sorted([count, *bounds])
        assert regions.upper_bound(net, "effective").value <= bounds[1]


def test_only_hidden_layers_of_a_network_count():
    net = regions.as_network([(np.ones((4, 3)), None), (np.ones((2, 4)), None)])
    bound = regions.upper_bound(net)
    assert bound.widths == (3, 4)
    assert bound.value == regions.upper_bound([3, 4]).value


def test_masks_by_name_equal_zeroed_weights():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=shape), None) for shape in ((5, 4), (5, 5), (2, 5))]
    masks = {f"layer{i + 1}": rng.random(pairs[i][0].shape) < 0.4 for i in range(2)}
    zeroed = [(w * masks.get(f"layer{i + 1}", 1), b) for i, (w, b) in enumerate(pairs)]
    by_order = [*masks.values(), np.ones((2, 5))]
    for kind in ON_MASK:
        value = regions.upper_bound(zeroed, kind).value
        assert regions.upper_bound(pairs, kind, masks=masks).value == value
        assert regions.upper_bound(pairs, kind, masks=by_order).value == value
        assert regions.upper_bound(pairs, kind, masks=regions.Masks(masks)).value == value


def test_masks_as_a_mapping_for_widths():
    rng = np.random.default_rng(1)
    arrays = [rng.random((5, 4)) < 0.5, rng.random((3, 5)) < 0.5]
    named = regions.Masks({"a": arrays[0], "b": arrays[1]})
    assert regions.upper_bound([4, 5, 3], "live", masks=named) == regions.upper_bound(
        [4, 5, 3], "live", masks=arrays
    )


def test_a_convolution_counts_as_its_sparse_matrix():
    """Four outputs from windows of two inputs: a band matrix of full rank, ten hyperplanes."""
    model = nn.Sequential(nn.Conv1d(1, 1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1))
    net = regions.as_network(prune_(model, torch.Generator().manual_seed(0), 1.0), (1, 5))
    assert net.widths == (5, 4, 1)
    assert regions.upper_bound(net, "rank").value == 2**4
    with torch.no_grad():
        model[0].weight.zero_()
    dead = regions.as_network(model, (1, 5))
    assert regions.upper_bound(dead, "rank").value == 1
    assert regions.upper_bound(dead).value == 2**4


def test_signs_make_units_stable_after_a_relu_only():
    positive = [(np.eye(2), np.zeros(2)), (np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), None)]
    first, second = coverages(supports_of_network(regions.as_network(positive)))
    assert first.unstable[-1] == 2
    assert second.unstable[-1] == 0
    assert second.varying[-1] == 3


def test_skips_need_their_carried_coordinates():
    """Dropping them would promise fewer regions than this residual network has."""
    net = regions.as_network(prune_(Residual(), torch.Generator().manual_seed(3), 1.0), (2,))
    steps = RECURSIONS["live"](supports_of_network(net))
    assert [step.carried for step in steps] == [2, 0]
    assert all(step.image == 2 for step in steps)


def test_expected_bound_refuses_what_is_no_independent_matrix():
    model = nn.Sequential(nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    net = regions.as_network(model, (1, 3))
    with pytest.raises(regions.errors.UnsupportedModelError, match="independent entries"):
        regions.upper_bound(net, "expected", density=0.5)


def test_expected_bound_of_a_leaky_network_keeps_dimensions():
    rng = torch.Generator().manual_seed(0)
    net = regions.as_network(prune_(leaky(), rng, 1.0))
    plain = regions.upper_bound([2, 3, 3], "expected", density=1.0)
    assert regions.upper_bound(net, "expected", density=1.0).value is None
    assert regions.upper_bound(net, "expected", density=1.0).log2 > plain.log2
    assert regions.upper_bound(net).log2 == pytest.approx(np.log2(7 * 7))


def test_networks_without_hidden_units_have_one_region():
    net = regions.as_network([(np.ones((2, 3)), None)])
    for kind in ON_MASK:
        assert regions.upper_bound(net, kind).value == 1
    assert regions.upper_bound(net, "expected", density=0.5).log2 == 0.0


@pytest.mark.parametrize(("build", "shape"), CASES, ids=["residual", "convolution", "leaky"])
def test_sizes_without_matrices_are_those_of_the_matrices(build, shape):
    net = regions.as_network(build(), shape)
    layers = net.layers()[:-1]
    for step, layer in zip(dense_steps(net), layers, strict=True):
        assert (step.units, step.carried) == (layer.units, layer.carried)
        assert step.image == layer.matrix.shape[0]
        assert step.keeps == (layer.slope != 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_bounds_of_maxima_and_clamps_hold(seed):
    """They bound the ReLU units that compute them, whose cells part the regions."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 6),
        nn.Unflatten(1, (2, 3)),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Linear(2, 2),
        nn.ReLU6(),
        nn.Linear(2, 1),
    )
    net = regions.as_network(model)
    count = int(regions.count_regions(net, regions.Box.cube(2, -20.0, 20.0)))
    assert count > 1
    for kind in ON_MASK:
        assert regions.upper_bound(net, kind).value >= count
