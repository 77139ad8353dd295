import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.counts import apportion


def test_counts_are_exact_and_the_output_layer_is_whole(pairs):
    net = pairs([784, 100, 100, 10])
    for density, total in ((0.01, 884), (0.005, 442), (0.0025, 221), (0.001, 88), (0.0001, 9)):
        masks = regions.prune(net, density)
        assert masks.counts["layer1"] + masks.counts["layer2"] == total
        assert masks["output"].all()
    assert regions.prune(net, 0.1, prune_output=True).counts["output"] == 100


def test_magnitude_keeps_the_largest(pairs):
    net = pairs([7, 6, 5])
    masks = regions.prune(net, {"layer1": 0.4, "output": 0.3})
    for name, (weight, _) in zip(masks, net, strict=True):
        size = np.abs(weight)
        assert size[masks[name]].min() > size[~masks[name]].max()
    assert masks.counts == {"layer1": 17, "output": 9}


def test_global_scope_compares_layers(pairs):
    net = pairs([7, 6, 5, 4])
    net[1] = (net[1][0] * 100, net[1][1])
    with pytest.warns(UserWarning, match="layer1"):  # it keeps nothing of that layer
        masks = regions.prune(net, 0.3, scope="global")
    assert masks.counts["layer2"] > masks.counts["layer1"]
    sizes = np.concatenate([np.abs(net[i][0]).ravel() for i in (0, 1)])
    kept = np.concatenate([masks[name].ravel() for name in ("layer1", "layer2")])
    assert kept.sum() == round(0.3 * 72) and sizes[kept].min() > sizes[~kept].max()


def test_ties_go_to_the_earlier_weight():
    net = [(np.ones((2, 3)), None), (np.ones((2, 2)), None)]
    assert regions.prune(net, {"layer1": 0.5})["layer1"].tolist() == [[True] * 3, [False] * 3]
    with pytest.warns(UserWarning, match="output"):
        masks = regions.prune(net, 0.6, scope="global", prune_output=True)
    assert masks["layer1"].all() and not masks["output"].any()


