"""Halves of the images against the moments, and against every image."""

import numpy as np
import pytest

from analyses.benchmarks import recall_calibration as calibration
from regions.recall import SplitHalf
from regions.recall.balance import Scale
from regions.recall.moments import moments


def test_split_half_agrees_with_moments_on_one_table():
    table = calibration.simulate(np.random.default_rng(2), **calibration.CASES["N2"])
    groups = [table.counts]
    halves = SplitHalf(splits=400).ratios(groups, Scale(), np.random.default_rng(0))[0].value
    assert halves == pytest.approx(moments(table.counts, Scale()).value, abs=0.02)


def test_halves_hold_every_image_once():
    table = calibration.simulate(np.random.default_rng(2), **calibration.CASES["N2"])
    from regions.recall.split_half import _half

    half = _half(table.counts, np.random.default_rng(0))
    rest = table.counts - half
    assert (half.sizes == 50).all() and (rest.both >= 0).all()
    assert (np.minimum(half.dense, half.pruned) >= half.both).all()
    assert (half.both + rest.both == table.both).all()
