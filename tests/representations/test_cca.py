"""Canonical correlations: invariance, agreement with other routes, planted ones."""

import numpy as np
import pytest
from activations import related, well_conditioned
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA as SklearnCCA

import regions
from regions.representations import (
    SimilarityStatus,
)

few = settings(max_examples=15, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32 - 1)


@few
@given(seeds)
def test_a_linear_map_and_a_shift_leave_all_correlations_at_one(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((300, 6)) @ well_conditioned(rng, 6, condition=10)
    result = regions.cca(X, X @ well_conditioned(rng, 6, condition=10) + rng.standard_normal(6))
    assert result.coefficients.min() >= 1 - 1e-12
    assert result.value <= 1


@few
@given(seeds)
def test_correlations_do_not_depend_on_the_neurons_basis(seed):
    rng = np.random.default_rng(seed)
    X, Y = related(rng)
    mapped = regions.cca(X @ well_conditioned(rng, 6), Y @ well_conditioned(rng, 5))
    reference = regions.cca(X, Y).coefficients
    np.testing.assert_allclose(mapped.coefficients, reference, rtol=0, atol=1e-10)
    np.testing.assert_allclose(regions.cca(Y, X).coefficients, reference, rtol=0, atol=1e-12)


def by_qr(X, Y):
    """An independent route: orthonormal bases by QR, no rank decision."""
    bases = [np.linalg.qr(values - values.mean(axis=0))[0] for values in (X, Y)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


@pytest.mark.parametrize(
    ("condition", "tolerance"), [(1e2, 1e-12), (1e4, 1e-9), (1e6, 1e-6), (1e7, 1e-6)]
)
@pytest.mark.parametrize("seed", range(3))
def test_agreement_with_qr_up_to_the_stated_condition(condition, tolerance, seed):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((2000, 32))
    X = np.linalg.qr(Z + rng.standard_normal(Z.shape))[0] @ well_conditioned(rng, 32, 32, condition)
    Y = np.linalg.qr(Z + rng.standard_normal(Z.shape))[0] @ well_conditioned(rng, 32, 32, condition)
    for result in (regions.cca(X, Y), regions.svcca(X, Y, threshold=1.0)):
        np.testing.assert_allclose(result.coefficients, by_qr(X, Y), rtol=0, atol=tolerance)


def test_agreement_with_scikit_learn():
    X, Y = related(np.random.default_rng(3), n=2000, p=8, q=8)
    peer = SklearnCCA(n_components=8, scale=False, tol=1e-12, max_iter=20000).fit(X, Y)
    left, right = peer.transform(X, Y)
    found = sorted((np.corrcoef(left[:, i], right[:, i])[0, 1] for i in range(8)), reverse=True)
    np.testing.assert_allclose(regions.cca(X, Y).coefficients, found, rtol=0, atol=1e-9)


def test_planted_correlations_are_recovered():
    rng = np.random.default_rng(5)
    rho, n = np.array([0.9, 0.7, 0.4, 0.1]), 20000
    Z, E = rng.standard_normal((n, 4)), rng.standard_normal((n, 4))
    X = Z @ well_conditioned(rng, 4)
    Y = (Z * rho + E * np.sqrt(1 - rho**2)) @ well_conditioned(rng, 4)
    found = regions.cca(X, Y).coefficients
    assert np.all(np.abs(found - rho) < 4 * (1 - rho**2) / np.sqrt(n))


def test_too_many_directions_force_coefficients_of_one():
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((100, 60)), rng.standard_normal((100, 60))
    with pytest.warns(UserWarning, match="100 samples for 60 directions"):
        result = regions.cca(X, Y)
    assert result.status is SimilarityStatus.SATURATED
    assert (result.coefficients > 1 - 1e-9).sum() == 60 + 60 - 99


@few
@given(seeds)
def test_silent_and_repeated_neurons_change_only_the_denominator(seed):
    rng = np.random.default_rng(seed)
    X, Y = related(rng)
    more = np.column_stack([X[:, :3], np.zeros(400), X[:, 3:], np.full(400, 0.3), X[:, :2]])
    plain, result = regions.cca(X, Y), regions.cca(more, Y)
    assert (result.dead_x, result.constant_x, result.rank_x) == (1, 1, 6)
    np.testing.assert_allclose(result.coefficients, plain.coefficients, rtol=0, atol=1e-10)
    wide = regions.cca(more, np.column_stack([Y, np.zeros((400, 6))]))
    assert wide.value == pytest.approx(plain.value, abs=1e-10)
    assert wide.value_all == pytest.approx(plain.value_all * 5 / 10, abs=1e-10)
