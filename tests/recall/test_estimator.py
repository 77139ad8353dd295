"""Where the dense recalls say nothing: the interval of the corrected denominator."""

import numpy as np
import pytest
from scipy import stats

from regions.recall import Moments
from regions.recall.ratio import Ratio


@pytest.mark.parametrize("shift", [-0.01, 0.01])
def test_silent_where_the_interval_of_the_denominator_reaches_zero(shift):
    # the 95 % t interval of their mean ends just above or just below 0
    values = np.array([0.5, -0.3, 1.1, 0.2, -0.6])
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
    denominator = (values - values.mean() + half + shift)[None]
    silent, why = Moments().silent(Ratio(np.ones((1, 5)), denominator))
    assert silent.tolist() == [shift < 0] and "95 % interval" in why
    assert stats.ttest_1samp(denominator[0], 0).pvalue < 0.05 or shift < 0
    # for one model there is no interval, only the sign
    one, _ = Moments().silent(Ratio(np.ones((1, 1)), np.array([[shift]])))
    assert one.tolist() == [shift < 0]
