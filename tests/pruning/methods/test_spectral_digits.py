"""The recorded checks of spectral pruning on digits 64-64-64-10, middle layer, with controls."""

import copy

import numpy as np
import pytest
import torch

import regions
from regions.training import Recipe, build_model, evaluate, load_data, train

SEEDS = range(3)


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


def trained(data, recipe, seeds):
    models = [
        build_model("mlp", data.image_shape, data.classes, hidden=(64, 64), seed=s) for s in seeds
    ]
    result = train(models, data, recipe)
    return [result.model(index) for index in range(len(models))]


def pruned(models, inputs, labels, density, score):
    options = {"inputs": inputs, "labels": labels, "score": score}
    masks = [
        regions.prune(model, {"fc2": density}, "spectral", rng=seed, **options)
        for seed, model in enumerate(models)
    ]
    return [m.apply(copy.deepcopy(net), "zeros") for m, net in zip(masks, models, strict=True)]


def mean_accuracy(models, data):
    return float(evaluate(models, data.test).accuracy.mean())


def test_a_trained_network_loses_nothing_by_the_largest_attribution(data):
    """Rank 64 to 16: at most .6 points, as by magnitude; the signed mean and chance lose much."""
    models = trained(data, Recipe(epochs=20), SEEDS)
    dense = mean_accuracy(models, data)
    assert dense > 0.95
    x, y = data.train.inputs[:128], data.train.labels[:128]
    found = {
        score: mean_accuracy(pruned(models, x, y, 0.25, score), data)
        for score in ("max", "magnitude", "mean", "random")
    }
    assert found["max"] > dense - 0.006 and found["magnitude"] > dense - 0.006
    assert found["mean"] < dense - 0.05
    assert found["random"] < 0.6


def test_equal_scores_would_remove_the_largest_components(data):
    """What effects of zero lead to where ties fall to the order of storage: chance."""
    model = trained(data, Recipe(epochs=20), [0])[0]
    u, s, vt = torch.linalg.svd(model.fc2.weight.detach())
    with torch.no_grad():
        model.fc2.weight.copy_((u[:, 48:] * s[48:]) @ vt[48:])
    assert mean_accuracy([model], data) < 0.3


def test_gains_on_two_classes_of_an_under_trained_network_need_the_random_control(data):
    """{3, 8} of ten: the signed mean gains most; in some seeds random removal gains as well."""
    models = trained(data, Recipe(epochs=1, lr=0.01, momentum=0.0), range(6))
    rows = np.isin(data.train.labels, (3, 8))
    x, y = data.train.inputs[rows], data.train.labels[rows]
    before = on_two_classes(models, data)
    found = {
        score: on_two_classes(pruned(models, x, y, 0.25, score), data)
        for score in ("max", "mean", "magnitude", "random")
    }
    assert found["mean"].mean() > before.mean() + 0.05
    assert found["mean"].mean() > found["random"].mean() > found["magnitude"].mean() - 0.05
    assert found["max"].mean() > before.mean()
    assert (found["random"] - before).max() > 0.1  # chance alone


def on_two_classes(models, data):
    rows = np.isin(data.test.labels, (3, 8))
    x = torch.tensor(data.test.inputs[rows], dtype=torch.float32)
    with torch.no_grad():
        answers = np.array([model(x).argmax(1).numpy() for model in models])
    return (answers == data.test.labels[rows]).mean(axis=1)
