"""Intervals of every measure that gives them hold the value of the population; others give none."""

import copy
from functools import cache, reduce
from operator import add

import numpy as np
import pytest
import torch
from small_networks import build, noise
from torch import nn

import regions
from regions.representations import MEASURES, SVCCA, jackknife
from regions.representations.extent import Column, Extent
from regions.representations.moments import Moments, with_lengths

BLOCKS, WIDTH = 20, 24
WITH = [name for name, measure in MEASURES.items() if not measure.without_interval]


def perceptron():
    model = nn.Sequential(nn.Linear(16, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
    return active(model.double())


def convolutional():
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU())
    return active(model.double())


def active(model):
    """Raise the biases, so that no unit is rarely active."""
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.bias += 1.5
    return model


def half_pruned(model):
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        for weight in (layer.weight for layer in pruned if hasattr(layer, "weight")):
            weight[weight.abs() < weight.abs().median()] = 0
    return pruned


def inputs(kind, count, seed):
    """Images of a decaying spectrum, or smooth fields of 8 x 8."""
    draws = np.random.default_rng(seed)
    if kind == "mlp":
        return torch.as_tensor(draws.standard_normal((count, 16)) * 0.8 ** np.arange(16) * 2)
    coarse = torch.as_tensor(draws.standard_normal((count, 1, 4, 4)))
    return nn.functional.interpolate(coarse, (8, 8), mode="bilinear")


@cache
def trained(kind, other):
    factory = perceptron if kind == "mlp" else convolutional
    dense = build(factory, 0)
    return dense, half_pruned(dense) if other == "half-pruned" else build(factory, 1)


def rows(model, images):
    with torch.inference_mode():
        values = model(images)
    return values.movedim(1, -1).reshape(-1, values.shape[1]).numpy()


@cache
def truth(kind, other):
    # of so many images that the error of the truth does not show beside that of 2,000
    batches = (inputs(kind, 10_000, [10**6, batch]) for batch in range(10))
    parts = [tuple(rows(model, images) for model in trained(kind, other)) for images in batches]
    pair = sums_of(parts)(None)
    return {name: measure.value(pair) for name, measure in MEASURES.items()}


def sums_of(parts):
    """Return the pair of all parts but one, from sums per part."""
    sums = [Moments.of(with_lengths(X), with_lengths(Y)) for X, Y in parts]
    extents = [Extent.of(np.concatenate(side)) for side in zip(*parts, strict=True)]
    columns = [
        Column(name="layer", start=0, neurons=len(extent.low), extent=extent, lengths=True)
        for extent in extents
    ]
    return lambda out: reduce(add, [s for k, s in enumerate(sums) if k != out]).pair(*columns)


def coverage(kind, other, n, draws, names, seed=0):
    """Return the share of draws whose interval holds the truth, by measure."""
    hits = {name: 0 for name in names}
    for draw in range(draws):
        images = inputs(kind, n, [seed, n, draw])
        parts = [
            tuple(rows(model, images[k::BLOCKS]) for model in trained(kind, other))
            for k in range(BLOCKS)
        ]
        pair = sums_of(parts)
        pairs = [pair(out) for out in (None, *range(BLOCKS))]
        for name in names:
            whole, *left_out = map(MEASURES[name].value, pairs)
            found = jackknife(whole, left_out)
            hits[name] += found.low <= truth(kind, other)[name] <= found.high
    return {name: count / draws for name, count in hits.items()}


CASES = [("mlp", "half-pruned"), ("mlp", "another seed"), ("maps", "half-pruned")]
CASES += [("maps", "another seed")]


@pytest.mark.study
@pytest.mark.parametrize("n", [400, 2000])
@pytest.mark.parametrize(("kind", "other"), CASES)
def test_intervals_cover_on_layers_of_networks(kind, other, n):
    """No rate is below .92 or above .98 by more than 400 draws of such a rate are in 95 %."""
    rates = coverage(kind, other, n, 400, WITH)
    slack = 1.65 * np.sqrt(0.08 * 0.92 / 400)
    assert all(0.92 - slack <= rate <= 0.98 + slack for rate in rates.values()), rates


@pytest.mark.parametrize(("kind", "other"), [CASES[0], CASES[3]])
def test_intervals_cover_in_a_few_draws(kind, other):
    """Of 40 intervals of 95 % at most 6 miss (in one of 5,000 runs more do); of 70 % more do."""
    rates = coverage(kind, other, 400, 40, ["cka", "cka_debiased", "procrustes"])
    assert all(rate >= 34 / 40 for rate in rates.values()), rates


def test_frozen_or_moving_truncations_would_not_cover():
    """The control: why these measures give no interval."""
    rates = coverage("mlp", "half-pruned", 400, 40, ["svcca", "pwcca", "cca"])
    assert min(rates.values()) < 34 / 40, rates


@pytest.mark.study
def test_intervals_of_a_regression_would_not_cover():
    assert coverage("mlp", "half-pruned", 400, 400, ["regression_r2"])["regression_r2"] < 0.9


@pytest.mark.parametrize(
    "measure", ["cca", "svcca", "pwcca", SVCCA(n_components=3), "regression_r2"]
)
def test_measures_whose_intervals_would_not_cover_say_why(measure, networks):
    found = regions.compare_layers(*networks, noise(300, 6), measure=measure, blocks=10)
    assert all(layer.interval is None for layer in found)
    assert found.to_frame()["low"].isna().all()
    assert "no interval for 0, 1, 2, 3, 4: " in found.summary()
    plain = regions.compare_layers(*networks, noise(300, 6), measure=measure)
    assert "no interval" not in plain.summary()


def test_intervals_say_what_they_cover(networks):
    for measure in WITH:
        common = {"measure": measure, "blocks": 10, "tap": "linear"}
        found = regions.compare_layers(*networks, noise(300, 6), **common)
        assert all(layer.interval is not None for layer in found)
        assert "on all images of this kind, not other training seeds" in found.summary()
        assert "95% intervals (10 blocks" in found.summary()
        assert found.to_frame()["level"].eq(0.95).all()
