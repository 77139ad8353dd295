"""Subspace node pruning: its algebra, its masks, and what its orders are worth."""

import copy

import numpy as np
import pytest
import torch
from scipy import linalg
from unit_examples import (
    IMAGE,
    accuracy,
    convnet,
    digits,
    digits_mlp,
    random_pairs,
    relu,
)

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.removal.gram import Gram
from regions.pruning.removal.orders import ORDERS, unit_order, unit_residuals
from regions.pruning.removal.subspace import global_counts

FIXED = [order for order in ORDERS if order != "random"]


def correlated(samples=60, units=7, seed=0):
    rng = np.random.default_rng(seed)
    return relu(rng.normal(size=(samples, units)) @ rng.normal(size=(units, units)) + 0.5)


def least_squares(rows, outputs, kept, bias):
    design = rows[:, kept]
    if bias:
        design = np.column_stack([design, np.ones(len(rows))])
    return np.linalg.lstsq(design, outputs, rcond=None)[0].T


@pytest.mark.parametrize("bias", [True, False])
def test_the_new_weights_are_the_least_squares_refit(bias):
    rows, rng = correlated(), np.random.default_rng(1)
    weight, offset = rng.normal(size=(3, 7)), rng.normal(size=3) if bias else None
    kept = np.array([True, False, True, True, False, True, False])
    outputs = rows @ weight.T + (offset if bias else 0.0)
    new, shift = Gram.of(rows).refit(weight, offset, kept)
    found = np.column_stack([new[:, kept], shift]) if bias else new[:, kept]
    expected = least_squares(rows, outputs, kept, bias)
    assert linalg.norm(found - expected) < 1e-6 * linalg.norm(expected)
    assert (new[:, ~kept] == 0).all()


@pytest.mark.parametrize("bias", [True, False])
def test_the_new_weights_are_those_of_the_triangular_factors(bias):
    gram, weight = Gram.of(correlated()), np.random.default_rng(2).normal(size=(3, 7))
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    # the constant comes first, so that it is always kept
    index = np.array([7, *order]) if bias else order
    full = np.column_stack([weight, np.arange(3.0)])[:, index]
    lower, d, _ = linalg.ldl(gram.ridged[np.ix_(index, index)], lower=True)
    np.testing.assert_allclose(lower, np.tril(lower))  # no pivoting happened
    energies = np.diag(d)[bias:]
    np.testing.assert_allclose(unit_residuals(gram, order, bias), energies, rtol=1e-8)
    for k in (1, 4, 7):
        kept = np.isin(np.arange(7), order[:k])
        new, shift = gram.refit(weight, np.arange(3.0) if bias else None, kept)
        end = k + bias
        expected = (full @ lower)[:, :end] @ linalg.inv(lower)[:end, :end]
        np.testing.assert_allclose(new[:, order[:k]], expected[:, bias:], atol=1e-9)
        if bias:
            np.testing.assert_allclose(shift, expected[:, 0], atol=1e-9)


def test_residuals_are_what_gram_schmidt_leaves():
    rows, order = correlated(seed=3), np.array([2, 5, 0, 1, 6, 3, 4])
    for bias in (True, False):
        design = np.column_stack([np.ones(len(rows)), rows[:, order]])[:, 0 if bias else 1 :]
        diagonal = np.diag(np.linalg.qr(design)[1])[int(bias) :]
        found = unit_residuals(Gram.of(rows), order, bias)
        np.testing.assert_allclose(found, diagonal**2, rtol=1e-3)


