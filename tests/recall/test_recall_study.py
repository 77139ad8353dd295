"""The published networks again: needs the counts recovered from the vector graphics of Figure 5.

REGIONS_RECALL_COUNTS=PATH python -m pytest -m study tests/recall/test_recall_study.py
"""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import regions
from analyses import recall_published as published
from regions.recall import break_even, equivalence, trend

pytestmark = pytest.mark.study


@pytest.fixture(scope="module")
def tables():
    path = os.environ.get("REGIONS_RECALL_COUNTS")
    if not path:
        pytest.skip("REGIONS_RECALL_COUNTS does not name the recovered counts")
    return published.read_tables(Path(path))


def test_every_printed_number_and_verdict(tables):
    frame = published.compare_with_published(tables)
    assert len(frame) == 20
    assert published.disagreements(frame) == []


def test_trend_and_equivalence(tables):
    found = trend(tables["MP"], "ols")
    assert found.page_statistic == 1639
    assert found.page_pvalue == pytest.approx(2.5e-26, rel=0.05)
    assert found.friedman_statistic == pytest.approx(113.627, abs=5e-4)
    for margin, expected in ((0.1, 9.4e-7), (0.05, 0.18)):
        frame = equivalence(tables["MP"], margin, estimator="ols", correction="none")
        assert frame["pvalue"][1] == pytest.approx(expected, rel=0.01)
    signed = regions.intensification(tables["MP"], "ols", test="wilcoxon", correction="none")
    assert signed.pvalue[1] == pytest.approx(5.5e-4, rel=0.02)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MP", (0.036, 7e-11, 1e-14, 2e-22)),
        ("GP", (2e-5, 8e-12, 9e-14, 7e-21)),
        ("UP", (0.89, 5e-5, 5e-11, 1e-18)),
        ("RP", (0.034, 1, 1, 1)),
    ],
)
def test_steps_between_ratios(tables, name, expected):
    steps = trend(tables[name], "ols").steps["pvalue_adjusted"]
    assert np.log10(steps).to_numpy() == pytest.approx(np.log10(expected), abs=0.2)


def test_no_arm_shares_dense_networks(tables):
    result = regions.compare_intensification(
        tables["MP"], tables["UP"], estimator="ols", correction="none"
    )
    assert not result.paired
    expected = np.array([1, 0.62, 0.0012, 0.0022, 3e-8])
    assert np.minimum(1, 6 * result.pvalue) == pytest.approx(expected, rel=0.1)
    x, y = (regions.intensification(tables[name], "ols").per_model for name in ("MP", "UP"))
    assert result.pvalue == pytest.approx(stats.ttest_ind(x, y, axis=1, equal_var=False).pvalue)
    with pytest.raises(regions.errors.ArgumentError, match="do not prune the same"):
        regions.compare_intensification(tables["MP"], tables["UP"], paired=True)


def test_break_even_and_limits(tables):
    for name, expected in (("MP", 5.7), ("GP", 4.3), ("UP", 9.4)):
        found = break_even(tables[name], "ols")
        assert found.ratio == pytest.approx(expected, abs=0.05)
        assert found.low < expected < found.high
    for name, row, nested, independent in (
        ("MP", 0, 0.928, 0.956), ("GP", 1, 0.984, 1.015), ("UP", 2, 1.005, 1.035),
    ):  # fmt: skip
        bounds = regions.intensification(tables[name]).bounds[:, row]
        assert bounds.min() == pytest.approx(nested, abs=1e-3)
        assert bounds[1] == pytest.approx(independent, abs=4e-3)


def test_cross_model_slopes(tables):
    expected = [0.938, 0.966, 1.074, 1.262, 1.825]
    found = regions.intensification(tables["MP"], "cross_model").estimate
    assert found == pytest.approx(expected, abs=2e-3)
