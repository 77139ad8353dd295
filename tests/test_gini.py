"""The Gini coefficient against its definition over all pairs."""

import numpy as np
import pytest

from regions.gini import gini


def test_it_is_the_mean_difference_along_the_last_axis():
    values = np.random.default_rng(1).random((4, 30))
    pairs = np.abs(values[:, :, None] - values[:, None, :]).mean((1, 2))
    assert gini(values) == pytest.approx(pairs / (2 * values.mean(1)))
    assert gini(7 * values[0]) == pytest.approx(gini(values)[0])


def test_ends():
    assert gini(np.ones(5)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 3.0])) == pytest.approx(3 / 4)
    assert np.isnan(gini(np.zeros(4)))
