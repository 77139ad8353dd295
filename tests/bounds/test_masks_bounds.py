"""Bounds of one mask: never below exact counts of tiny sparse networks, in the right order."""

import itertools
import math

import numpy as np
import pytest
from bounds_oracle import Hidden, activation_regions, affine_pieces, mlp
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.bounds.activation import activation_count
from regions.bounds.on_mask import log2_on_mask
from regions.bounds.recursion import exact_count
from regions.bounds.supports import Support, Supports, fed, feeding, supports_of_masks
from regions.bounds.upper import RECURSIONS

ON_MASK = ("activation", "live", "rows", "rank")


def draw_masks(rng, widths, density):
    return [rng.random((b, a)) < density for a, b in itertools.pairwise(widths)]


def draw_widths(rng, inputs=4, layers=4):
    return [
        int(rng.integers(1, inputs)),
        *rng.integers(2, 5, size=rng.integers(1, layers)).tolist(),
    ]


def values(target, kinds, **options):
    return [regions.upper_bound(target, kind, **options).value for kind in kinds]


def supports_of_hidden(layers, with_signs):
    return Supports(
        input_size=layers[0].matrix.shape[1],
        layers=tuple(
            Support(
                matrix=signed(h.matrix),
                units=h.units,
                slope=h.slope,
                bias=h.bias if with_signs else None,
            )
            for h in layers
        ),
    )


def signed(matrix):
    support = supports_of_masks([matrix]).layers[0].matrix.astype(float)
    support.data[:] = matrix[support.nonzero()]
    return support


def test_exact_counts_of_sparse_networks_stay_below_every_bound():
    rng = np.random.default_rng(0)
    strict = 0
    for _ in range(25):
        widths = draw_widths(rng)
        masks = draw_masks(rng, widths, rng.uniform(0.2, 0.9))
        layers = mlp(rng, masks)
        output = rng.normal(size=(1, widths[-1])) * (rng.random((1, widths[-1])) < 0.7)
        net = [*((layer.matrix, layer.bias) for layer in layers), (output, None)]
        count = activation_regions(layers, widths[0])
        pieces = affine_pieces(layers, output, widths[0])
        for bounds in (values(net, ON_MASK), values(widths, ON_MASK, masks=masks)):
            assert [count, *bounds] == sorted([count, *bounds])
            assert bounds[-1] <= regions.upper_bound(widths).value
        effective = regions.upper_bound(net, "effective")
        assert pieces <= effective.value <= regions.upper_bound(net, "live").value
        assert effective.bounds == "affine pieces"
        strict += pieces < count
    assert strict > 8  # the two counts really differ here


def test_leaky_units_do_not_lose_dimensions():
    rng = np.random.default_rng(1)
    for _ in range(12):
        widths = draw_widths(rng, inputs=3, layers=4)
        masks = draw_masks(rng, widths, rng.uniform(0.4, 1.0))
        layers = mlp(rng, masks, slope=0.1)
        count = activation_regions(layers, widths[0])
        supports = supports_of_hidden(layers, with_signs=bool(rng.integers(2)))
        assert count <= activation_count(supports, widths[0])
        assert count <= exact_count(RECURSIONS["live"](supports), widths[0])


def test_the_relu_bound_would_be_wrong_for_leaky_units():
    """Slope -1 folds four quadrants onto one; two lines that cross there make 16 regions."""
    layers = [
        Hidden(np.eye(2), np.zeros(2), 2, -1.0),
        Hidden(np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([0.0, -1.0]), 2, -1.0),
    ]
    supports = supports_of_hidden(layers, with_signs=True)
    assert activation_regions(layers, 2) == 16
    assert exact_count(RECURSIONS["live"](supports), 2) == activation_count(supports, 2) == 16
    assert regions.upper_bound([2, 2, 2], "live").value == 11


def residual(rng, width, density):
    """x -> relu(A x), then relu(B relu(A x) + x): x is carried past the first ReLU."""
    first = np.vstack([rng.normal(size=(width, 2)) * (rng.random((width, 2)) < density), np.eye(2)])
    second = np.hstack(
        [
            rng.normal(size=(3, width)) * (rng.random((3, width)) < density),
            rng.normal(size=(3, 2)),
        ]
    )
    bias = np.concatenate([rng.normal(size=width), np.zeros(2)])
    return [Hidden(first, bias, width), Hidden(second, rng.normal(size=3), 3)]


@pytest.mark.parametrize("with_signs", [False, True])
def test_carried_coordinates_keep_dimensions(with_signs):
    rng = np.random.default_rng(2)
    for _ in range(12):
        layers = residual(rng, int(rng.integers(1, 4)), rng.uniform(0.2, 1.0))
        count = activation_regions(layers, 2)
        supports = supports_of_hidden(layers, with_signs)
        bounds = [exact_count(RECURSIONS[kind](supports), 2) for kind in ("live", "rows", "rank")]
        bounds.insert(0, activation_count(supports, 2))
        assert [count, *bounds] == sorted([count, *bounds])


def test_forgetting_carried_coordinates_would_be_wrong():
    """One dead unit, and three hyperplanes in the carried plane: 7 regions, not 1."""
    first = np.vstack([np.zeros((1, 2)), np.eye(2)])
    second = np.hstack([np.zeros((3, 1)), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])])
    layers = [Hidden(first, np.array([-1.0, 0, 0]), 1), Hidden(second, np.array([0, 0, 1.0]), 3)]
    assert activation_regions(layers, 2) == 7
    assert exact_count(RECURSIONS["live"](supports_of_hidden(layers, True)), 2) == 7


