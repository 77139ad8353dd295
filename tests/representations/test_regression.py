"""Regression agrees with least squares."""

import numpy as np
import pytest
from activations import related

from regions.representations import (
    regression_r2,
)


def test_regression_r2_is_that_of_least_squares():
    X, Y = related(np.random.default_rng(20))
    design = np.column_stack([np.ones(400), X])
    residual = Y - design @ np.linalg.lstsq(design, Y, rcond=None)[0]
    expected = 1 - (residual**2).sum() / ((Y - Y.mean(axis=0)) ** 2).sum()
    assert regression_r2(X, Y).value == pytest.approx(expected, abs=1e-12)
    doubled = np.column_stack([X, X[:, :2]])
    assert regression_r2(doubled, Y).value == pytest.approx(expected, abs=1e-10)
