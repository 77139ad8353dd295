"""Every study runs from the command line in its small form, repeats to the byte, and resumes.

All of them run once, as continuous integration does; one that trains is killed and goes on in two
processes under another hash seed, and one runs on a cluster (with `-m study`: all).
"""

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import fields, replace
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
from machines import Machines

from analyses.__main__ import listing, main, smoke
from analyses.backdoor import Backdoor
from analyses.catalogue import HERE, entries
from analyses.figure2_bounds import Figure2Bounds
from analyses.methods_table import MethodsTable
from analyses.study import Study, compute, study_of
from regions.journal import Journal
from regions.resume import fingerprint

STUDIES, BENCHMARKS = entries(), entries("analyses.benchmarks")
# what may differ from run to run: times
UNEQUAL = {"run.json"}
SECONDS = 360  # after which something hangs


def python(*arguments, hash_seed=0, **options):
    """Run Python from the checkout; fail with what it said."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder):
    """Return the bytes of every file below, without records of time."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {str(path.relative_to(folder)): path for path in files if path.name not in UNEQUAL}
    return {name: path.read_bytes() for name, path in names.items() if "tasks/" not in name}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder in which all studies have run in small."""
    folder = tmp_path_factory.mktemp("smoke")
    out = python("-m", "analyses", "--smoke", "--out", folder, hash_seed=1)
    assert all(f"== {name}: " in out for name in STUDIES)
    return folder


@pytest.mark.parametrize("name", STUDIES)
def test_figure_numbers_and_record(name, finished):
    kinds = {path.suffix for path in (finished / name).rglob("*") if path.is_file()}
    assert {".png", ".pdf", ".svg", ".csv", ".json"} <= kinds


def differing(first, second):
    """Return the names of files that two folders do not have alike."""
    one, two = written(first), written(second)
    return [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]


@pytest.mark.study
def test_second_runs_of_all_in_two_processes_give_the_same_bytes(finished, tmp_path):
    python("-m", "analyses", "--smoke", "--n-jobs", 2, "--out", tmp_path, hash_seed=2)
    assert written(tmp_path) and differing(finished, tmp_path) == []


HELD = """
import sys, time
from pathlib import Path
from analyses.study import launch
from regions import resume

flag, compute = Path(sys.argv.pop()), resume._compute

def held(task, *rest):  # the study's own function names the tasks, and stays
    if (task["points"], task["density"], task["seed"]) == (3, 0.1, 0):
        flag.touch()
        time.sleep(600)
    return compute(task, *rest)

