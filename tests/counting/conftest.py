import numpy as np
import pytest

from regions.counting import effort


@pytest.fixture
def rng():
    return np.random.default_rng(20261120)


@pytest.fixture(autouse=True)
def workers_at_once(monkeypatch):
    """Let workers do also what would take less time than their start."""
    monkeypatch.setattr(effort, "SECONDS_TO_START", dict.fromkeys(effort.SECONDS_TO_START, 0.0))
