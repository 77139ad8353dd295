"""A study that is stopped goes on where it was and ends with the identical table."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path

import joblib
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import regions
from regions import identity, resume
from regions.errors import TaskError, WorkersLost
from regions.journal import Journal
from regions.progress import track
from regions.resume import run_tasks
from regions.workers import Workers

JOURNALS = "tasks-*.journal"
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
    monkeypatch.setattr(Journal, "finish", lambda *a: here.append(_finish(*a)))
    with Workers(n_jobs=2).active():
        parallel = run_tasks(TASKS, one_row, tmp_path / "parallel")
    pd.testing.assert_frame_equal(serial, parallel, check_exact=True)
    assert len(here) == len(TASKS)


_finish = Journal.finish


def damage(content):
    """Return every kind of damage to a journal whose first line claims and second one finishes."""
    first, second, *rest = content.splitlines(keepends=True)
    return {
        "nothing in it": b"",
        "a line is missing": b"".join([first, *rest]),
        "the end is cut": content[:-4],
        "the end of line is cut": content[:-1],
        "a line is cut": b"".join([first, second[:30] + b"\n", *rest]),
        "another column": content.replace(b"value", b"other", 1),
        "a column more": content.replace(b"value", b"value,more", 1),
        "a digit": content.replace(b"0.3", b"0.4", 1),
        "NULs": content[: len(first)] + bytes(len(content) - len(first)),
        "text": b"hello",
        "no text": bytes(range(256)),
        "another format": b"PK\x03\x04" + second + b"".join(rest),
    }


def rows(x, kind):
    return pd.DataFrame({"value": [x / 3 + 1 / 3, x / 7, 0.3], "name": ["a", "b", kind]})


KINDS = list(damage(b'1 {"a": 1}\n2 {"value": 0.3}\n'))
LOSES_WHOLE_LINES = ("nothing in it", "a line is missing")


@pytest.mark.parametrize("case", KINDS)
def test_damaged_lines_are_computed_again_and_said_once(tmp_path, case):
    expected = run_tasks(TASKS, rows, tmp_path)
    (file,) = tmp_path.glob(JOURNALS)
    content = file.read_bytes()
    changed = damage(content)[case]
    assert changed != content
    file.write_bytes(changed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = run_tasks(TASKS, rows, tmp_path)
    assert len(said) == (case not in LOSES_WHOLE_LINES)
    for warning in said:
        assert file.name in str(warning.message) and warning.filename == __file__
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    pd.testing.assert_frame_equal(run_tasks(TASKS, rows, tmp_path), expected, check_exact=True)


def test_only_damaged_lines_are_computed_again(tmp_path):
    calls = []

    def compute(x):
        calls.append(x)
        return pd.DataFrame({"y": [x]})

    tasks = [{"x": x} for x in range(5)]
    run_tasks(tasks, compute, tmp_path)
    (file,) = tmp_path.glob(JOURNALS)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"finished", b"finishes")
    file.write_bytes(b"".join(lines))
    with pytest.warns(UserWarning, match="1 in tasks-"):
        run_tasks(tasks, compute, tmp_path)
    assert calls == [0, 1, 2, 3, 4, 0]


def test_a_failed_task_stops_no_other_and_is_named(tmp_path):
    broken = [True]

    def compute(x):
        if x == 1 and broken:
            raise ValueError("one is too many")
        return pd.DataFrame({"y": [x]})

    tasks = [{"x": x} for x in range(4)]
    with pytest.raises(TaskError, match=r"(?s)1 of 4 tasks failed.*'x': 1.*ValueError: one is"):
        run_tasks(tasks, compute, tmp_path)
    with Journal(tmp_path) as journal:
        assert len(journal.finished) == 3
        (failure,) = journal.failed.values()
        assert failure.arguments == {"x": 1} and "in compute" in failure.trace
    broken.clear()
    assert run_tasks(tasks, compute, tmp_path)["y"].tolist() == [0, 1, 2, 3]
    with Journal(tmp_path) as journal:
        assert not journal.failed


def test_how_far_a_study_is_can_be_asked(tmp_path):
    def compute(x):
        if x == 2:
            raise ValueError("two")
        return pd.DataFrame({"y": [x]})

    tasks = [{"x": x} for x in range(4)]
    assert resume.state_of(tasks, compute, tmp_path / "nothing").left == 4
    with pytest.raises(TaskError):
        run_tasks(tasks[:3], compute, tmp_path)
    state = resume.state_of(tasks, compute, tmp_path)
    assert (state.done, state.running, state.left) == (2, 0, 2)
    assert state.rows["y"].tolist() == [0, 1] and state.seconds >= 0
    assert [failure.arguments for failure in state.failed] == [{"x": 2}]
    with Journal(tmp_path) as another:
        name = next(n for n in resume._names(tasks, compute, {}) if another.claim(n))
        assert resume.state_of(tasks, compute, tmp_path).running == 1 and name
    assert resume.state_of(tasks, compute, tmp_path).running == 0


SHARED = """
import os, sys, time
from pathlib import Path
import pandas as pd
from regions.resume import run_tasks

