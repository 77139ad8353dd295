"""What independent layers score."""

import numpy as np
import pytest
from activations import related

import regions
from regions.representations import (
    MEASURES,
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
        ("cka", {}),
        ("cka_debiased", {}),
        ("procrustes", {}),
        ("regression_r2", {}),
    ]:
        results = [MEASURES[name](pair_of(*draw), **options) for draw in draws]
        values = np.array([result.value for result in results])
        nulls = np.array([result.null for result in results])
        # Wachter's law is a limit and the nuclear norm an approximation; the others are exact
        slack = 0.01 * nulls.mean() if name in ("cca", "svcca") and not options else 0
        slack = 0.06 * nulls.mean() if name == "procrustes" else slack
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - nulls.mean()) < 4 * error + slack, name
    first = regions.cca(*draws[0], statistic="mean_squared") if n >= 10 * p else None
    if first is not None:
        assert abs(first.value - max(p, q) / (n - 1)) < 4 * 0.0026
        assert first.coefficients[0] ** 2 < wachter_edges(p, q, n)[1] + 0.03


@pytest.mark.filterwarnings("ignore:100 samples")
def test_analytic_nulls_at_published_sizes():
    """Simulated figures: mean rho .2718, .4237, .1907, .3070, .5619; squared edges of max rho."""
    sizes = [(500, 50, 50), (500, 100, 50), (1000, 50, 50), (2000, 256, 256), (500, 200, 200)]
    found = [null_mean_correlation(p, q, n) for n, p, q in sizes]
    np.testing.assert_allclose(found, [0.2715, 0.4226, 0.1909, 0.3078, 0.5624], atol=5e-5)
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
