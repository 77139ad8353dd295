"""Shared by the tests of exact arithmetic."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20261128)
