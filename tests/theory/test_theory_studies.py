"""The two studies run end to end, resume, and draw what they computed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from analyses import ntk_pruning, sparse_index


@pytest.mark.parametrize("study", [ntk_pruning, sparse_index])
def test_study_resumes_and_draws(study, tmp_path):
    config = study.Config(out=tmp_path, smoke=True, progress=False)
    frame = study.compute(config)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    pd.testing.assert_frame_equal(study.compute(config), frame)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv")}
    assert not study.tabulate(frame)["mean"].isna().any()
    fig = study.draw(frame)
    assert all(ax.lines and ax.get_xlabel() and ax.get_ylabel() for ax in fig.axes)
    plt.close(fig)


def test_the_fitted_power_is_that_of_the_curve():
    widths = np.array([8, 16, 32])
    frame = pd.DataFrame(
        {"panel": "growing", "curve": "dense", "width": widths, "deviation": widths**-0.5}
    )
    assert ntk_pruning.slopes(frame)["dense"] == pytest.approx(-0.5)
