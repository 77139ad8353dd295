"""Held-out correlations."""

import numpy as np
import pytest
from activations import related

import regions
from regions.representations.heldout import _folds


def test_held_out_correlations_are_about_zero_for_independent_layers():
    rng = np.random.default_rng(23)
    X, Y = rng.standard_normal((1000, 50)), rng.standard_normal((1000, 50))
    assert regions.cca(X, Y).value > 0.18
    assert abs(regions.cca(X, Y, cv=2).value) < 0.02
    X, Y = related(rng, n=4000)
    assert regions.cca(X, Y, cv=5).value == pytest.approx(regions.cca(X, Y).value, abs=0.03)


def test_held_out_folds_never_split_an_image():
    """Repeated rows betray the directions unless the copies stay together."""
    rng = np.random.default_rng(24)
    X, Y = rng.standard_normal((200, 60)), rng.standard_normal((200, 60))
    order = np.argsort(np.tile(np.arange(200), 4), kind="stable")
    X4, Y4 = np.repeat(X, 4, axis=0), np.repeat(Y, 4, axis=0)
    mixed = np.random.default_rng(0).permutation(800)
    leaking = regions.cca(X4[mixed], Y4[mixed], cv=2).value
    kept = regions.cca(X4[mixed], Y4[mixed], cv=2, groups=np.repeat(np.arange(200), 4)[mixed]).value
    assert order.size == 800
    assert leaking > 0.2
    assert abs(kept) < 0.06


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("width", [1, 6])
def test_squares_of_held_out_correlations_have_the_null_of_shuffled_rows(folds, width):
    rng = np.random.default_rng(25)
    X, Y = rng.standard_normal((300, width)), rng.standard_normal((300, width + 1))
    found = regions.cca(X, Y, cv=folds, statistic="mean_squared").null
    values = [
        (regions.cca(X, Y[rng.permutation(300)], cv=folds).coefficients ** 2).mean()
        for _ in range(60)
    ]
    error = np.std(values) * np.sqrt(1 / 60 + 1 / max(5 * width, 100))
    assert abs(np.mean(values) - found) < 4 * error
    assert found > 1 / 300 / folds  # 0 would be wrong
    assert regions.cca(X, Y, cv=folds).null == 0


def test_what_is_held_out_are_runs_of_neighbouring_rows_or_whole_groups():
    assert [fold.tolist() for fold in _folds(4, 2, None)] == [[1, 1, 0, 0], [0, 0, 1, 1]]
    (first, second) = _folds(6, 2, [0, 1, 2, 3, 0, 1])
    assert first.tolist() == [1, 1, 0, 0, 1, 1] and (first ^ second).all()
