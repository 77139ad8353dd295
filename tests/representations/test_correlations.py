"""What sums canonical correlations up."""

import numpy as np
import pytest
from activations import related

import regions


def test_yanai_and_mean_squared_are_sums_of_squares():
    X, Y = related(np.random.default_rng(1))
    rho = regions.cca(X, Y).coefficients
    assert regions.cca(X, Y, statistic="mean_squared").value == pytest.approx((rho**2).sum() / 5)
    yanai = regions.cca(X, Y, statistic="yanai")
    assert yanai.value == pytest.approx((rho**2).sum() / np.sqrt(30))
    assert yanai.null == pytest.approx(np.sqrt(30) / 399)