def compute(x):
    # not an argument: the content of files that arguments name is part of a task's name
    with open(sys.argv[2], "a") as stream:
        stream.write(f"{x}\\n")
    time.sleep(0.1)
    kill = sys.argv[3]
    if x == 3 and kill and not Path(kill).exists():
        Path(kill).touch()
        os._exit(1)
    return pd.DataFrame({"y": [x * x]})

if __name__ == "__main__":
    print(run_tasks([{"x": x} for x in range(8)], compute, sys.argv[1])["y"].tolist())
"""


@pytest.mark.parametrize("kill", [False, True])
def test_two_processes_share_the_tasks_of_a_folder(tmp_path, kill):
    script, log = tmp_path / "shared.py", tmp_path / "log.txt"
    script.write_text(SHARED)
    log.touch()
    flag = str(tmp_path / "killed") if kill else ""
    command = [sys.executable, str(script), str(tmp_path / "tasks"), str(log), flag]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=100)[0].strip() for run in runs]
    expected = str([x * x for x in range(8)])
    # a process that died left its claim; the other one does that task too
    assert sorted(said) == (["", expected] if kill else [expected, expected])
    done = sorted(int(x) for x in log.read_text().split())
    assert done == sorted([*range(8), 3] if kill else range(8))


def total(path, **_):
    path = Path(path)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return pd.DataFrame({"total": [sum(int(file.read_text()) for file in files)]})


@pytest.mark.parametrize("shape", ["path", "list", "mapping"])
def test_other_data_under_the_same_name_is_another_task(tmp_path, shape):
    file = tmp_path / "data.txt"
    parts = {"path": str(file), "list": [[str(file)]], "mapping": {"files": {"a": str(file)}}}
    task, calls = {"path": str(file), "named": parts[shape]}, []
    if shape != "path":
        task["path"] = str(tmp_path / "link.txt")  # the task names the data in another way
        (tmp_path / "link.txt").symlink_to(file)

    def compute(path, named):
        calls.append(path)
        return total(path)

    for number, expected in (("1", 1), ("2", 2), ("2", 2), ("1", 1)):
        file.write_text(number)
        frame = run_tasks([task], compute, tmp_path / "tasks")
        assert frame["total"].tolist() == [expected]
    assert len(calls) == 2
    stamp = file.stat()
    file.write_text("3")  # of the same size and time
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run_tasks([task], compute, tmp_path / "tasks")["total"].tolist() == [3]


def test_data_folders_and_settings_that_name_data_count_too(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "b").write_text("2")
    task, home = {"path": str(folder)}, tmp_path / "tasks"
    assert run_tasks([task], total, home)["total"].tolist() == [3]
    before = resume.fingerprint({"data": folder})
    (folder / "b").write_text("5")
    assert run_tasks([task], total, home)["total"].tolist() == [6]
    assert resume.fingerprint({"data": folder}) != before
    (folder / "b").rename(folder / "c")
    assert resume.fingerprint({"data": str(folder)}) not in (before, "")
    assert resume.fingerprint({"data": "a\0b"}) == resume.fingerprint({"data": "a\0b"})


MODULE = """
import pandas as pd

