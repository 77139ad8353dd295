"""PWCCA: the weights."""

import numpy as np
import pytest
from activations import related, well_conditioned

import regions


def test_pwcca_weights_are_shares_and_equal_correlations_give_their_value():
    rng = np.random.default_rng(11)
    X, Y = related(rng)
    for side in ("x", "y", "smaller", "mean"):
        weights = regions.pwcca(X, Y, side=side).details["weights"]
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
    assert regions.pwcca(X, X @ well_conditioned(rng, 6), side="x").value == pytest.approx(1)
    Q = np.linalg.qr(X - X.mean(axis=0))[0]
    E = rng.standard_normal((400, 6))
    E -= E.mean(axis=0)
    E = np.linalg.qr(E - Q @ (Q.T @ E))[0]
    tilted = (0.6 * Q + 0.8 * E) @ well_conditioned(rng, 6)
    assert regions.pwcca(X, tilted, side="x").value == pytest.approx(0.6, abs=1e-12)


def test_pwcca_of_canonical_axes_with_equal_weights_is_the_mean():
    rng = np.random.default_rng(12)
    Q = rng.standard_normal((500, 8))
    Q = np.linalg.qr(Q - Q.mean(axis=0))[0]
    rho = np.array([0.9, 0.6, 0.4, 0.2])
    X, Y = Q[:, :4], rho * Q[:, :4] + np.sqrt(1 - rho**2) * Q[:, 4:]
    assert regions.pwcca(X, Y, side="x").value == pytest.approx(rho.mean(), abs=1e-12)


def test_pwcca_sides_are_mirrored():
    X, Y = related(np.random.default_rng(13))
    assert regions.pwcca(X, Y, side="x").value == pytest.approx(regions.pwcca(Y, X, side="y").value)
    assert regions.pwcca(X, Y).details["side"] == "y"
