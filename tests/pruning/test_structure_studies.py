"""The studies and the benchmark of structured sparsity run end to end, resume, and draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analyses import block_sparsity, degree_weighted, spectral_pruning
from analyses.benchmarks import blocks


@pytest.mark.parametrize("study", [block_sparsity, degree_weighted, spectral_pruning])
def test_study_resumes_and_draws(study, tmp_path):
    config = study.Config(out=tmp_path, smoke=True, progress=False)
    frame = study.compute(config)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    pd.testing.assert_frame_equal(study.compute(config), frame)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    table = study.tabulate(frame)
    assert len(table) > 1 and not table["mean"].isna().any()
    fig = study.draw(frame)
    assert all(ax.lines and ax.get_xlabel() and ax.get_ylabel() for ax in fig.axes)
    plt.close(fig)


def test_arms_are_compared_at_equal_density(tmp_path):
    frame = block_sparsity.compute(block_sparsity.Config(out=tmp_path, smoke=True, progress=False))
    assert frame["kept"].max() <= 0.2501 and frame["kept"].min() > 0.24
    best = frame.loc[frame.groupby("seed")["energy"].idxmax(), "arm"]
    assert set(best) == {"unstructured"}


def test_benchmark_products_agree(tmp_path):
    frame = blocks.compute(blocks.Config(out=tmp_path, smoke=True))
    assert frame["largest_difference"].max() < 1e-4
    assert (frame["index_bytes"] < frame["csr_index_bytes"]).all()
    assert (frame["energy"] < frame["energy_unstructured"]).all()
    assert np.isfinite(frame.filter(like="ratio")).all().all()
