"""A dask cluster of processes of their own: checked first, killed in the middle, interrupted."""

import os
import shutil
import signal
import threading
import time
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from machines import HERE, SECONDS, Machines
from test_stopping import counting, press_when

import regions
from analyses.figure2_bounds import Figure2Bounds
from analyses.study import compute
from regions import cluster
from regions.counting import effort
from regions.counting.effort import Effort
from regions.errors import ArgumentError, TaskError, WorkersLost
from regions.identity import content_of
from regions.journal import Journal
from regions.resume import run_tasks
from regions.workers import Workers, results_of

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    found = Machines(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            found.add_worker()
        yield found
    finally:
        found.close()


def in_time(function):
    """Call a function, but fail instead of hanging."""
    found = []

    def call():
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert found, "hangs"
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def on(machines, function):
    """Call a function whose tasks are for the workers of the machines (joblib asks per thread)."""

    def call():
        with Workers(backend="dask", address=machines.address).active():
            return function()

    return in_time(call)


def square(x):
    return pd.DataFrame({"y": [x * x], "by": [os.getpid()]})


def test_a_study_runs_on_machines_that_work_elsewhere(machines, tmp_path):
    tasks = [{"x": x} for x in range(6)]
    frame = on(machines, lambda: run_tasks(tasks, square, tmp_path))
    assert frame["y"].tolist() == [x * x for x in range(6)]
    assert os.getpid() not in set(frame["by"])


@contextmanager
def package(folder, content):
    (folder / "other" / "regions").mkdir(parents=True)
    (folder / "other" / "regions" / "__init__.py").write_text(content)
    yield folder / "other"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("raise ImportError('No module named regions')", "cannot import 'regions'"),
        ("__version__ = '0.1'", "has another version"),
    ],
)
def test_a_worker_without_this_package_is_named_before_the_work(machines, tmp_path, content, said):
    with package(tmp_path, content) as other:
        worker = machines.add_worker(first=other)
        with pytest.raises(ArgumentError, match=said) as error:
            on(machines, lambda: pytest.fail("work has begun"))
        worker.kill()
        machines.without(worker)
    assert "worker tcp://127.0.0.1" in str(error.value) and "\n" not in str(error.value)


