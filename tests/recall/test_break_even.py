"""Where alpha crosses 1, against a closed form."""

import numpy as np
import pytest

import regions
from regions.recall import break_even


def test_break_even_between_the_ratios_around_one(published):
    found = break_even(published, n_boot=200)
    assert 2 < found.low <= found.ratio <= found.high < 50 and found.crossing == 1
    means = published.select([2])
    assert np.isnan(break_even(means).ratio) and "does not rise" in break_even(means).summary()
    # log-linear: at share s of the way in log ratio
    low, high = regions.intensification(published, "ols").alpha_mean
    share = (1 - low) / (high - low)
    assert found.ratio == pytest.approx(2 * 25**share, rel=1e-9)
