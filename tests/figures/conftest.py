import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")


@pytest.fixture
def frame():
    """Three methods at four densities, five seeds each."""
    rng = np.random.default_rng(0)
    rows = [
        {"density": density, "method": method, "seed": seed, "accuracy": rng.normal(50 + i, 2)}
        for i, method in enumerate(["uniform", "expected", "effective"])
        for density in (0.001, 0.01, 0.1, 1.0)
        for seed in range(5)
    ]
    return pd.DataFrame(rows)
