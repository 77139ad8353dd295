"""Dispersion that measurement noise does not move."""

import numpy as np
import pytest

import regions
from analyses.benchmarks import recall_calibration as calibration
from regions.recall import dispersion


def test_dispersion_is_immune_to_equal_noise():
    tables = [
        calibration.simulate(
            np.random.default_rng(s), **{**calibration.CASES["N1"], "accuracy": 0.85}
        )
        for s in range(30)
    ]
    frames = [dispersion(table) for table in tables]
    assert np.mean([f["dispersion"][0] for f in frames]) == pytest.approx(1, abs=0.02)
    assert np.mean([f["pvalue"][0] < 0.05 for f in frames]) <= 0.2
    assert np.mean([regions.intensification(t, "ols").pvalue[0] < 0.05 for t in tables]) > 0.8
