"""Ranks of a network's own weights: valid against exact counts, and never lost to scaling."""

import itertools

import numpy as np
import torch
from bounds_oracle import Hidden, activation_regions, affine_pieces
from scipy import sparse
from torch import nn

import regions
from regions.bounds import supports

ON_MASK = ("activation", "live", "rows", "rank")


def low_rank(rng, rows, columns, rank):
    return rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))


def values(net, **options):
    return [regions.upper_bound(net, kind, **options).value for kind in ON_MASK]


def rank_of(matrix):
    return supports.numerical_rank(sparse.csr_array(np.asarray(matrix, float)))


def test_exact_counts_of_low_rank_networks_stay_below_every_bound():
    rng = np.random.default_rng(0)
    smaller = tight = 0
    for _ in range(16):
        widths = [int(rng.integers(2, 4)), *rng.integers(2, 5, size=2).tolist()]
        ranks = [int(rng.integers(1, min(a, b) + 1)) for a, b in itertools.pairwise(widths)]
        shapes = zip(widths[1:], widths[:-1], ranks, strict=True)
        layers = [Hidden(low_rank(rng, b, a, rank), rng.normal(size=b), b) for b, a, rank in shapes]
        output = rng.normal(size=(1, widths[-1]))
        net = [*((layer.matrix, layer.bias) for layer in layers), (output, None)]
        count = activation_regions(layers, widths[0])
        bounds = values(net)
        assert [count, *bounds] == sorted([count, *bounds])
        assert (
            affine_pieces(layers, output, widths[0]) <= regions.upper_bound(net, "effective").value
        )
        support = regions.upper_bound(widths, "rank").value
        assert bounds[-1] <= support
        smaller += bounds[-1] < support
        tight += bounds[0] == count
    assert smaller > 6 and tight > 0  # the cap matters, and is sometimes reached


def test_one_layer_of_rank_r_has_the_regions_of_r_dimensions():
    """In general position the bound is reached: Zaslavsky's number in R^r, not in R^3."""
    rng = np.random.default_rng(1)
    for rank, expected in ((1, 6), (2, 16), (3, 26)):
        net = [(low_rank(rng, 5, 3, rank), rng.normal(size=5)), (np.ones((1, 5)), None)]
        assert regions.upper_bound(net, "rank").value == expected
        assert activation_regions([Hidden(*net[0], 5)], 3) == expected


def test_small_units_and_inputs_count_like_others():
    """Scaling rows or columns changes no arrangement; plain matrix_rank would drop them."""
    tiny = np.diag([1.0, 2.0**-60])
    assert np.linalg.matrix_rank(tiny) == 1
    assert rank_of(tiny) == 2
    assert values([(tiny, None), (np.ones((1, 2)), None)]) == [4] * 4
    rng = np.random.default_rng(2)
    for rank in (2, 4):
        scaled = low_rank(rng, 6, 5, rank)
        scaled *= 10.0 ** rng.uniform(-40, 40, (6, 1))
        scaled *= 10.0 ** rng.uniform(-40, 40, 5)
        assert rank_of(scaled) == rank
    assert rank_of(np.zeros((3, 2))) == 0


def test_single_precision_rounds_a_low_rank_away():
    matrix = low_rank(np.random.default_rng(3), 8, 8, 2)
    assert rank_of(matrix) == 2
    assert rank_of(matrix.astype(np.float32)) == 8


def test_masks_and_widths_alone_have_the_rank_of_almost_all_weights():
    rng = np.random.default_rng(4)
    net = [(low_rank(rng, 6, 6, 1), None), (np.ones((1, 6)), None)]
    mask = rng.random((6, 6)) < 0.7
    of_mask = regions.upper_bound([6, 6], "rank", masks=[mask]).value
    masked = {"layer1": mask}
    assert values(net, masks=masked)[-1] <= of_mask  # masking may raise the rank of the weights
    assert regions.upper_bound(net, "rank").value == 7
    assert regions.upper_bound([6, 6], "rank").value == 2**6


def test_large_matrices_keep_their_structural_rank(monkeypatch):
    net = [(low_rank(np.random.default_rng(5), 6, 6, 1), None), (np.ones((1, 6)), None)]
    monkeypatch.setattr(supports, "LARGEST", 35)
    assert regions.upper_bound(net, "rank").value == 2**6


class Residual(nn.Module):
    """The carried input keeps the image's rank; the units' rows have rank 1."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(3, 3).double(), nn.Linear(3, 2).double()

    def forward(self, x):
        return self.head(torch.relu(self.inner(x)) + x)


def test_units_of_low_rank_beside_carried_values():
    model = Residual()
    with torch.no_grad():
        model.inner.weight.copy_(torch.outer(torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 1, 2])))
    net = regions.as_network(model, (3,))
    layer = supports.supports_of_network(net, ranks=True).layers[0]
    assert layer.ranks == (1, 3)
    assert regions.upper_bound(net, "rank").value == 4