widths_and_density = st.tuples(
    st.lists(st.integers(1, 9), min_size=2, max_size=5), st.floats(0.05, 0.9), st.integers(0, 10**6)
)


@given(widths_and_density)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_order_on_random_masks(case):
    widths, density, seed = case
    masks = draw_masks(np.random.default_rng(seed), widths, density)
    bounds = values(widths, (*ON_MASK, "serra"), masks=masks)
    assert bounds == sorted(bounds)
    assert values(widths, ["effective"], masks=masks)[0] <= bounds[1]


@given(widths_and_density)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_logarithms_agree_with_integers(case):
    widths, density, seed = case
    masks = draw_masks(np.random.default_rng(seed), widths, density)
    supports = supports_of_masks(masks)
    for kind in (*ON_MASK, "effective"):
        exact = regions.upper_bound(widths, kind, masks=masks).value
        assert log2_on_mask(supports, kind) == pytest.approx(math.log2(exact), abs=1e-10)


@given(widths_and_density)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_pruning_more_never_raises_a_bound(case):
    widths, density, seed = case
    rng = np.random.default_rng(seed)
    masks = draw_masks(rng, widths, density)
    fewer = [mask & (rng.random(mask.shape) < 0.7) for mask in masks]
    kinds = (*ON_MASK, "effective")
    for before, after in zip(
        values(widths, kinds, masks=masks), values(widths, kinds, masks=fewer), strict=True
    ):
        assert after <= before


def test_full_masks_reproduce_serra_and_empty_masks_one_region():
    widths = [4, 5, 3, 6]
    kinds = (*ON_MASK, "effective")
    full = [np.ones((b, a)) for a, b in itertools.pairwise(widths)]
    serra = regions.upper_bound(widths).value
    assert values(widths, kinds, masks=full) == values(widths, kinds) == [serra] * 5
    empty = [np.zeros_like(mask) for mask in full]
    assert values(widths, kinds, masks=empty) == [1, 1, 1, 1, 1]


def test_dead_ends_by_hand():
    """Two of three first-layer units are fed; one of them feeds nothing."""
    first = np.array([[1, 1], [1, 0], [0, 0]], dtype=bool)
    second = np.array([[1, 0, 1]], dtype=bool)
    supports = supports_of_masks([first, second])
    assert [state.tolist() for state in fed(supports)] == [[True] * 2, [True, True, False], [True]]
    assert [state.tolist() for state in feeding(supports)] == [
        [True] * 2,
        [True, False, True],
        [True],
    ]
    # rows, live: 2 units in the plane and one after it; effective: a chain of two units
    assert values([2, 3, 1], ("rows", "live", "effective"), masks=[first, second]) == [7, 7, 3]
    ends = supports_of_masks([first], output=second)
    assert log2_on_mask(ends, "effective") == 1.0
    assert log2_on_mask(ends, "live") == 2.0


def test_constant_units_feed_nothing():
    """Unit 2 is empty; the only input of the next layer is that constant."""
    masks = [np.array([[1, 1], [0, 0]], dtype=bool), np.array([[0, 1], [0, 1]], dtype=bool)]
    assert values([2, 2, 2], ("live", "rows"), masks=masks) == [2, 4]


def test_few_active_units_leave_few_unstable_units():
    """A diagonal second layer: with j units off, only the others can split."""
    widths, masks = [3, 3, 3], [np.ones((3, 3), dtype=bool), np.eye(3, dtype=bool)]
    assert values(widths, ("activation", "live"), masks=masks)[0] == 27
    assert values(widths, ("activation", "live"), masks=masks)[1] > 27


def test_units_that_cannot_switch_are_not_counted():
    """Non-negative weights and biases after a ReLU: the second layer is always active."""
    positive = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
    net = [(np.eye(2), np.zeros(2)), (positive, np.ones(3)), (np.ones((1, 3)), None)]
    assert values(net, ("activation", "live")) == [4, regions.upper_bound([2, 2, 3]).value]
    flipped = [net[0], (-positive, -np.ones(3)), net[2]]
    assert values(flipped, ["activation"]) == [4]


def test_mean_bounds_of_random_masks_of_the_published_network():
    """784-100-100-10 at density .001, logits dense and counted: 149.5, 73.4, 67.7 within noise."""
    rng = np.random.default_rng(0)
    logits = np.ones((10, 100), dtype=bool)
    drawn = [[*draw_masks(rng, [784, 100, 100], 0.001), logits] for _ in range(60)]
    for kind, published in (("rank", 149.5), ("rows", 73.4), ("live", 67.7)):
        found = [log2_on_mask(supports, kind) for supports in map(supports_of_masks, drawn)]
        error = np.std(found, ddof=1) * math.sqrt(1 / 60 + 1 / 25)
        assert np.mean(found) == pytest.approx(published, abs=4 * error)


def test_subspace_caps_the_first_rank_only():
    rng = np.random.default_rng(4)
    masks = draw_masks(rng, [30, 6, 5], 0.2)
    layers = mlp(rng, masks)
    basis = rng.normal(size=(30, 2))
    on_plane = [Hidden(layers[0].matrix @ basis, layers[0].bias, 6), layers[1]]
    bound = regions.upper_bound([30, 6, 5], "live", masks=masks, dim=2)
    assert activation_regions(on_plane, 2) <= bound.value
    assert bound.dim == 2


def test_long_integers_stay_exact():
    """Values far above 2^64: all mask kinds of full layers are Serra's integer."""
    widths = [40, 70, 60, 10]
    serra = regions.upper_bound(widths)
    assert serra.log2 > 100
    assert values(widths, (*ON_MASK, "effective")) == [serra.value] * 5
