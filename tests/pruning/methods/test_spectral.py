"""Spectral pruning: attributions are derivatives, means are kept, and faults of public code."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import regions
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.criterion import Request
from regions.pruning.methods import components
from regions.pruning.methods.spectral import SCORES
from regions.pruning.model.reading import read_model

CONV_INPUT = (1, 8, 8)


def images(count, shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *shape)), rng.integers(0, 2, count)


def components_of(model, names, inputs, labels):
    reading = read_model(model)
    request = Request(
        model=model, weights={name: reading.weights[name] for name in names},
        counts={}, densities={}, rng=np.random.default_rng(0), scope="layer", reading=reading,
    )  # fmt: skip
    return components.layer_components(request, inputs, labels)


@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_attributions_are_directional_derivatives(kind, mlp, residual):
    """Two images and one position, or one output position at a time: finite differences."""
    if kind == "linear":
        model, name, shape = mlp([5, 6, 4, 2]).double(), "2", (5,)
    else:
        model, name, shape = residual().double(), "left", CONV_INPUT
    x, y = images(2, shape)
    found = components_of(model, [name], x, y)[name]
    layer = dict(model.named_modules())[name]
    expected = np.array([effects(model, name, layer, x, y, i) for i in range(found.sizes.size)])
    np.testing.assert_allclose(found.largest, expected.max(axis=1), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.mean, expected.mean(axis=1), rtol=1e-5, atol=1e-7)
    assert np.abs(expected).max() > 1e-3


def effects(model, name, layer, x, y, i):
    """Central differences of the loss of each image, along component i at each position."""
    u, s, vt = np.linalg.svd(layer.weight.detach().numpy().reshape(len(layer.weight), -1), False)
    part = torch.tensor(s[i] * np.outer(u[:, i], vt[i])).reshape(layer.weight.shape)
    is_conv = isinstance(layer, nn.Conv2d)
    tensors = torch.tensor(x)
    values = []
    for image, label, other in zip(tensors, y, tensors.roll(1, 0), strict=True):
        a, b = (layer_input(model, name, z) for z in (image, other))
        if is_conv:
            change = F.conv2d(b - a, part, None, layer.stride, layer.padding)
            places = [(..., *place) for place in np.ndindex(*change.shape[2:])]
        else:
            change, places = F.linear(b - a, part), [...]
        for place in places:
            step = torch.zeros_like(change)
            step[place] = change[place]
            values.append(slope(model, name, image, label, step))
    return values


def layer_input(model, name, image):
    kept = {}
    handle = dict(model.named_modules())[name].register_forward_hook(
        lambda module, inputs, output: kept.update(x=inputs[0].detach())
    )
    model(image[None])
    handle.remove()
    return kept["x"]


def slope(model, name, image, label, step, t=1e-5):
    losses = []
    for sign in (t, -t):
        handle = dict(model.named_modules())[name].register_forward_hook(
            lambda module, inputs, output, sign=sign: output + sign * step
        )
        with torch.no_grad():
            losses.append(F.cross_entropy(model(image[None]), torch.tensor([label])).item())
        handle.remove()
    return (losses[0] - losses[1]) / (2 * t)


def test_density_one_changes_nothing(mlp):
    model = mlp([6, 5, 4, 3])
    x, y = images(9, (6,))
    for score in SCORES:
        masks = regions.prune(model, 1.0, "spectral", inputs=x, labels=y, score=score)
        assert not masks.repaired and masks.total_density == 1.0


@pytest.mark.parametrize("score", SCORES)
def test_the_mean_output_stays_and_the_rank_is_the_density(score, mlp):
    model = mlp([6, 12, 8, 3]).double()
    before = copy.deepcopy(model.state_dict())
    x, y = images(40, (6,), seed=1)
    masks = regions.prune(model, {"2": 0.25}, "spectral", inputs=x, labels=y, score=score)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(mask.all() for mask in masks.values())
    assert set(masks.repaired) == {"2.weight", "2.bias"}
    assert np.linalg.matrix_rank(masks.repaired["2.weight"]) == 2
    pruned = masks.apply(copy.deepcopy(model), "zeros")
    hidden = [part[:3](torch.tensor(x)).detach().numpy() for part in (model, pruned)]
    np.testing.assert_allclose(hidden[0].mean(axis=0), hidden[1].mean(axis=0), atol=1e-12)
    assert not np.allclose(*hidden)


def test_the_mean_of_a_convolution_stays_and_is_one_number_per_filter(residual):
    """Public code keeps a bias per token of the last batch; here all images and positions count."""
    model = residual().double()
    x, y = images(components._AT_ONCE + 7, CONV_INPUT, seed=2)
    options = {"inputs": x, "labels": y, "score": "magnitude", "input_shape": CONV_INPUT}
    masks = regions.prune(model, {"left": 0.34}, "spectral", **options)
    assert masks.repaired["left.bias"].shape == (3,)
    pruned = masks.apply(copy.deepcopy(model), "zeros")
    inputs = layer_inputs(model, "left", x)
    means = [net.left(inputs).mean((0, 2, 3)).detach().numpy() for net in (model, pruned)]
    np.testing.assert_allclose(*means, atol=1e-10)


def layer_inputs(model, name, x):
    kept = {}
    handle = dict(model.named_modules())[name].register_forward_hook(
        lambda module, inputs, output: kept.update(x=inputs[0].detach())
    )
    model(torch.tensor(x))
    handle.remove()
    return kept["x"]


def test_magnitude_is_the_best_low_rank_approximation(mlp):
    """Eckart and Young; the random control is worse."""
    model = mlp([10, 12, 9, 3]).double()
    x, _ = images(5, (10,))
    weight = model[2].weight.detach().numpy()
    s = np.linalg.svd(weight, compute_uv=False)
    errors = {}
    for score in ("magnitude", "random"):
        masks = regions.prune(model, {"2": 4 / 9}, "spectral", inputs=x, score=score)
        errors[score] = np.linalg.norm(masks.repaired["2.weight"] - weight)
    assert errors["magnitude"] == pytest.approx(np.sqrt((s[4:] ** 2).sum()))
    assert errors["random"] > errors["magnitude"]


def test_chunks_and_order_of_storage_do_not_matter(mlp, monkeypatch):
    """Public code rolls within a batch, and a batch of one gives effects of zero."""
    model = mlp([6, 8, 7, 3]).double()
    x, y = images(30, (6,), seed=3)
    whole = components_of(model, ["2"], x, y)["2"]
    monkeypatch.setattr(components, "_AT_ONCE", 1)
    single = components_of(model, ["2"], x, y)["2"]
    np.testing.assert_allclose(whole.largest, single.largest, atol=1e-12)
    np.testing.assert_allclose(whole.mean, single.mean, atol=1e-12)
    assert (whole.largest > 0).all()


def test_each_layer_or_all_together_lose_their_lowest(mlp):
    """Public code slices one list for several types, so that some lose more than asked."""
    model = mlp([6, 8, 8, 3]).double()
    with torch.no_grad():
        model[2].weight.mul_(100.0)
    x, _ = images(10, (6,))
    options = {"inputs": x, "score": "magnitude"}
    ranks = lambda masks: {  # noqa: E731
        name: np.linalg.matrix_rank(masks.repaired.get(f"{name}.weight", whole))
        for name, whole in (("0", model[0].weight.detach()), ("2", model[2].weight.detach()))
    }
    assert ranks(regions.prune(model, 0.5, "spectral", **options)) == {"0": 3, "2": 4}
    together = regions.prune(model, 0.5, "spectral", scope="global", **options)
    assert ranks(together) == {"0": 0, "2": 7}  # of 14 components the 7 largest


def test_no_step_of_training_precedes_the_scores(mlp):
    """Public code always fine-tunes first; here equal calls give equal masks of the model given."""
    model = mlp([6, 8, 7, 3]).double()
    x, y = images(12, (6,))
    one, two = (regions.prune(model, 0.5, "spectral", inputs=x, labels=y) for _ in range(2))
    assert one == two


def test_rank_lowers_the_region_bounds(mlp):
    model = mlp([8, 16, 16, 3]).double()
    x, _ = images(10, (8,))
    dense = regions.upper_bound(model, "rank").log2
    found = []
    for density in (0.5, 0.25, 0.125):
        masks = regions.prune(model, density, "spectral", inputs=x, score="magnitude")
        pruned = masks.apply(regions.as_network(model))
        found.append(regions.upper_bound(pruned, "rank").log2)
        assert regions.upper_bound(masks.apply(copy.deepcopy(model)), "rank").log2 == found[-1]
    assert [dense, *found] == sorted([dense, *found], reverse=True)
    assert found[-1] < found[0] < dense


def test_a_layer_without_a_bias_only_loses_components():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 2))
    masks = regions.prune(model, 0.5, "spectral", inputs=np.ones((2, 4)), score="magnitude")
    assert set(masks.repaired) == {"0.weight"}
    masks.apply(model)


BAD = [
    ({"score": "sigma"}, "score is"),
    ({"inputs": None}, "needs"),
    ({"inputs": np.ones((1, 6))}, "at least two images"),
    ({"inputs": np.full((3, 6), np.nan)}, "finite"),
    ({"labels": np.zeros(3)}, "integer class"),
    ({"labels": np.array([0, 1])}, "integer class"),
    ({"labels": np.array([0, 1, 7])}, "cannot take"),
    ({"inputs": np.ones((3, 5))}, "cannot take"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_options_are_refused_and_the_model_stays(changed, message, mlp):
    model = mlp([6, 5, 3])
    before = copy.deepcopy(model.state_dict())
    options = {"inputs": np.ones((3, 6)), "labels": np.array([0, 1, 2])} | changed
    options = {name: value for name, value in options.items() if value is not None}
    with pytest.raises(ArgumentError, match=message):
        regions.prune(model, 0.5, "spectral", **options)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_models_that_cannot_be_scored_are_refused(pairs):
    x = np.ones((3, 4))
    with pytest.raises(UnsupportedModelError, match="torch module"):
        regions.prune(pairs([4, 3, 2]), 0.5, "spectral", inputs=x, score="random")
    grouped = nn.Sequential(nn.Conv2d(2, 2, 1, groups=2), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(UnsupportedModelError, match="no groups"):
        regions.prune(grouped, 0.5, "spectral", inputs=np.ones((2, 2, 1, 1)), score="random")
    shared = nn.Linear(4, 4)
    twice = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(UnsupportedModelError, match="more than once"):
        regions.prune(twice, 0.5, "spectral", inputs=x, score="random")
