"""What the two studies measure."""

import numpy as np
import pandas as pd
import pytest

from analyses import ntk_pruning
from analyses.sparse_index import SparseIndex


def test_the_oracle_and_all_inputs_keep_the_support():
    study = SparseIndex(inputs=24, support=3, kept=5, pairs=8)
    found = study.measure(samples=200, seed=0).set_index("arm")
    assert (found.loc[["oracle", "all inputs"], "recall"] == 1).all()
    assert found.loc["oracle", "inputs_kept"] == 3 and found.loc["all inputs", "inputs_kept"] == 24
    assert found.loc["oracle", "r_squared"] > found.loc["all inputs", "r_squared"]


def test_the_fitted_power_is_that_of_the_curve():
    widths = np.array([8, 16, 32])
    frame = pd.DataFrame(
        {"panel": "growing", "curve": "dense", "width": widths, "deviation": widths**-0.5}
    )
    assert ntk_pruning.slopes(frame)["dense"] == pytest.approx(-0.5)
