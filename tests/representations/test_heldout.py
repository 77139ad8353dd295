"""Held-out correlations."""

import numpy as np
import pytest
from activations import related

import regions
from regions.errors import ArgumentError
from regions.representations.heldout import _folds, _orders


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
    assert [fold.tolist() for fold in _folds(20, 2, None)] == [
        [1] * 10 + [0] * 10,
        [0] * 10 + [1] * 10,
    ]
    (first, second) = _folds(30, 2, [0, 1, 2, 3, 0, 1] * 5)
    assert first.tolist() == [1, 1, 0, 0, 1, 1] * 5 and (first ^ second).all()


def planted(rng, n):
    """One pair of directions that correlate by .6."""
    z = rng.standard_normal((n, 1))
    return z, 0.6 * z + 0.8 * rng.standard_normal((n, 1))


@pytest.mark.parametrize(("folds", "held"), [(60, 1), (30, 2), (12, 5)])
def test_folds_of_few_rows_are_refused(folds, held):
    """One row has no correlation, which used to count as 0; of two rows it is 1 or -1."""
    X, Y = planted(np.random.default_rng(26), 60)
    with pytest.raises(ArgumentError, match=f"a fold holds out {held} of 60 rows"):
        regions.cca(X, Y, cv=folds)
    with pytest.raises(ArgumentError, match="at least 10"):
        regions.cca(X, Y, cv=2, groups=np.arange(60) > 54)


def test_the_smallest_folds_that_are_allowed_give_the_correlation_of_the_population():
    rng = np.random.default_rng(27)
    values = [regions.cca(*planted(rng, 60), cv=6).value for _ in range(60)]
    assert np.mean(values) == pytest.approx(0.6, abs=0.02 + 3 * np.std(values) / np.sqrt(60))


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_rounding_of_stored_values_is_no_direction_of_a_fold(kind):
    """Of 20 units on 5 inputs the others are rounding, on both sides as in the whole."""
    rng = np.random.default_rng(31)
    inputs = rng.standard_normal((400, 5))
    X, Y = (inputs @ rng.standard_normal((5, 20)) for _ in range(2))
    single = regions.cca(X.astype(kind), Y.astype(kind), cv=2)
    assert (single.rank_x, single.rank_y, single.k) == (5, 5, 5)
    assert single.value == pytest.approx(1, abs=1e-2)
    exact = regions.cca(X, Y, cv=2)
    assert (exact.k, exact.value) == (5, pytest.approx(1, abs=1e-9))


def test_the_null_of_squares_moves_whole_images_of_any_size():
    """Rows of one image are alike: a null of single rows would be several times too low."""
    sizes = np.random.default_rng(3).integers(2, 9, 40)
    groups = np.repeat(np.arange(40), sizes)

    def layers(seed):
        rng = np.random.default_rng(seed)
        shape = (sizes.sum(), 3)
        return [
            rng.standard_normal((40, 3))[groups] + 0.01 * rng.standard_normal(shape)
            for _ in range(2)
        ]

    rho = [regions.cca(*layers(seed), cv=2, groups=groups).coefficients for seed in range(100)]
    values = np.mean(np.square(rho), axis=1)
    error = values.std() / np.sqrt(100)
    options = {"cv": 2, "statistic": "mean_squared"}
    nulls = [regions.cca(*layers(seed), groups=groups, **options).null for seed in range(3)]
    assert abs(values.mean() - np.mean(nulls)) < 3 * error < 0.4 * np.mean(nulls)
    single = regions.cca(*layers(0), **options).null
    assert single < values.mean() - 5 * error  # the control


def test_orders_give_every_image_the_rows_of_another():
    groups = np.array([2, 0, 1, 1, 0, 2, 2, 1])
    for order in _orders(groups, 8, 20):
        donors = [set(groups[order[groups == label]]) for label in range(3)]
        assert sorted(donors, key=min) == [{0}, {1}, {2}]
        assert all(len(np.unique(order[groups == label])) >= 2 for label in range(3))
    for order in _orders(None, 8, 5):
        assert sorted(order) == list(range(8))
