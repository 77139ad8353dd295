"""Starts of fine-tuning: what is copied, what is drawn, and with which variance."""

import copy

import numpy as np
import pytest
import torch

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.training import STARTS, Recipe, build_model, evaluate, restart, train


@pytest.fixture
def wide():
    return build_model("mlp", (400,), 10, hidden=(300, 300))


def kept_weights(model, masks):
    parts = dict(model.named_modules())
    return {name: parts[name].weight.detach().numpy()[mask] for name, mask in masks.items()}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name, shape", [("lenet5", (1, 28, 28)), ("resnet20", (3, 8, 8))])
def test_masks_hold_and_nothing_else_changes(start, name, shape):
    model, other = (build_model(name, shape, 3, seed=seed).train() for seed in (0, 1))
    masks = regions.prune(model, 0.1, "random", input_shape=shape)
    regions.prune(model, 0.9, "random", rng=9).apply(model)
    before = [copy.deepcopy(each.state_dict()) for each in (model, other)]
    state = torch.get_rng_state()
    initial = other if start == "rewind" else None
    new = restart(model, masks, start, initial=initial)
    assert torch.equal(torch.get_rng_state(), state)
    for each, old in zip((model, other), before, strict=True):
        assert all(torch.equal(value, old[key]) for key, value in each.state_dict().items())
    for key, part in new.named_modules():
        if key in masks:
            assert not part.weight.detach().numpy()[~masks[key]].any()
            assert not hasattr(part, "weight_mask")
    mine = {value.data_ptr() for value in new.state_dict().values()}
    theirs = {v.data_ptr() for m in (model, other) for v in m.state_dict().values()}
    assert not mine & theirs


def test_trained_and_rewound_weights_are_those_of_the_networks(digits):
    start = build_model("mlp", digits.image_shape, 10, hidden=(20,))
    early = train([start], digits, Recipe(epochs=1)).model(0)
    dense = train([start], digits, Recipe(epochs=3)).model(0)
    masks = regions.prune(dense, 0.2)
    for kind, source, options in (
        ("trained", dense, {}),
        ("rewind", start, {"initial": start}),
        ("rewind", early, {"initial": early}),
    ):
        new = restart(dense, masks, kind, **options)
        for name, values in kept_weights(source, masks).items():
            np.testing.assert_array_equal(kept_weights(new, masks)[name], values)
        assert torch.equal(new.fc1.bias, source.fc1.bias)
    rewound = restart(dense, masks, "rewind", initial=start)
    assert evaluate([rewound], digits.test).accuracy < evaluate([dense], digits.test).accuracy


def test_repaired_parameters_belong_to_the_trained_start(wide):
    plain = regions.prune(wide, 0.5)
    bias = np.arange(300.0)
    masks = regions.Masks(plain.arrays, plain.graph, repaired={"fc1.bias": bias})
    np.testing.assert_array_equal(restart(wide, masks).fc1.bias.detach().numpy(), bias)
    rewound = restart(wide, masks, "rewind", initial=wide)
    assert torch.equal(rewound.fc1.bias, wide.fc1.bias)


def test_variance_of_a_fresh_draw(wide):
    masks = regions.prune(wide, 0.05, "random", rng=3)
    drawn, scaled = (
        kept_weights(restart(wide, masks, how, rng=1), masks) for how in ("reinit", "rescaled")
    )
    for name, mask in masks.items():
        fan, kept = mask.shape[1], mask.sum(axis=1)
        # the variance of a mean of n squares of normals is 2 / n
        error = 5 * np.sqrt(2 / mask.sum())
        assert np.mean(drawn[name] ** 2) * fan / 2 == pytest.approx(1, abs=error)
        units = np.nonzero(mask)[0]
        assert np.mean(scaled[name] ** 2 * kept[units]) / 2 == pytest.approx(1, abs=error)
        np.testing.assert_allclose(
            scaled[name], drawn[name] * np.sqrt(fan / kept[units]), rtol=1e-5
        )


def test_rescaled_draws_keep_the_size_of_signals(wide):
    """At 2 % density the signals of a dense draw shrink by the density at every layer."""
    inputs = torch.randn(500, 400, generator=torch.Generator().manual_seed(0))
    masks = {
        "fc1": regions.prune(wide, 0.02, "random", rng=3)["fc1"],
        "fc2": np.eye(300, dtype=bool) | (np.random.default_rng(0).random((300, 300)) < 0.02),
    }
    sizes = {}
    for how in ("reinit", "rescaled"):
        net = restart(wide, masks, how, rng=1)
        with torch.no_grad():
            hidden = net.relu1(net.fc1(net.flatten(inputs)))
            sizes[how] = float((net.fc2(hidden) ** 2).mean())
    expected = 2.0 * np.mean(masks["fc1"].any(axis=1))  # 2 |x|^2 / n, less the units cut off
    density = masks["fc1"].mean() * masks["fc2"].mean()
    assert sizes["rescaled"] == pytest.approx(expected, rel=0.25)
    assert sizes["reinit"] == pytest.approx(expected * density, rel=0.35)


def test_draws_follow_the_seed_and_reset_normalisation():
    model = build_model("resnet20", (3, 8, 8), 3, width=4)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean += 1.0
            part.weight.data *= 2.0
    masks = regions.prune(model, 0.5, "random")
    first, again, other = (restart(model, masks, "rescaled", rng=seed) for seed in (0, 0, 1))
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert not first.bn1.running_mean.any() and bool((first.bn1.weight == 1).all())
    # a layer without a mask is drawn dense, an emptied unit stays empty
    partial = {"conv1": np.zeros((4, 3, 3, 3), dtype=bool)}
    partial["conv1"][1] = True
    new = restart(model, partial, "rescaled")
    assert not new.conv1.weight[0].any() and bool(new.conv1.weight[1].all())
    assert bool(new.fc.weight.all())


def test_bad_starts(wide):
    masks = regions.prune(wide, 0.5)
    with pytest.raises(ArgumentError, match="choose one of"):
        restart(wide, masks, "random")
    with pytest.raises(ArgumentError, match="needs initial="):
        restart(wide, masks, "rewind")
    with pytest.raises(ArgumentError, match="take none"):
        restart(wide, masks, "reinit", initial=wide)
    with pytest.raises(ArgumentError, match="same architecture"):
        restart(wide, masks, "rewind", initial=build_model("mlp", (400,), 10, hidden=(9,)))
    with pytest.raises(ArgumentError, match="shape"):
        restart(wide, {"fc1": np.ones((3, 3))}, "reinit")
    strange = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4))
    with pytest.raises(UnsupportedModelError, match="LayerNorm"):
        restart(strange, {"0": np.ones((4, 4))}, "reinit")