resume._compute = held
launch("count_regions_mnist", sys.argv[1:])
"""


def finished_tasks(out):
    found = {}
    for folder in out.glob("tasks/*"):
        with Journal(folder) as journal:
            found |= {(folder.name, name): task for name, task in journal.finished.items()}
    return found


def test_a_killed_study_resumes_as_a_file_in_two_processes_with_the_same_bytes(finished, tmp_path):
    flag, out = tmp_path / "held", tmp_path / "out"
    options = ["--smoke", "--no-progress", "--out", str(out)]
    running = subprocess.Popen(
        [sys.executable, "-c", HELD, *options, str(flag)], cwd=HERE.parent, stdout=subprocess.PIPE
    )
    try:
        while not flag.exists():
            assert running.poll() is None
            time.sleep(0.02)
    finally:
        running.kill()  # SIGKILL
        running.communicate()
    reference = finished / "count_regions_mnist"
    before = finished_tasks(out)
    assert 0 < len(before) < len(finished_tasks(reference))
    assert not list(out.glob("*"))[1:]  # tasks alone: no table, no figure
    python("-m", "analyses.count_regions_mnist", "--n-jobs", 2, *options)
    assert written(out) == written(reference)
    assert before.items() <= finished_tasks(out).items()  # with their seconds: none was done again


@pytest.mark.parametrize("name", STUDIES)
def test_what_a_study_declares_fits_together(name):
    kind = study_of(import_module(f"analyses.{name}"))
    own = {part.name for part in fields(kind)} - {part.name for part in fields(Study)}
    small = kind(smoke=True).settled()
    assert {*kind.small, *kind.choosing} <= own
    # a small value that is the full one would be no smaller
    assert [key for key, value in kind.small.items() if value == getattr(kind(), key)] in (
        [],
        ["data"],
    )
    tasks = small.grid()
    assert len({fingerprint(task) for task in tasks}) == len(tasks) > 1
    for task in tasks:
        assert not task.keys() & small.settings().keys()
        signature(small.measure).bind_partial(**task)
        assert small.cost(**task) > 0
    # other processes get the study and find its class by name
    assert pickle.loads(pickle.dumps(small)) == small


def test_a_study_is_found_by_what_its_tasks_depend_on(tmp_path):
    """More points of the grid cost only themselves; another setting is another study."""
    few = {"dims": (1,), "densities": (0.1,), "samples": 5, "progress": False, "out": tmp_path}
    study = Figure2Bounds(seeds=1, **few)

    compute(study)
    first = finished_tasks(tmp_path)
    assert len(first) == 2
    compute(replace(study, seeds=2))
    assert first.items() < finished_tasks(tmp_path).items() and len(finished_tasks(tmp_path)) == 4
    compute(replace(study, samples=6, seeds=1))
    assert len(finished_tasks(tmp_path)) == 6 and len(list((tmp_path / "tasks").iterdir())) == 2


def test_axes_are_a_number_a_tuple_one_value_or_several_arguments():
    study = MethodsTable(arms=("magnitude", "random"), densities=(0.5, 0.2))
    pairs = [(task["arm"], task["budget"]) for task in study.grid()]
    assert pairs == [("magnitude", 1.0)] + [(a, d) for a in study.arms for d in (0.5, 0.2)]
    tasks = Figure2Bounds(dims=(1, 4), densities=(0.5,), seeds=3).grid()
    assert [task["seed"] for task in tasks] == [0, 1, 2] * 4
    assert [task["dim"] for task in tasks] == [1, 1, 1, 4, 4, 4] * 2
    assert [task["source"] for task in Backdoor(seeds=2).grid()] == ["digits", "digits"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    pytest.importorskip("distributed")
    found = Machines(tmp_path_factory.mktemp("cluster"))
    try:
        found.add_worker()
        found.add_worker()
        yield found
    finally:
        found.close()


@pytest.mark.study
@pytest.mark.parametrize("name", STUDIES)
def test_the_same_command_runs_on_a_dask_cluster(name, finished, machines, tmp_path):
    options = ["--smoke", "--no-progress", "--out", tmp_path, "--backend", "dask"]
    before = machines.worked()
    python("-m", "analyses", name, *options, "--address", machines.address)
    assert written(tmp_path) == written(finished / name)
    assert machines.worked() > before


def test_the_recipe_of_the_readme_gives_the_same_bytes(finished, tmp_path):
    pytest.importorskip("distributed")
    readme = (HERE.parent / "README.md").read_text()
    (recipe,) = re.findall(r"```cluster\n(.*?)```", readme, re.DOTALL)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    for name, value in {"SHARED": HERE.parent, "HOST": "127.0.0.1", "PORT": port}.items():
        recipe = re.sub(rf"\b{name}\b", str(value), recipe)
    # the study that is quickest on machines that import everything anew
    recipe = re.sub(r"-m analyses \w+ ", "-m analyses figure2_bounds ", recipe)
    *machines, study = recipe.splitlines()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    running = []
    try:
        for number, command in enumerate([*machines, study]):
            home = tmp_path / str(number)
            home.mkdir()
            with (home / "log").open("w") as log:
                how = {"env": {**os.environ, "PATH": path}, "stdout": log, "stderr": log}
                running.append(
                    subprocess.Popen(command, shell=True, cwd=home, start_new_session=True, **how)
                )
        assert running[-1].wait(SECONDS) == 0, (home / "log").read_text()
        assert written(home / "out" / "figure2_bounds") == written(finished / "figure2_bounds")
        assert "cannot" not in (home / "log").read_text()
    finally:
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_failing_studies_are_named_and_stop_no_other(tmp_path, capsys):
    assert smoke(tmp_path, ["absent", "absent_too"]) == 1
    assert capsys.readouterr().err.endswith("failed: absent, absent_too\n")


def test_bad_input_is_one_line_and_writes_nothing(tmp_path, capsys):
    options = ["--data", str(tmp_path / "absent.npz"), "--out", str(tmp_path / "out")]
    assert main(["recall_distortion", *options]) == 1
    err = capsys.readouterr().err
    assert err.startswith("recall_distortion: ") and "absent.npz" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_every_script_is_listed(capsys):
    assert main(["--list"]) == 0
    out = capsys.readouterr().out
    for folder, known in ((HERE, STUDIES), (HERE / "benchmarks", BENCHMARKS)):
        scripts = {p.stem for p in folder.glob("[a-z]*.py") if "__main__" in p.read_text()}
        assert scripts == set(known), "a script needs an ENTRY (analyses/catalogue.py)"
        assert all(f".{name} " in out for name in known)
        assert all(entry.minutes is None or entry.minutes > 0 for entry in known.values())


def test_listing_imports_nothing_heavy():
    code = (
        "from analyses.__main__ import main; main(['--list']); import sys; print(len(sys.modules))"
    )
    code += "; print([m for m in ('torch', 'pandas', 'numpy', 'tyro') if m in sys.modules])"
    assert python("-c", code).endswith("[]\n")


def test_wrong_usage(capsys):
    for given in ([], ["no_such_study"]):
        with pytest.raises(SystemExit, match="2"):
            main(given)
    assert "no_such_study" in capsys.readouterr().err
    assert listing("analyses", {}).startswith("figure")


def test_a_relative_path_of_data_is_resolved_before_workers_see_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.npz").touch()
    (tmp_path / "digits").touch()
    study = import_module("analyses.count_regions_mnist").CountRegions
    assert study(data="some.npz").settled().data == str(tmp_path / "some.npz")
    assert study(data="digits").settled().data == "digits"
    assert study(data="none.npz").settled().data == "none.npz"  # refused by its own name later
