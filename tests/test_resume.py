"""A study that is stopped goes on where it was and ends with the identical table."""

import pandas as pd
import pytest

from regions.errors import DataError
from regions.resume import run_tasks

TASKS = [{"x": x, "kind": kind} for x in range(3) for kind in ("a", "b")]


def test_a_stopped_run_resumes(tmp_path):
    calls = []

    def compute(x, kind):
        if len(calls) == 4 and stop:
            raise KeyboardInterrupt
        calls.append((x, kind))
        return pd.DataFrame({"value": [x / 3, x / 7]})

    stop = True
    with pytest.raises(KeyboardInterrupt):
        run_tasks(TASKS, compute, tmp_path)
    stop = False
    resumed = run_tasks(TASKS, compute, tmp_path)
    assert len(calls) == len(TASKS) == len(set(calls))
    fresh = run_tasks(TASKS, compute, tmp_path / "fresh")
    pd.testing.assert_frame_equal(resumed, fresh, check_exact=True)
    assert list(resumed.columns) == ["x", "kind", "value"]


def one_row(x, kind):
    return pd.DataFrame({"value": [x]})


def test_workers_give_the_same_table(tmp_path):
    serial = run_tasks(TASKS, one_row, tmp_path / "serial")
    parallel = run_tasks(TASKS, one_row, tmp_path / "parallel", n_jobs=2)
    pd.testing.assert_frame_equal(serial, parallel)


def test_a_broken_file_is_named(tmp_path):
    run_tasks(TASKS[:1], one_row, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text("")
    with pytest.raises(DataError, match=file.name):
        run_tasks(TASKS[:1], one_row, tmp_path)
