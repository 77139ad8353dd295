"""Tables that several tests use."""

import pytest
from recall_examples import DENSE, RATIO_2, RATIO_50, draw_predictions

import regions


@pytest.fixture
def published():
    """The table of three published models."""
    return regions.RecallTable.from_counts(DENSE, {2: RATIO_2, 50: RATIO_50}, n=1000)


@pytest.fixture
def predicted():
    """A table with predictions."""
    return regions.RecallTable.from_predictions(*draw_predictions())
