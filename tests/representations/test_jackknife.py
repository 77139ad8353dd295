"""Jackknife intervals cover."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from scipy import stats
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
    MEASURES,
    jackknife,
)
from regions.representations.extent import Column, Extent
from regions.representations.moments import Moments

RHO = np.array([0.9, 0.7, 0.5, 0.3])


def independent_rows(rng, n=1000):
    Z, E = rng.standard_normal((n, 4)), rng.standard_normal((n, 4))
    return Z, Z * RHO + E * np.sqrt(1 - RHO**2), n


def positions_of_images(rng):
    """Eight positions per image that share half of their variance."""
    parts = []
    for _ in range(2):
        image = np.repeat(rng.standard_normal((200, 4)), 8, axis=0)
        parts.append((image + rng.standard_normal((1600, 4))) / np.sqrt(2))
    Z, E = parts
    return Z, Z * RHO + E * np.sqrt(1 - RHO**2), 200


def covered(draw, seed, blocks=20):
    """Whether each of two intervals holds the truth in one draw, blocks of whole images."""
    X, Y, images = draw(np.random.default_rng(seed))
    rows = np.arange(len(X)) * images // len(X) * blocks // images
    sums = [Moments.of(X[rows == k], Y[rows == k]) for k in range(blocks)]
    columns = [
        Column(name="layer", start=0, neurons=4, extent=Extent.of(values)) for values in (X, Y)
    ]
    pairs = [
        reduce(add, [part for k, part in enumerate(sums) if k != left_out]).pair(*columns)
        for left_out in (None, *range(blocks))
    ]
    hits = []
    for options, truth in [({}, RHO.mean()), ({"statistic": "mean_squared"}, (RHO**2).mean())]:
        value, *left_out = [MEASURES["cca"](pair, **options).value for pair in pairs]
        found = jackknife(value, left_out)
        hits.append(found.low <= truth <= found.high)
    return hits


@pytest.mark.parametrize("draw", [independent_rows, positions_of_images])
def test_intervals_cover_at_the_stated_rate(draw):
    rates = np.mean([covered(draw, seed) for seed in range(250)], axis=0)
    assert np.all(rates >= 0.92), rates
    assert np.all(rates <= 0.98), rates


def test_naive_resampling_of_rows_would_be_biased_but_blocks_are_not():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((1000, 50)), rng.standard_normal((1000, 50))
    drawn = rng.integers(0, 1000, 1000)
    squared = {"statistic": "mean_squared"}
    value = regions.cca(X, Y, **squared).value
    assert regions.cca(X[drawn], Y[drawn], **squared).value > 1.7 * value
    left_out = [
        regions.cca(np.delete(X, s, 0), np.delete(Y, s, 0), **squared).value
        for s in (slice(100 * k, 100 * k + 100) for k in range(10))
    ]
    assert jackknife(value, left_out).corrected < 0.01  # the bias is gone: the truth is 0


def test_blocks_in_a_comparison_equal_the_jackknife_by_hand(networks):
    inputs = noise(400, 6)
    found = regions.compare_layers(
        *networks, list(inputs.split(37)), measure="cka", blocks=8, layers=["1"]
    )
    X, Y = (model[:2](inputs).detach().double().numpy() for model in networks)
    keep = [np.arange(400) % 8 != k for k in range(8)]
    expected = jackknife(regions.cka(X, Y).value, [regions.cka(X[k], Y[k]).value for k in keep])
    interval = found.layers[0].interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    with pytest.raises(ArgumentError, match="5 images cannot fill 8 blocks"):
        regions.compare_layers(*networks, inputs[:5], measure="cka", blocks=8)


def test_of_a_mean_it_is_the_interval_of_student():
    data = np.random.default_rng(0).standard_normal(5)
    found = jackknife(data.mean(), [np.delete(data, k).mean() for k in range(5)])
    by_hand = stats.t.interval(0.95, 4, data.mean(), stats.sem(data))
    assert (found.low, found.high) == pytest.approx(by_hand, rel=1e-10)
    assert found.corrected == pytest.approx(data.mean(), rel=1e-10)
