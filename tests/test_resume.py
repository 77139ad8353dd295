"""A study that is stopped goes on where it was and ends with the identical table."""

import json
import os
import signal
import threading
from functools import partial
from pathlib import Path

import joblib
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from regions import resume
from regions.errors import DataError
from regions.progress import track
from regions.resume import run_tasks
from regions.workers import Workers

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
    return pd.DataFrame({"value": [x / 3]})


def test_workers_give_the_same_table_and_write_nothing(tmp_path, monkeypatch):
    serial = run_tasks(TASKS, one_row, tmp_path / "serial")
    here = []
    monkeypatch.setattr(resume, "write_atomically", lambda *a: here.append(_write(*a)))
    with Workers(n_jobs=2).active():
        parallel = run_tasks(TASKS, one_row, tmp_path / "parallel")
    pd.testing.assert_frame_equal(serial, parallel, check_exact=True)
    assert len(here) == len(TASKS)


_write = resume.write_atomically


def test_a_broken_file_is_named(tmp_path):
    run_tasks(TASKS[:1], one_row, tmp_path)
    (file,) = tmp_path.glob("*.csv")
    file.write_text("")
    with pytest.raises(DataError, match=file.name):
        run_tasks(TASKS[:1], one_row, tmp_path)


def test_extra_arguments_name_no_task_and_are_made_when_needed(tmp_path):
    asked = []

    def extra(task):
        asked.append(task["x"])
        return {"offset": 10}

    def compute(x, offset):
        return pd.DataFrame({"sum": [x + offset]})

    run_tasks([{"x": 1}], compute, tmp_path, extra=extra)
    frame = run_tasks([{"x": 1}, {"x": 2}], compute, tmp_path, extra=extra)
    assert frame["sum"].tolist() == [11, 12]
    assert asked == [1, 2]
    assert list(frame.columns) == ["x", "sum"]


def test_times_are_kept_beside_the_tables(tmp_path):
    run_tasks(TASKS[:2], one_row, tmp_path)
    run_tasks(TASKS[:3], one_row, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / resume.SECONDS).read_text().splitlines()]
    assert [line["task"] for line in lines] == TASKS[:3]
    assert all(line["seconds"] >= 0 for line in lines)


def test_progress_counts_costs_and_what_was_finished_before(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resume, "track", partial(track, delay=0, mininterval=0))
    cost, tasks = (lambda task: task["x"]), [{"x": x, "kind": "a"} for x in (1, 3, 4)]
    run_tasks(tasks[:1], one_row, tmp_path)
    run_tasks(tasks, one_row, tmp_path, cost=cost, progress=True)
    shown = capsys.readouterr().err
    for part in ("12%", "50%", "1 of 3 to go", "100%", "0 of 3 to go", " left"):
        assert part in shown
    assert "2 of 3" not in shown


def report(x):
    pools = {pool["num_threads"] for pool in threadpool_info()}
    return pd.DataFrame({"threads": [max(pools)], "jobs": [joblib.effective_n_jobs(-1)]})


def test_a_task_runs_on_one_thread(tmp_path):
    with threadpool_limits(2):
        assert report(0)["threads"].tolist() == [2]
        frame = run_tasks([{"x": 1}], report, tmp_path)
        assert report(0)["threads"].tolist() == [2]
    assert frame["threads"].tolist() == frame["jobs"].tolist() == [1]


def deadly(x, flag):
    """Return a row; the first call with x = 3 kills its process instead."""
    if x == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return pd.DataFrame({"value": [x / 7]})


def killed(tmp_path):
    tasks = [{"x": x, "flag": str(tmp_path / "killed")} for x in range(12)]
    frame = run_tasks(tasks, deadly, tmp_path / "tasks")
    assert (tmp_path / "killed").exists()
    return frame["value"].tolist()


def test_a_killed_loky_worker_loses_nothing(tmp_path):
    with Workers(n_jobs=2).active():
        assert killed(tmp_path) == [x / 7 for x in range(12)]


def test_a_killed_dask_worker_loses_nothing(tmp_path):
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
    ):
        found = []

        def study():
            with Workers(backend="dask", address=cluster.scheduler_address).active():
                found.append(killed(tmp_path))

        # dask waits for ever if all workers are gone: then the test fails instead
        thread = threading.Thread(target=study, daemon=True)
        thread.start()
        thread.join(timeout=120)
        assert found == [[x / 7 for x in range(12)]]


def always_deadly(x):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_always_kills_its_worker_ends_the_run(tmp_path):
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with Workers(n_jobs=2).active(), pytest.raises(TerminatedWorkerError):
        run_tasks([{"x": 1}, {"x": 2}], always_deadly, tmp_path)
    assert not list(tmp_path.iterdir())