def test_random_masks_are_seeded_and_uniform(pairs):
    net = pairs([5, 4, 2])
    one = regions.prune(net, 0.5, criterion="random", rng=1)
    assert one == regions.prune(net, 0.5, criterion="random", rng=1)
    draws = [regions.prune(net, 0.5, criterion="random", rng=s)["layer1"] for s in range(400)]
    assert np.abs(np.mean(draws, axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(400)


def test_the_model_and_global_randomness_are_untouched(mlp):
    model = mlp([6, 5, 3]).train()
    before = copy.deepcopy(model.state_dict())
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for criterion in ("magnitude", "random"):
        for repair in (False, True):
            regions.prune(model, 0.3, criterion, repair)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_pruning_a_pruned_model_keeps_what_is_left(mlp):
    model = mlp([8, 6, 3])
    first = regions.prune(model, 0.5)
    first.apply(model)
    again = regions.prune(model, 0.2)
    assert not (again["0"] & ~first["0"]).any()


def test_masks_stand_for_their_counts(pairs):
    net = pairs([8, 6, 4, 2])
    masks = regions.prune(net, 0.3, scope="global")
    control = regions.prune(net, masks, criterion="random")
    assert control.counts == masks.counts and control != masks


def test_a_criterion_may_be_a_function(pairs):
    net = pairs([4, 3, 2])

    def smallest(request):
        return {name: -np.abs(weight) for name, weight in request.weights.items()}

    masks = regions.prune(net, {"layer1": 0.5}, criterion=smallest)
    size = np.abs(net[0][0])
    assert size[masks["layer1"]].max() < size[~masks["layer1"]].min()


def test_convolutions_are_pruned_with_exact_counts(residual):
    masks = regions.prune(residual(), 0.25, input_shape=(1, 8, 8))
    sizes = masks.sizes
    assert sum(masks.counts[n] for n in list(masks)[:-1]) == round(
        0.25 * sum(sizes[n] for n in list(masks)[:-1])
    )
    assert masks["head"].all()


@settings(deadline=None, max_examples=80, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    fraction=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_apportion_meets_the_total_within_limits(sizes, fraction, seed):
    rng = np.random.default_rng(seed)
    most = {str(i): size for i, size in enumerate(sizes)}
    least = {name: int(rng.integers(0, size + 1)) for name, size in most.items()}
    low, high = sum(least.values()), sum(sizes)
    total = low + int(fraction * (high - low))
    shares = {name: float(rng.random()) for name in most}
    counts = apportion(shares, most, total, least)
    assert sum(counts.values()) == total
    assert all(least[name] <= counts[name] <= most[name] for name in most)


def test_apportion_of_everything_survives_rounding():
    """The scaled shares may sum to a hair less than the limits themselves."""
    rng = np.random.default_rng(0)
    for _ in range(2000):
        most = {str(i): int(n) for i, n in enumerate(rng.integers(1, 1000, size=2))}
        shares = {name: float(np.exp(rng.normal())) for name in most}
        for total in (sum(most.values()), sum(most.values()) - 1, 2):
            counts = apportion(shares, most, total, dict.fromkeys(most, 1))
            assert sum(counts.values()) == total


@pytest.mark.parametrize("density", [0, 0.0, -0.1, 1.01, float("nan"), float("inf"), True])
def test_densities_outside_the_range_are_refused(pairs, density):
    with pytest.raises(ArgumentError, match="above 0 and at most 1"):
        regions.prune(pairs([3, 3, 2]), density)
    with pytest.raises(ArgumentError, match="above 0 and at most 1"):
        regions.prune(pairs([3, 3, 2]), {"layer1": density})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"densities": {"layer9": 0.5}}, "no prunable layer 'layer9'"),
        ({"densities": {}}, "mapping of layer names"),
        ({"densities": "half"}, "mapping of layer names"),
        ({"densities": {"layer1": "x"}}, "above 0"),
        ({"densities": 0.5, "criterion": "beauty"}, "criterion is 'beauty'"),
        ({"densities": 0.5, "taste": 1}, "does not know the option"),
        ({"densities": 0.5, "scope": "world"}, "scope is"),
        ({"densities": 0.5, "criterion": lambda r: {}}, "expected one number"),
        (
            {"densities": 0.5, "criterion": lambda r: {"layer1": np.full((3, 3), np.nan)}},
            "expected one number",
        ),
    ],
)
def test_wrong_calls_are_refused(pairs, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        regions.prune(pairs([3, 3, 2]), **arguments)


def test_nan_weights_are_named(mlp):
    model = mlp([3, 3, 2])
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    with pytest.raises(ArgumentError, match="layer '2' has 1 NaN"):
        regions.prune(model, 0.5)
    with pytest.raises(ArgumentError, match="layer '2' has 1 NaN"):
        regions.Masks.from_model(model)


def test_what_is_no_model_is_refused(mlp):
    with pytest.raises(UnsupportedModelError, match="state_dict"):
        regions.prune(mlp([3, 3, 2]).state_dict(), 0.5)
    with pytest.raises(ArgumentError, match="nothing to prune"):
        regions.prune(torch.nn.ReLU(), 0.5)
    with pytest.raises(UnsupportedModelError):
        regions.prune(3, 0.5)


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("criterion", ["magnitude", "disjoint"])
def test_a_layer_kept_whole_keeps_no_weights_that_it_masks_itself(mlp, criterion, repair):
    """Zeros of a mask that the output layer carries lie on no path, and are not counted as kept."""
    from torch.nn.utils import prune as torch_prune

    model = mlp([8, 12, 6]).double()
    mask = torch.zeros(6, 12, dtype=torch.bool)
    mask[:, ::3] = True
    torch_prune.custom_from_mask(model[2], "weight", mask)
    repair = None if criterion == "disjoint" else repair
    masks = regions.prune(model, 0.25, criterion, repair)
    assert masks.counts == {"0": 24, "2": 24}
    assert (masks["2"] == mask.numpy()).all()
    if repair is not False:
        assert masks.effective().weights["0"] == 24
        assert not masks["0"][np.arange(12) % 3 > 0].any()
    # zeros of a layer without a mask are weights like others
    plain = mlp([8, 12, 6])
    with torch.no_grad():
        plain[2].weight.mul_(mask)
    assert regions.prune(plain, 0.25).counts == {"0": 24, "2": 72}
