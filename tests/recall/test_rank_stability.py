"""Rank stability against scipy's correlations."""

import numpy as np
import pytest
from recall_examples import DENSE, RATIO_2
from scipy import stats

import regions
from regions.recall import (
    rank_stability,
)


def test_rank_stability(published):
    frame = rank_stability(published)
    taus = [stats.kendalltau(a, b).statistic for a, b in zip(DENSE, RATIO_2, strict=True)]
    assert frame["kendall"][0] == pytest.approx(np.mean(taus))
    same = regions.RecallTable.from_counts(DENSE, {2: DENSE, 4: [[500] * 10] * 3}, 1000)
    frame = rank_stability(same)
    assert frame["kendall"][0] == pytest.approx(1) and np.isnan(frame["kendall"][1])
    assert frame["undefined"].tolist() == [0, 3]