def compute(x):
    return pd.DataFrame({"y": [SIZE * x]})

def other(x):
    return pd.DataFrame({"y": [-x]})
"""


def test_other_code_is_another_task(tmp_path, monkeypatch):
    file = tmp_path / "study_of_a_test.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    home = tmp_path / "tasks"
    for size in (1, 2):
        file.write_text(MODULE.replace("SIZE", str(size)))
        sys.modules.pop(file.stem, None)
        importlib.invalidate_caches()
        module = importlib.import_module(file.stem)
        assert run_tasks([{"x": 3}], module.compute, home)["y"].tolist() == [3 * size]
    assert run_tasks([{"x": 3}], module.other, home)["y"].tolist() == [-3]
    with Journal(home) as journal:
        assert len(journal.finished) == 3
    sys.modules.pop(file.stem)


def test_code_that_was_typed_in_counts_by_its_instructions(tmp_path):
    for line, expected in (("x + 1", 4), ("x + 2", 5), ("(lambda: x + 3)()", 6)):
        names = {"pd": pd}
        exec(f"def compute(x):\n    return pd.DataFrame({{'y': [{line}]}})", names)
        assert run_tasks([{"x": 3}], names["compute"], tmp_path)["y"].tolist() == [expected]


def test_plain_arguments_of_a_partial_function_count(tmp_path):
    for kind in ("a", "b"):
        compute = partial(one_value, kind=kind)
        assert run_tasks([{"x": 3}], compute, tmp_path)["kind"].tolist() == [kind]


def one_value(x, kind):
    return pd.DataFrame({"kind": [kind]})


def test_a_new_version_and_a_changed_package_are_other_tasks(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "package_code", identity.package_code.__wrapped__)
    monkeypatch.setattr(resume, "package_code", lambda: identity.package_code())
    before = resume.fingerprint({"x": 1})
    monkeypatch.setattr(regions, "__version__", "99.0")
    newer = resume.fingerprint({"x": 1})
    monkeypatch.setattr(identity, "_tree_hash", lambda folder: "changed")
    assert len({before, newer, resume.fingerprint({"x": 1})}) == 3


def test_what_is_loaded_keeps_its_hash(tmp_path, monkeypatch):
    """A worker that lives since before a file was changed still runs what it was."""
    (tmp_path / "some_module.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = identity.module_code("some_module")
    (tmp_path / "some_module.py").write_text("x = 2")
    assert identity.module_code("some_module") == before
    assert identity.module_code.__wrapped__("some_module") != before
    assert identity.module_code("builtins") == ""


def test_the_hash_of_source_follows_every_file_and_its_place(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "part" / "b.py").write_text("y = 1")
    seen = {identity._tree_hash(tmp_path)}
    (tmp_path / "part" / "b.py").write_text("y = 2")
    seen.add(identity._tree_hash(tmp_path))
    (tmp_path / "part" / "b.py").rename(tmp_path / "b.py")
    seen.add(identity._tree_hash(tmp_path))
    assert len(seen) == 3
    (tmp_path / "notes.txt").write_text("no code")
    assert identity._tree_hash(tmp_path) in seen


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
    with Journal(tmp_path) as journal:
        assert len(journal.finished) == 3
        assert all(found.seconds >= 0 for found in journal.finished.values())


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
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
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
    with Workers(n_jobs=2).active(), pytest.raises(WorkersLost, match="TerminatedWorkerError"):
        run_tasks([{"x": 1}, {"x": 2}], always_deadly, tmp_path)
    with Journal(tmp_path) as journal:
        assert not journal.finished
