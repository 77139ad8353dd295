"""SVCCA: the truncation."""

import numpy as np
import pytest
from activations import related

import regions


def test_svcca_at_threshold_one_is_cca_and_components_can_be_fixed():
    X, Y = related(np.random.default_rng(2))
    whole = regions.svcca(X, Y, threshold=1.0)
    np.testing.assert_allclose(
        whole.coefficients, regions.cca(X, Y).coefficients, rtol=0, atol=1e-12
    )
    fixed = regions.svcca(X, Y, n_components=2)
    assert (fixed.rank_x, fixed.rank_y, fixed.k) == (2, 2, 2)
    assert regions.svcca(X, Y, n_components=99).rank_x == 6


def test_a_layer_of_almost_one_direction_keeps_one_component():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((500, 1)) * np.ones(5) + 1e-6 * rng.standard_normal((500, 5))
    result = regions.svcca(X, X)
    assert (result.rank_x, result.value) == (1, pytest.approx(1))
