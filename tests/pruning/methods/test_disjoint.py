"""Masks of disjoint paths: the flow is optimal, every weight counts, units and inputs spread."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import structural_rank

import regions
from regions.errors import BudgetError
from regions.pruning.methods.disjoint import path_count
from regions.pruning.methods.disjoint_paths import heaviest_disjoint_paths
from regions.pruning.methods.spread import spread


def total(scores, edges):
    return sum(matrix[pair].sum() for matrix, pair in zip(scores, edges, strict=True))


def best_by_hand(scores, count):
    """Return the largest score of `count` disjoint paths, over all of them."""
    widths = [scores[0].shape[1], *(matrix.shape[0] for matrix in scores)]
    layers = [list(itertools.permutations(range(width), count)) for width in widths]
    best = -np.inf
    for first in itertools.combinations(range(widths[0]), count):
        for rest in itertools.product(*layers[1:]):
            units = [first, *rest]
            value = sum(
                matrix[list(above), list(below)].sum()
                for matrix, (below, above) in zip(scores, itertools.pairwise(units), strict=True)
            )
            best = max(best, value)
    return best


@pytest.mark.parametrize("seed", range(8))
def test_paths_are_the_heaviest(seed):
    rng = np.random.default_rng(seed)
    scores = [rng.normal(size=(3, 4)), rng.normal(size=(4, 3))]
    for count in (1, 2, 3):
        edges = heaviest_disjoint_paths(scores, count)
        assert total(scores, edges) == pytest.approx(best_by_hand(scores, count))
        for below, above in itertools.pairwise(edges):
            assert sorted(below[0]) == sorted(above[1]) and len(set(below[0])) == count


def test_one_level_is_an_assignment_also_beyond_the_partners_looked_at():
    scores = np.random.default_rng(0).normal(size=(60, 70))
    rows, cols = linear_sum_assignment(scores, maximize=True)
    edges = heaviest_disjoint_paths([scores], 60)
    assert total([scores], edges) == pytest.approx(scores[rows, cols].sum())
    # control: taking each unit's best partner would meet in some unit
    assert len(set(scores.argmax(axis=1))) < 60


def test_paths_may_share_their_ends_only_where_told():
    scores = [np.array([[2.0, 1.0]])]
    assert len(heaviest_disjoint_paths(scores, 2, share=2)[0][0]) == 2
    with pytest.raises(BudgetError, match="share no unit"):
        heaviest_disjoint_paths(scores, 2)


def objective(weights, mask):
    return (np.where(mask, weights**2, 0.0).sum(axis=0) ** 0.75).sum()


@pytest.mark.parametrize("seed", range(5))
def test_spread_is_near_the_best_with_its_quotas(seed):
    rng = np.random.default_rng(seed)
    weights, none = rng.normal(size=(2, 5)), np.zeros((2, 5), dtype=bool)
    mask = spread(weights, 4, none, ~none)
    assert mask.sum(axis=1).tolist() == [2, 2]
    pairs = list(itertools.combinations(range(5), 2))
    best = 0.0
    for one, two in itertools.product(pairs, repeat=2):
        trial = none.copy()
        trial[0, list(one)] = trial[1, list(two)] = True
        best = max(best, objective(weights, trial))
    assert (1 - 1 / np.e) * best <= objective(weights, mask) <= best + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_spread_takes_the_entry_of_largest_gain_each_time(seed):
    rng = np.random.default_rng(seed)
    weights, count = rng.normal(size=(6, 9)), 20
    allowed = rng.random(weights.shape) < 0.8
    mask = np.zeros_like(allowed)
    for quota in (count // 6, count // 6 + 1, 9):
        while mask.sum() < count:
            held = np.where(mask, weights**2, 0.0).sum(axis=0)
            gains = (held + weights**2) ** 0.75 - held**0.75
            free = allowed & ~mask & (mask.sum(axis=1) < quota)[:, None]
            if not free.any():
                break
            mask.ravel()[np.argmax(np.where(free, gains, -1.0))] = True
    assert np.array_equal(spread(weights, count, np.zeros_like(mask), allowed), mask)


def test_spread_keeps_what_it_starts_from_and_puts_positive_weights_first():
    weights = np.array([[-3.0, 1.0, 2.0], [5.0, -1.0, -2.0]])
    none = np.zeros((2, 3), dtype=bool)
    start = none.copy()
    start[1, 1] = True
    mask = spread(weights, 3, start, ~none, first=weights > 0)
    assert mask[1, 1] and mask.sum() == 3 and mask[0, 2]
    with pytest.raises(BudgetError, match="only 1 of them"):
        spread(weights, 2, start, none)


@settings(max_examples=40, deadline=None)
@given(
    widths=st.lists(st.integers(2, 14), min_size=3, max_size=6),
    density=st.sampled_from([0.03, 0.1, 0.3, 0.6]),
    seed=st.integers(0, 99),
)
def test_every_weight_counts_and_budgets_are_met(widths, density, seed):
    rng = np.random.default_rng(seed)
    model = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in itertools.pairwise(widths)]
    try:
        allocation = regions.allocate(model, density, "disjoint")
        masks = regions.prune(model, allocation, "disjoint")
    except BudgetError:
        return
    assert masks.counts == allocation.counts
    effective = masks.effective().weights
    pruned = [name for name in list(masks)[:-1] if not masks[name].all()]
    assert all(effective[name] == masks.counts[name] for name in pruned)


def disjoint_masks(pairs, widths=(60, 30, 30, 4), density=0.02, seed=0):
    model = pairs(list(widths), seed)
    return model, regions.prune(model, density, "disjoint", scope="global")


def test_units_in_use_are_as_many_as_disjoint_paths(pairs):
    model, masks = disjoint_masks(pairs)
    paths = path_count(sum(list(masks.counts.values())[:-1]), 2, 30)
    units = masks.effective().units
    assert set(units.values()) == {paths}
    product = masks["layer2"].astype(int) @ masks["layer1"].astype(int)
    assert structural_rank(csr_array(product)) == paths
    # control: repaired magnitude pruning at the same budgets gathers at fewer units
    repaired = regions.prune(model, masks, repair=True).effective()
    assert max(repaired.units.values()) < paths
    assert repaired.inputs < masks.effective().inputs


def test_paths_are_excitatory_and_no_unit_can_be_switched_off(pairs):
    for seed in range(5):
        model, masks = disjoint_masks(pairs, seed=seed)
        assert (model[1][0][masks["layer2"]] > 0).all()
    repaired = regions.prune(model, masks, repair=True)
    assert (model[1][0][repaired["layer2"]] < 0).any()  # control


def test_inhibitory_weights_are_used_where_there_are_no_others(pairs):
    model = pairs([20, 6, 6, 3])
    model[1] = (-np.abs(model[1][0]), model[1][1])
    masks = regions.prune(model, 0.1, "disjoint", scope="global")
    assert masks.effective().units["layer2"] > 0


@pytest.mark.parametrize("seed", range(3))
def test_renaming_units_renames_the_masks(pairs, seed):
    rng = np.random.default_rng(seed)
    (w1, b1), (w2, b2), (w3, b3) = pairs([30, 12, 12, 3], seed)
    one, two = rng.permutation(12), rng.permutation(12)
    renamed = [(w1[one], b1[one]), (w2[two][:, one], b2[two]), (w3[:, two], b3)]
    plain = regions.prune([(w1, b1), (w2, b2), (w3, b3)], 0.1, "disjoint", scope="global")
    moved = regions.prune(renamed, 0.1, "disjoint", scope="global")
    assert np.array_equal(plain["layer1"][one], moved["layer1"])
    assert np.array_equal(plain["layer2"][two][:, one], moved["layer2"])


def test_the_number_of_paths_is_an_option(pairs):
    model = pairs([40, 20, 20, 3])
    masks = regions.prune(model, {"layer1": 0.05, "layer2": 0.05}, "disjoint", paths=7)
    assert set(masks.effective().units.values()) == {7}


@pytest.mark.parametrize("paths", [0, 21, 10**6])
def test_paths_without_room_are_refused_not_lowered(pairs, paths):
    counts = {"layer1": 0.05, "layer2": 0.05}
    with pytest.raises(BudgetError, match=f"paths is {paths}, .* room for 1 to 20"):
        regions.prune(pairs([40, 20, 20, 3]), counts, "disjoint", paths=paths)


def test_paths_whose_units_have_no_room_for_the_weights_are_refused(pairs):
    counts = {"layer1": 0.5, "layer2": 0.5}
    with pytest.raises(BudgetError):
        regions.prune(pairs([40, 20, 20, 3]), counts, "disjoint", paths=2)
    without = regions.prune(pairs([40, 20, 20, 3]), counts, "disjoint")
    assert without.effective().units == {"layer1": 20, "layer2": 20}


def test_deep_networks_read_two_units_below_each():
    shapes = [60, 30, 30, 30, 3]
    counts = regions.allocate(shapes, 0.02, "disjoint").counts
    assert counts["layer2"] == counts["layer3"] == 2 * path_count(72, 3, 30)


def test_convolutions_and_layers_kept_whole():
    pytest.importorskip("torch")
    from regions.training import build_model

    model = build_model("lenet5", (1, 28, 28), 10)
    shape = (1, 28, 28)
    allocation = regions.allocate(
        model, 0.002, "disjoint", skip=("conv1", "conv2"), input_shape=shape
    )
    masks = regions.prune(model, allocation, "disjoint", input_shape=shape)
    effective = masks.effective()
    assert all(effective.weights[name] == masks.counts[name] for name in ("fc1", "fc2"))
    # fc1 reads activations: each of its units has a positive weight
    weight = model.fc1.weight.detach().numpy()
    used = masks["fc1"].any(axis=1)
    assert (masks["fc1"] & (weight > 0)).any(axis=1)[used].all()
    everything = regions.prune(model, 0.01, "disjoint", scope="global", input_shape=shape)
    kept = everything.effective()
    assert all(kept.weights[name] == everything.counts[name] for name in list(everything)[:-1])


# masks as they were before networks with branches were taken too
CHAINS = {
    ((60, 30, 30, 4), 0.02, 0): "1ca7539e3000af01",
    ((60, 30, 30, 4), 0.1, 0): "6db4828f8affd682",
    ((60, 30, 30, 4), 0.02, 1): "c94f81a34cde8c3e",
}


@pytest.mark.parametrize("widths, density, seed", CHAINS)
def test_masks_of_chains_are_the_same_to_the_byte(pairs, widths, density, seed):
    _, masks = disjoint_masks(pairs, widths, density, seed)
    digest = hashlib.sha256(b"".join(masks[name].tobytes() for name in masks)).hexdigest()
    assert digest[:16] == CHAINS[widths, density, seed]
