"""Tables that several tests use."""

import numpy as np
import pytest
from recall_examples import DENSE, RATIO_2, RATIO_50, draw_predictions

import regions
from analyses.benchmarks import recall_calibration as calibration


@pytest.fixture
def published():
    """The table of three published models."""
    return regions.RecallTable.from_counts(DENSE, {2: RATIO_2, 50: RATIO_50}, n=1000)


@pytest.fixture
def predicted():
    """A table with predictions."""
    return regions.RecallTable.from_predictions(*draw_predictions())


@pytest.fixture(scope="session")
def table():
    """A simulated table of thirty models at three ratios."""
    rng = np.random.default_rng(3)
    return calibration.simulate(rng, **calibration.CASES["P1"], ratios=(2.0, 4.0, 10.0))