def test_the_error_is_the_sum_over_what_is_removed():
    gram, weight = Gram.of(correlated(seed=4)), np.random.default_rng(5).normal(size=(3, 7))
    order = np.random.default_rng(6).permutation(7)
    lower = linalg.cholesky(gram.ridged[np.ix_(order, order)], lower=True)
    outgoing = ((weight[:, order] @ (lower / np.diag(lower))) ** 2).sum(axis=0)
    energies = unit_residuals(gram, order, constant=False)
    exact = Gram(matrix=gram.ridged, units=gram.units)
    for k in range(8):
        kept = np.isin(np.arange(7), order[:k])
        new, _ = gram.refit(weight, None, kept)
        loss = exact.error(new - weight) * gram.samples
        np.testing.assert_allclose(loss, (energies * outgoing)[k:].sum(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_scores_of_single_units(bias):
    rows = correlated(seed=7)
    gram, weight = Gram.of(rows), np.random.default_rng(8).normal(size=(3, 7))
    errors, left = [], []
    for unit in range(7):
        kept = np.arange(7) != unit
        new, shift = gram.refit(weight, np.zeros(3) if bias else None, kept)
        errors.append(gram.error(new - weight, shift))
        design = np.column_stack([rows[:, kept], np.ones(len(rows))])[:, : 6 + bias]
        left.append(np.linalg.lstsq(design, rows[:, unit], rcond=None)[1][0])
    # optimal brain surgeon for a unit: the error of removing it alone, after the refit
    assert unit_order(gram, "obs", weight.T, bias).tolist() == np.argsort(errors)[::-1].tolist()
    assert unit_order(gram, "residual", weight.T, bias).tolist() == np.argsort(left)[::-1].tolist()
    sums = np.abs(weight).sum(axis=0)
    assert unit_order(gram, "weight-sum", weight.T, bias)[0] == np.argmax(sums)
    assert unit_order(gram, "energy", weight.T, bias)[0] == np.argmax((rows**2).sum(axis=0))


def test_pivoted_qr_takes_the_largest_residual_at_every_step():
    rows = correlated(seed=9)
    gram = Gram.of(rows)
    order = unit_order(gram, "qr", np.ones((7, 1)), constant=False)
    found = unit_residuals(gram, order, constant=False)
    assert (np.diff(found) <= 1e-9).all()
    np.testing.assert_array_equal(order, linalg.qr(rows, mode="r", pivoting=True)[1])


def test_the_decorrelator_has_a_unit_diagonal_and_decorrelates():
    gram = Gram.of(correlated(seed=10))
    inverse_root = np.real(linalg.inv(linalg.sqrtm(gram.given_constant())))
    symmetric = inverse_root / np.diag(inverse_root)[:, None]
    white = symmetric @ gram.given_constant() @ symmetric.T
    np.testing.assert_allclose(white, np.diag(np.diag(white)), atol=1e-8 * white.max())
    expected = np.argsort(-np.diag(white), kind="stable")
    np.testing.assert_array_equal(unit_order(gram, "decorrelator", np.ones((7, 1))), expected)


@pytest.mark.parametrize("order", FIXED)
def test_renaming_units_renames_the_result(order):
    pairs, turn = random_pairs([5, 9, 7, 3], seed=11), np.random.default_rng(12).permutation(9)
    (w1, b1), (w2, b2), last = pairs
    turned = [(w1[turn], b1[turn]), (w2[:, turn], b2), last]
    points = np.random.default_rng(13).normal(size=(80, 5))
    prune = {"criterion": "subspace", "inputs": points, "order": order}
    one, two = (regions.prune(p, {"layer1": 0.5, "layer2": 0.6}, **prune) for p in (pairs, turned))
    np.testing.assert_array_equal(two["layer1"], one["layer1"][turn])
    np.testing.assert_array_equal(two["layer2"], one["layer2"][:, turn])
    first, second = (
        regions.as_network(m.apply(p))(points) for m, p in ((one, pairs), (two, turned))
    )
    np.testing.assert_allclose(first, second, atol=1e-8)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("model", [random_pairs([5, 9, 7, 3], seed=14), "convnet"])
def test_keeping_all_units_changes_nothing(order, model):
    shape = IMAGE if model == "convnet" else (5,)
    model = convnet() if model == "convnet" else model
    points = np.random.default_rng(15).normal(size=(50, *shape))
    masks = regions.prune(model, 1.0, "subspace", inputs=points, order=order, input_shape=shape)
    net = regions.as_network(model, shape)
    assert masks.total_density == 1.0
    np.testing.assert_allclose(masks.apply(net)(points), net(points), atol=1e-9)


def test_removed_units_lose_their_rows_and_columns_and_nothing_else():
    model = convnet()
    before = copy.deepcopy(model.state_dict())
    points = np.random.default_rng(16).normal(size=(60, *IMAGE))
    densities = {"0": 0.5, "3": 0.4, "7": 0.5}
    masks = regions.prune(
        model, densities, "subspace", inputs=points, order="qr", input_shape=IMAGE
    )
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    kept = {name: masks[name].reshape(len(masks[name]), -1).any(axis=1) for name in masks}
    assert [int(kept[name].sum()) for name in ("0", "3", "7", "9")] == [2, 2, 3, 3]
    first, second, third = (
        np.outer(kept[b], kept[a]) for a, b in (("0", "3"), ("3", "7"), ("7", "9"))
    )
    np.testing.assert_array_equal(masks["3"], np.broadcast_to(first[..., None, None], (5, 4, 3, 3)))
    np.testing.assert_array_equal(masks["7"], np.repeat(second, 4, axis=1))
    np.testing.assert_array_equal(masks["9"], third)
    assert set(masks.repaired) == {f"{n}.{k}" for n in ("3", "7", "9") for k in ("weight", "bias")}


def test_masked_is_removed():
    """A network physically without the units computes the same, biases and norms included."""
    model = convnet(seed=17)
    points = np.random.default_rng(18).normal(size=(60, *IMAGE))
    masks = regions.prune(model, {"0": 0.5, "3": 0.6}, "subspace", inputs=points, input_shape=IMAGE)
    pruned = masks.apply(copy.deepcopy(model), "zeros")
    small = convnet(channels=2)
    small[3], small[7] = torch.nn.Conv2d(2, 3, 3, 2, 1, 2), torch.nn.Linear(12, 6)
    one, two = (np.flatnonzero(masks[n].reshape(len(masks[n]), -1).any(axis=1)) for n in "03")
    take = {"0.weight": (one,), "3.weight": (two, one), "3.bias": (two,)}
    take |= {f"1.{k}": (one,) for k in ("weight", "bias", "running_mean", "running_var")}
    take["7.weight"] = (np.arange(6), (4 * two[:, None] + np.arange(4)).ravel())
    state = {
        name: value[np.ix_(*take[name])] if name in take else value
        for name, value in pruned.state_dict().items()
    }
    small.double().eval().load_state_dict(state)
    x = torch.tensor(points)
    torch.testing.assert_close(small(x), pruned(x))


def test_conv_refits_are_least_squares_on_patches():
    model = convnet(seed=19)
    points = np.random.default_rng(20).normal(size=(40, *IMAGE))
    masks = regions.prune(model, {"0": 0.5}, "subspace", inputs=points, input_shape=IMAGE)
    kept = masks["0"].reshape(4, -1).any(axis=1)
    with torch.no_grad():
        before = model[:3](torch.tensor(points))
        patches = torch.nn.functional.unfold(before, 3, dilation=2, padding=1, stride=2)
        outputs = model[3](before).flatten(2).transpose(1, 2).reshape(-1, 5).numpy()
    rows = patches.transpose(1, 2).reshape(-1, 36).numpy()
    expected = least_squares(rows, outputs, np.repeat(kept, 9), bias=True)
    found = masks.repaired["3.weight"].reshape(5, -1)[:, np.repeat(kept, 9)]
    found = np.column_stack([found, masks.repaired["3.bias"]])
    assert linalg.norm(found - expected) < 1e-5 * linalg.norm(expected)


def test_residual_networks_are_pruned_inside_their_blocks(residual):
    model = residual()
    points = np.random.default_rng(21).normal(size=(50, 1, 8, 8))
    net = regions.as_network(model, (1, 8, 8))
    with pytest.raises(UnsupportedModelError, match=r"'right' cannot be removed.*'stem', 'left'"):
        regions.prune(model, 0.5, "subspace", inputs=points, input_shape=(1, 8, 8))
    densities = {"stem": 0.67, "left": 0.34}
    errors = {}
    for refit in (True, False):
        masks = regions.prune(
            model, densities, "subspace", inputs=points, refit=refit, input_shape=(1, 8, 8)
        )
        # the stem is read by two convolutions
        gone = ~masks["stem"].reshape(3, -1).any(axis=1)
        assert gone.sum() == 1 and not masks["left"][:, gone].any() | masks["short"][:, gone].any()
        errors[refit] = np.square(masks.apply(net)(points) - net(points)).mean()
    assert errors[True] < 0.5 * errors[False]


def test_biases_that_are_not_there_are_not_refitted():
    model = random_pairs([4, 8, 6, 2], seed=22, bias=False)
    points = np.random.default_rng(23).normal(size=(50, 4))
    masks = regions.prune(model, 0.5, "subspace", inputs=points)
    assert set(masks.repaired) == {"layer2.weight", "output.weight"}
    assert all(bias is None for _, bias in masks.apply(model))


def test_one_cut_for_all_layers():
    residuals = {"a": np.array([5.0, 3.0, 1.0, 1.0]), "b": np.ones(5), "c": np.array([9.0, 1.0])}
    for total in range(3, 12):
        counts = global_counts(residuals, total)
        assert sum(counts.values()) == total
        shares = {n: np.cumsum(d) / d.sum() for n, d in residuals.items()}
        # some share of the energy is met by every layer, and by no layer with one unit less
        met = min(shares[n][k - 1] for n, k in counts.items())
        short = max(shares[n][k - 2] if k > 1 else 0.0 for n, k in counts.items())
        assert short < met + 1e-12
    assert global_counts(residuals, 1) == {"a": 1, "b": 1, "c": 1}


def test_global_scope_keeps_that_share_of_all_units():
    model = random_pairs([4, 20, 10, 2], seed=24)
    points = np.random.default_rng(25).normal(size=(90, 4))
    masks = regions.prune(model, 0.5, "subspace", scope="global", inputs=points, order="qr")
    kept = [int(masks[name].any(axis=1).sum()) for name in ("layer1", "layer2")]
    assert sum(kept) == 15 and kept != [10, 5]


def test_kept_hyperplanes_of_the_first_layer_are_a_subset():
    model = random_pairs([2, 12, 1], seed=26)
    points = np.random.default_rng(27).normal(size=(50, 2))
    masks = regions.prune(model, 0.5, "subspace", inputs=points)
    pruned, kept = masks.apply(model), masks["layer1"].any(axis=1)
    assert kept.sum() == 6
    np.testing.assert_array_equal(pruned[0][0][kept], model[0][0][kept])
    np.testing.assert_array_equal(pruned[0][1], model[0][1])
    box = regions.Box.cube(2, -2.0, 2.0)
    counts = [regions.count_regions(m, box).count for m in (model, pruned)]
    alone = [(model[0][0][kept], model[0][1][kept]), (np.ones((1, 6)), None)]
    assert counts[1] == regions.count_regions(alone, box).count < counts[0]


def test_the_refit_is_the_whole_effect():
    images, _, _, _ = digits()
    pairs = digits_mlp(128)
    for order in ORDERS:
        masks = {
            refit: regions.prune(
                pairs, {"layer1": 1 / 8}, "subspace", inputs=images, order=order, refit=refit
            )
            for refit in (True, False)
        }
        assert masks[True].arrays.keys() == masks[False].arrays.keys()
        refitted, plain = (accuracy(masks[refit].apply(pairs)) for refit in (True, False))
        assert refitted > plain + 0.1


def test_the_published_order_is_worse_than_random_at_hard_pruning():
    images, _, _, _ = digits()
    mean = {}
    for order in ("residual", "decorrelator", "energy", "qr", "random"):
        found = []
        for seed in range(3):
            for draw in range(4 if order == "random" else 1):
                masks = regions.prune(
                    digits_mlp(128, seed),
                    {"layer1": 8 / 128},
                    "subspace",
                    inputs=images,
                    order=order,
                    rng=draw,
                )
                found.append(accuracy(masks.apply(digits_mlp(128, seed))))
        mean[order] = np.mean(found)
    zca = max(mean["residual"], mean["decorrelator"])
    assert zca < mean["random"] < min(mean["energy"], mean["qr"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ArgumentError, r"give inputs=.*\(samples, \*\(3,\)\)"),
        ({"inputs": np.zeros((0, 3))}, ArgumentError, "at least one sample"),
        ({"inputs": np.zeros((5, 4))}, ArgumentError, r"shape \(5, 4\)"),
        ({"inputs": np.full((5, 3), np.nan)}, ArgumentError, "NaN"),
        ({"inputs": "digits"}, ArgumentError, "array of numbers"),
        ({"inputs": np.ones((5, 3)), "order": "luck"}, ArgumentError, "luck"),
        ({"inputs": np.ones((5, 3)), "rule": "average"}, ArgumentError, "does not know the option"),
    ],
)
def test_wrong_calls_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        regions.prune(random_pairs([3, 4, 2]), 0.5, "subspace", **options)


def test_output_units_are_never_removed():
    model, points = random_pairs([3, 4, 2]), np.ones((5, 3))
    with pytest.raises(UnsupportedModelError, match="gives outputs"):
        regions.prune(model, {"output": 0.5}, "subspace", inputs=points)
    with pytest.raises(UnsupportedModelError, match="gives outputs"):
        regions.prune(model, 0.5, "subspace", prune_output=True, inputs=points)


def test_models_without_an_exact_description_are_refused():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with pytest.raises(UnsupportedModelError, match=r"only the wiring is known.*Tanh"):
        regions.prune(model, 0.5, "subspace", inputs=np.ones((5, 3)))
