"""What independent layers score."""

import numpy as np
import pytest
from activations import related

import regions
from regions.representations import (
    CCA,
    MEASURES,
    Procrustes,
    adjusted,
    layer_of,
    null_mean_correlation,
    null_mean_squared,
    pair_layers,
    pair_of,
    wachter_edges,
)


@pytest.mark.parametrize(("n", "p", "q"), [(500, 50, 50), (500, 100, 50), (1000, 50, 50)])
def test_null_values_are_what_independent_layers_score(n, p, q):
    rng = np.random.default_rng(21)
    draws = [(rng.standard_normal((n, p)), rng.standard_normal((n, q))) for _ in range(30)]
    for name, options in [
        ("cca", {"statistic": "mean_squared"}),
        ("cca", {"statistic": "yanai"}),
        ("cca", {}),
        ("svcca", {}),
        ("pwcca", {}),
        ("cka", {}),
        ("cka_debiased", {}),
        ("procrustes", {}),
        ("regression_r2", {}),
    ]:
        results = [MEASURES[name](pair_of(*draw), **options) for draw in draws]
        values = np.array([result.value for result in results])
        nulls = np.array([result.null for result in results])
        # mean rho is known within 0.3 %, the nuclear norm from a few draws; the others are exact
        inexact = name in ("cca", "svcca", "pwcca", "procrustes") and not options
        slack = 0.003 * nulls.mean() if inexact else 0
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - nulls.mean()) < 4 * error + slack, name
    first = regions.cca(*draws[0], statistic="mean_squared") if n >= 10 * p else None
    if first is not None:
        assert abs(first.value - max(p, q) / (n - 1)) < 4 * 0.0026
        assert first.coefficients[0] ** 2 < wachter_edges(p, q, n)[1] + 0.03


@pytest.mark.filterwarnings("ignore:100 samples")
def test_analytic_nulls_at_published_sizes():
    """Limits .2715, .4226, .1909, .3078, .5624, and the term of order 1 / k below them."""
    sizes = [(500, 50, 50), (500, 100, 50), (1000, 50, 50), (2000, 256, 256), (500, 200, 200)]
    found = [null_mean_correlation(p, q, n) for n, p, q in sizes]
    limits = np.array([0.2715, 0.4226, 0.1909, 0.3078, 0.5624])
    assert np.all(found < limits)
    np.testing.assert_allclose(found, limits, rtol=0.004)
    edges = [np.sqrt(wachter_edges(p, q, n)[1]) for n, p, q in sizes]
    np.testing.assert_allclose(edges, [0.601, 0.708, 0.436, 0.668, 0.980], atol=6e-4)
    assert null_mean_squared(50, 100, 501) == 0.2
    rng = np.random.default_rng(0)  # of 60 coefficients, 21 are 1 by counting
    crowded = [regions.cca(*rng.standard_normal((2, 100, 60))).value for _ in range(5)]
    assert null_mean_correlation(60, 60, 100) == pytest.approx(np.mean(crowded), abs=0.01)
    assert null_mean_correlation(99, 3, 100) == 1
    assert adjusted(0.2975, 50 / 999) == pytest.approx(0.2605, abs=1e-4)


def test_shuffled_rows_score_the_null_on_any_data():
    """The nulls of mean rho^2 and CKA are exact expectations over permutations."""
    rng = np.random.default_rng(22)
    X, Y = (np.maximum(values, 0) ** 2 for values in related(rng, n=150))
    x = layer_of(X)
    results = [
        (MEASURES["cca"](pair, statistic="mean_squared"), MEASURES["cka"](pair))
        for pair in (pair_layers(x, layer_of(Y[rng.permutation(150)])) for _ in range(300))
    ]
    for shuffled in zip(*results, strict=True):
        values = np.array([result.value for result in shuffled])
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - shuffled[0].null) < 4 * error


def gaussian(rng, n, p):
    return rng.standard_normal((n, p))


def sparse(rng, n, p):
    """Units that vary on three samples each."""
    rows = np.zeros((n, p))
    for unit in range(p):
        rows[rng.choice(n, 3, replace=False), unit] = rng.random(3) + 0.5
    return rows


def rectified(rng, n, p):
    """Dense ReLU units, a few of which are rarely active."""
    return np.maximum(rng.standard_normal((n, 4)) @ rng.standard_normal((4, p)) - 1, 0)


CASES = [
    (gaussian, 300, 1, 1),
    (gaussian, 300, 3, 2),
    (gaussian, 60, 45, 40),
    (gaussian, 30, 60, 50),
    (sparse, 120, 6, 5),
    (rectified, 200, 12, 9),
]
SHUFFLED = {**MEASURES, "squares": CCA("mean_squared"), "angle": Procrustes("angular_distance")}


@pytest.mark.parametrize(("draw", "n", "p", "q"), CASES)
def test_the_null_of_every_measure_is_what_shuffled_samples_score(draw, n, p, q):
    rng = np.random.default_rng(5)
    X, Y = draw(rng, n, p), draw(rng, n, q)
    layer = layer_of(X)
    pairs = [pair_layers(layer, layer_of(Y[rng.permutation(n)])) for _ in range(80)]
    for name, measure in SHUFFLED.items():
        found = measure(pair_of(X, Y))
        if not np.isfinite(found.value):
            continue
        values = np.array([measure.value(pair) for pair in pairs])
        # the null itself is a mean over draws where no formula is known, with a like error
        error = np.sqrt(2) * values.std(ddof=1) / np.sqrt(len(values)) + 0.006 * abs(values.mean())
        assert abs(values.mean() - found.null) < 4 * error, (name, values.mean(), found.null)


def test_random_directions_would_be_a_wrong_null_for_sparse_units():
    rng = np.random.default_rng(5)
    pair = pair_of(sparse(rng, 120, 6), sparse(rng, 120, 5))
    found = MEASURES["cca"](pair)
    assert MEASURES["cca"].independent(pair, found) > 1.2 * found.null
