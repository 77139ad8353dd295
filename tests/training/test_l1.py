"""The L1 penalty of the trainer: optimality conditions, stacks, degrees, and zero strength."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.pruning.degrees import degree_statistics
from regions.training import DataSet, Recipe, Split, build_model, evaluate, train
from regions.training.shrink import degree_weights


def build(data, count, hidden=(12, 9), dtype=torch.float64):
    return [
        build_model("mlp", data.image_shape, data.classes, seed=seed, hidden=hidden).to(dtype)
        for seed in range(count)
    ]


def small(data, count):
    """A data set of the first images alone, trained on in one batch."""
    part = Split(data.train.inputs[:count], data.train.labels[:count])
    return DataSet(**{**vars(data), "train": part})


@pytest.mark.parametrize("nesterov", [True, False])
def test_descent_rests_where_the_penalised_loss_has_its_minimum(digits, nesterov):
    """Convex: one layer, full batches. |g| <= l1 at zeros, g = -l1 sign(w) elsewhere."""
    data, l1 = small(digits, 60), 0.01
    recipe = Recipe(epochs=1000, batch_size=60, lr=0.2, l1=l1, nesterov=nesterov, weight_decay=1e-3)
    model = train(build(data, 1, hidden=()), data, recipe).model(0).double()
    weight, bias = model.fc1.weight, model.fc1.bias
    loss = nn.functional.cross_entropy(
        model(torch.tensor(data.train.inputs, dtype=torch.float64)),
        torch.tensor(data.train.labels),
    )
    loss.backward()
    slope = weight.grad + recipe.weight_decay * weight.detach()
    zero = weight.detach() == 0
    assert 0.3 < zero.double().mean() < 0.99
    torch.testing.assert_close(slope[~zero], -l1 * weight.detach()[~zero].sign(), rtol=0, atol=5e-5)
    assert slope[zero].abs().max() < l1 + 5e-5
    assert (bias.detach() != 0).all()
    assert (bias.grad + recipe.weight_decay * bias.detach()).abs().max() < 5e-5


def plain_loop(model, data, recipe, seed):
    """Autograd, torch.optim.SGD and the penalty written out row by row."""
    x, y = torch.tensor(data.train.inputs, dtype=torch.float64), torch.tensor(data.train.labels)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov
    )
    for epoch in range(recipe.epochs):
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(y)))
        for rows in order.split(recipe.batch_size):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
            for name, parameter in model.named_parameters():
                if name.endswith("weight"):
                    for unit in range(len(parameter)):
                        threshold(parameter.data[unit], recipe)


def threshold(row, recipe):
    limit = recipe.lr * recipe.l1 / (1 - recipe.momentum)
    if recipe.degree_weighted:
        absent = int((row.abs() < 1e-4).sum())
        limit /= max(1 - absent / row.numel(), 1 / row.numel())
    row.copy_(nn.functional.softshrink(row, limit))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_stack_of_seeds_equals_one_by_one_and_the_plain_loop(digits, weighted):
    recipe = Recipe(epochs=2, l1=5e-3, degree_weighted=weighted)
    models = build(digits, 3)
    stacked = train(models, digits, recipe, seeds=[4, 5, 4])
    for index, seed in enumerate([4, 5, 4]):
        alone = train([models[index]], digits, recipe, seeds=[seed])
        reference = copy.deepcopy(models[index])
        plain_loop(reference, digits, recipe, seed)
        for name, value in reference.state_dict().items():
            found = stacked.state_dict(index)[name]
            torch.testing.assert_close(found, alone.state_dict(0)[name], rtol=0, atol=1e-12)
            torch.testing.assert_close(found, value, rtol=0, atol=1e-9)
        first = stacked.state_dict(index)["fc1.weight"]
        assert bool((first == 0).any()) and bool((first != 0).any())


def test_convolutions_and_masks_take_the_penalty_too(digits):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 10),
        )
    masks = {"4": np.arange(1440).reshape(10, 144) % 3 > 0}
    recipe = Recipe(epochs=2, l1=0.02, degree_weighted=True)
    found = train([model], digits, recipe, masks=masks).model(0)
    assert (found[4].weight.detach().numpy()[~masks["4"]] == 0).all()
    shares = [float((found[i].weight == 0).double().mean()) for i in (0, 4)]
    assert shares[0] > 0 and shares[1] > 0.4
    assert bool((found[1].weight != 0).all())  # normalisation is no weight of this kind


def test_zero_strength_gives_the_same_bytes_and_very_sparse_masks_still_train(digits):
    masks = {"fc1": np.arange(768).reshape(12, 64) % 50 == 0, "fc2": np.eye(9, 12, dtype=bool)}
    for mask in (None, masks):
        models = build(digits, 2, dtype=torch.float32)
        plain, zero, strong = (
            train(models, digits, Recipe(epochs=2, **options), masks=mask)
            for options in ({}, {"l1": 0.0}, {"l1": 1e-3})
        )
        for name, value in plain.state_dict(0).items():
            assert torch.equal(value, zero.state_dict(0)[name])
        weights = [result.state_dict(0)["fc1.weight"] for result in (plain, strong)]
        assert weights[1].abs().sum() < weights[0].abs().sum()
        if mask is not None:
            assert (weights[1].numpy()[~mask["fc1"]] == 0).all()


def test_weights_of_degrees_are_the_formula():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(7, 11)) * (rng.random((7, 11)) < 0.4)
    rows[0], rows[1, 0] = 0.0, 5e-5
    absent = (np.abs(rows) < 1e-4).sum(axis=1)
    expected = 1 / np.maximum(1 - absent / 11, 1 / 11)
    np.testing.assert_allclose(degree_weights(torch.tensor(rows)).numpy()[:, 0], expected)


def test_degree_weights_make_degrees_uneven_at_equal_sparsity(digits):
    """The recorded check, digits 64-128-10: sparsity .64, s.d. .188 and .229, dead 3.1 and 5.5 %.

    Here on fewer images: sparsity .61, s.d. .20 and .30, none and a fifth dead.
    """
    models = build(digits, 3, hidden=(128,), dtype=torch.float32)
    found = {}
    for weighted, strength in ((False, 6e-4), (True, 4e-4)):
        result = train(models, digits, Recipe(epochs=40, l1=strength, degree_weighted=weighted))
        frames = [
            degree_statistics(regions.Masks.from_model(result.model(i))).to_frame().iloc[0]
            for i in range(3)
        ]
        keys = ("mean", "sd", "gini", "dead")
        found[weighted] = [np.mean([row[key] for row in frames]) for key in keys]
        assert evaluate(result, digits.test).accuracy.min() > 0.85
    (density, *plain), (other, *weighted) = found[False], found[True]
    assert other == pytest.approx(density, abs=0.05)
    assert all(more > less + 0.05 for less, more in zip(plain, weighted, strict=True))


@pytest.mark.parametrize("options", [{"l1": -1}, {"l1": float("nan")}, {"degree_weighted": True}])
def test_wrong_strengths_are_refused(options):
    with pytest.raises(ArgumentError, match="recipe"):
        Recipe(**options)