def test_modules_and_files_that_workers_lack_are_named(machines, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def work(x): return x")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ArgumentError, match=r"cannot import 'only_here'.*PYTHONPATH"):
        on(machines, lambda: cluster.check(["only_here"]))
    path = str(tmp_path / "only_here.py")
    with pytest.raises(ArgumentError, match="does not see"):
        on(machines, lambda: cluster.check(files={path: "another content"}))
    on(machines, lambda: cluster.check(["test_cluster"], content_of(path, {})))


def test_a_worker_with_other_code_of_a_study_is_named_before_the_work(machines, tmp_path):
    """Such as an `analyses` of an older checkout, from which the tasks would be taken."""
    shutil.copytree(HERE / "analyses", tmp_path / "older" / "analyses")
    (tmp_path / "older" / "analyses" / "compression_verdicts.py").write_text("OLD = True")
    worker = machines.add_worker(first=tmp_path / "older")
    study = Figure2Bounds(dims=(1,), densities=(0.1,), seeds=1, samples=5, progress=False,
                          out=tmp_path / "out", workers=Workers(backend="dask",
                          address=machines.address))  # fmt: skip
    with pytest.raises(ArgumentError, match=r"^the dask worker tcp://.* has other code of 'analys"):
        in_time(lambda: compute(study))
    worker.kill()
    machines.without(worker)
    assert len(in_time(lambda: compute(study))) == 2


def mortal(x, flag):
    """The first call with x = 3 kills its worker."""
    time.sleep(0.05)
    if x == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return pd.DataFrame({"y": [x]})


def test_a_killed_worker_loses_nothing(machines, tmp_path):
    tasks = [{"x": x, "flag": str(tmp_path / "killed")} for x in range(12)]
    frame = on(machines, lambda: run_tasks(tasks, mortal, tmp_path / "tasks"))
    assert (tmp_path / "killed").exists() and frame["y"].tolist() == list(range(12))
    (dead,) = (process for process in machines.running if process.poll() is not None)
    machines.without(dead)
    machines.add_worker()


def slow(x, flag, quick):
    """Return at once in the first `quick` calls, whichever these are; others wait for a file."""
    (Path(flag) / str(x)).touch()
    for place in range(quick):
        with suppress(FileExistsError):
            (Path(flag) / f"place-{place}").touch(exist_ok=False)
            return pd.DataFrame({"y": [x]})
    end = time.monotonic() + 2 * SECONDS
    while time.monotonic() < end and not (Path(flag) / "enough").exists():
        time.sleep(0.02)


def unfinished(dask_scheduler):
    return [key for key, task in dask_scheduler.tasks.items() if task.state != "memory"]


def test_what_is_left_early_is_cancelled(machines, tmp_path):
    def leave():
        tasks = [(x, (x, str(tmp_path), 1)) for x in range(8)]
        with closing(results_of(slow, tasks)) as running:
            next(running)
        machines.wait(lambda: not machines.client.run_on_scheduler(unfinished))

    on(machines, leave)
    (tmp_path / "enough").touch()
    assert len(list(tmp_path.glob("[0-9]*"))) <= 5  # of eight


def entry(x, array):
    return float(array[x])


def received(machines):
    """Return how many bytes the workers' machines have read."""
    return sum(
        psutil.Process(process.pid).io_counters().read_chars for process in machines.running[1:]
    )


def test_what_is_common_travels_to_a_worker_once(machines):
    array = np.random.default_rng(0).normal(size=500_000)  # 4 MB

    def count(tasks):
        before = received(machines)
        found = dict(results_of(entry, ((x, (x,)) for x in range(tasks)), (array,)))
        assert found == {x: float(array[x]) for x in range(tasks)}
        return received(machines) - before

    few, many = on(machines, lambda: (count(4), count(64)))
    assert many < few + array.nbytes


def test_counts_on_a_cluster(machines, monkeypatch):
    monkeypatch.setattr(effort, "SECONDS_TO_START", dict.fromkeys(effort.SECONDS_TO_START, 0.0))
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in ((3, 8), (8, 8), (8, 1))]
    net, box = regions.as_network(layers), regions.Box.cube(3, -1.0, 1.0)
    for method in ("cells", "vertices", "plane", "line"):
        domain = box
        if method in ("plane", "line"):
            points = rng.normal(size=(3 if method == "plane" else 2, 3))
            domain = regions.Slice.through(points, box if method == "plane" else None)
        expected = regions.count_regions(net, domain, method=method).count
        count = partial(regions.count_regions, net, domain, method=method, n_jobs=2)
        assert on(machines, count).count == expected


def test_ctrl_c_stops_what_is_at_work_and_keeps_what_it_knows(machines, tmp_path):
    found = {}
    workers = Workers(backend="dask", address=machines.address)
    with workers.active(), pytest.raises(KeyboardInterrupt):
        with Effort().shared() as told:
            press_when(lambda: len(list(tmp_path.iterdir())) == 2)
            tasks = [(key, (key, told, tmp_path)) for key in range(6)]
            found.update(results_of(counting, tasks))
    assert sorted(found) == list(range(6))
    assert sum(count >= 20 for count in found.values()) >= 2


def test_a_failing_task_is_named(machines, tmp_path):
    with pytest.raises(TaskError, match="1 of 2 tasks failed"):
        on(machines, lambda: run_tasks([{"x": 1}, {"x": "a"}], square, tmp_path))


# the last one: nothing runs on these machines any more
def test_a_killed_scheduler_keeps_what_is_finished(machines, tmp_path):
    # a worker need not take its tasks in their order
    tasks = [{"x": x, "flag": str(tmp_path), "quick": 2} for x in range(4)]

    def finished():
        with Journal(tmp_path / "tasks") as journal:
            return len(journal.finished)

    def kill():
        machines.wait(lambda: finished() >= 2)
        machines.running[0].kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(WorkersLost, match="dask cluster is gone"):
        on(machines, lambda: run_tasks(tasks, slow, tmp_path / "tasks"))
    assert finished() == 2
