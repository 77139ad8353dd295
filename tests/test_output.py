"""Results that cannot be written: found before the work, said in one line, nothing lost."""

import errno
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regions
from analyses import __main__ as analyses
from analyses.study import launch
from regions import cli, results
from regions.atlas import Settings, survey
from regions.atlas.study import Study, compare_allocations
from regions.errors import DataError, OutputError
from regions.figures import save_table
from regions.journal import Journal
from regions.results import check_writable, write_atomically
from regions.resume import run_tasks
from regions.training import Recipe, build_model, load_data, train

HERE = Path(__file__).parent.parent
KIB = 2**10


@contextmanager
def disk(folder, size, read_only=False):
    """Mount a file system of `size` bytes, where that is allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def full(tmp_path):
    """A folder without a byte left."""
    with disk(tmp_path / "full", 16 * KIB) as folder:
        _fill(folder)
        yield folder


def _fill(folder):
    with (folder / "filler").open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(KIB))
        except OSError as error:
            assert error.errno == errno.ENOSPC


@pytest.fixture
def read_only(tmp_path):
    with disk(tmp_path / "ro", 64 * KIB, read_only=True) as folder:
        yield folder


@pytest.fixture
def below_a_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file"


@pytest.fixture
def no_space(tmp_path, monkeypatch):
    """A disk that is found full when the bytes are flushed to it."""

    def fail(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    return tmp_path / "none"


PLACES = ["full", "read_only", "below_a_file", "no_space"]


@pytest.fixture(params=PLACES)
def nowhere(request):
    return request.getfixturevalue(request.param)


def test_bytes_are_on_the_disk_before_the_name_and_the_name_on_return(tmp_path, monkeypatch):
    events, replace, fsync = [], Path.replace, os.fsync

    def flushed(handle):
        place = Path(f"/proc/self/fd/{handle}").readlink()
        events.append("folder" if place == tmp_path else "file")
        fsync(handle)

    def renamed(path, target):
        assert path.read_bytes() == b"content"
        events.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    for _ in range(2):
        write_atomically(tmp_path / "a", "content")
    assert events == ["file", "rename", "folder"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_cannot_be_written_is_refused_with_the_old_file_kept(nowhere):
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_atomically(nowhere / "a.json", bytes(8 * KIB))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OSError) and isinstance(caught.value, DataError)
    for folder in (False, True):
        with pytest.raises(OutputError, match="cannot write"):
            check_writable(nowhere / "a", folder=folder)
    assert not nowhere.is_dir() or [p.name for p in nowhere.iterdir()] in ([], ["filler"])


def test_a_full_disk_keeps_the_old_content(tmp_path):
    with disk(tmp_path / "full", 64 * KIB) as folder:
        write_atomically(folder / "a", b"old")
        with pytest.raises(OutputError, match="No space left"):
            write_atomically(folder / "a", bytes(100 * KIB))
        assert (folder / "a").read_bytes() == b"old"
        assert [path.name for path in folder.iterdir()] == ["a"]


def test_a_check_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "x" / "y" / "a.json")
    check_writable(tmp_path / "x" / "y", folder=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").write_text("old")
    check_writable(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    for path, folder in ((tmp_path, False), (tmp_path / "a", True), ("a\0b", False)):
        with pytest.raises(OutputError, match="cannot write"):
            check_writable(path, folder=folder)


def test_devices_are_written_into_and_links_are_followed(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(OutputError, match="No space left"):
        write_atomically("/dev/full", b"x")
    write_atomically("/dev/null", b"x")
    assert Path("/dev/full").is_char_device() and Path("/dev/null").is_char_device()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "a").read_bytes() == b"x"


def fail(*_, **__):
    raise AssertionError("work was done although its result cannot be kept")


@pytest.fixture
def model(tmp_path):
    arrays = {"layer1.weight": np.ones((3, 2)), "output.weight": np.ones((2, 3))}
    np.savez(tmp_path / "net.npz", **arrays)
    return str(tmp_path / "net.npz")


COMMANDS = {
    "count_regions": ["count", "MODEL", "--box", "-1", "1", "-o", "PLACE/a.json"],
    "upper_bound": ["bound", "4,4,2", "-o", "PLACE/a.csv"],
    "allocate": ["allocate", "4,4,2", ".5", "-o", "PLACE/a.json"],
    "prune": ["prune", "MODEL", "--density", ".5", "-o", "PLACE/m.npz"],
    "compare_layers": ["compare", "a:b", "a:b", "--data", "digits", "-o", "PLACE/a.csv"],
    "recall.report": ["recall", "table.csv", "-o", "PLACE/a.csv"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_look_where_they_write_first(name, nowhere, model, capsys, monkeypatch):
    # the command itself: loaded while a name is replaced, it would keep the replacement
    import regions.cli.recall as recall

    owner, _, attribute = name.rpartition(".")
    monkeypatch.setattr(recall if owner else regions, attribute, fail)
    given = [a.replace("MODEL", model).replace("PLACE", str(nowhere)) for a in COMMANDS[name]]
    assert cli.main(given) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("regions: cannot write") and err.count("\n") == 1


def test_atlas_and_demo_look_where_they_write_first(nowhere, capsys, monkeypatch):
    monkeypatch.setattr("regions.atlas.dense.train", fail)
    for command in (["atlas", "mlp", "--seeds", "1", "--epochs", "1"], ["demo", "--seeds", "1"]):
        assert cli.main([*command, "-o", str(nowhere / "out")]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("regions: cannot write") and err.count("\n") == 1


def test_a_result_that_cannot_be_written_is_printed(capsys, tmp_path, monkeypatch):
    """The disk fills during the work: what was computed is not lost."""
    monkeypatch.setattr(results, "_PROBE", 0)
    status = cli.main(["bound", "4,4,2", "--json", "-o", "/dev/full"])
    out, err = capsys.readouterr()
    assert status == 1 and "No space left" in err and err.count("\n") == 1
    assert json.loads(out)["log2"] > 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_terminal_that_takes_nothing_is_one_line(unbuffered, monkeypatch, capsys):
    said = "regions: cannot print the result: No space left on device\n"
    # a line is refused when it is printed, or all of it at the end
    with Path("/dev/full").open("w", buffering=1 if unbuffered else -1) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(["bound", "4,4,2"]) == 1
        assert capsys.readouterr().err == said
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "regions.cli", "--version"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            text=True,
            cwd=HERE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, said)


def test_studies_look_where_they_write_first(below_a_file, capsys):
    options = ["--smoke", "--out", str(below_a_file / "out")]
    assert analyses.main(["sparse_index", *options]) == 1  # what python -m analyses calls
    out, err = capsys.readouterr()
    with pytest.raises(SystemExit) as ended:  # and what the file calls, which ends with a line
        launch("sparse_index", options)
    assert out == "" and err == f"{ended.value.code}\n"
    assert err.startswith("sparse_index: cannot write") and err.count("\n") == 1


def test_training_tasks_and_studies_look_where_they_write_first(nowhere, monkeypatch):
    data = load_data("digits")
    monkeypatch.setattr("regions.training.trainer.descend", fail)
    models = [build_model("mlp", data.image_shape, data.classes, hidden=(4,))]
    with pytest.raises(OutputError):
        train(models, data, Recipe(epochs=1), checkpoint=nowhere / "run")
    with pytest.raises(OutputError):
        run_tasks([{"x": 1}], fail, nowhere / "tasks")
    with pytest.raises(OutputError):
        compare_allocations(Study(seeds=1), nowhere / "study")
    few = Settings(densities=(0.2,), methods=("random",), seeds=1)
    with pytest.raises(OutputError):
        survey("mlp", "digits", nowhere / "atlas", few)
    with pytest.raises(OutputError):
        save_table(pd.DataFrame({"x": [1]}), nowhere / "table.csv", {})


def test_finished_tasks_are_read_where_nothing_can_be_written(tmp_path):
    def compute(x):
        return pd.DataFrame({"y": [x + 1]})

    with disk(tmp_path / "disk", 64 * KIB * 4) as folder:
        first = run_tasks([{"x": 1}, {"x": 2}], compute, folder)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        pd.testing.assert_frame_equal(run_tasks([{"x": 1}, {"x": 2}], compute, folder), first)


def test_a_disk_that_fills_during_the_work_loses_no_finished_task(tmp_path):
    calls = []

    def compute(x):
        calls.append(x)
        return pd.DataFrame({"y": np.arange(2000) + x})

    tasks = [{"x": x} for x in range(100)]
    with disk(tmp_path / "disk", 160 * KIB) as folder:
        with pytest.raises(OutputError, match="No space left"):
            run_tasks(tasks, compute, folder / "tasks")
        with Journal(folder / "tasks") as journal:
            finished = set(journal.finished)
        assert 3 <= len(finished) == len(calls) - 1
        assert not [p for p in (folder / "tasks").iterdir() if p.name.startswith(".")]
        subprocess.run(["mount", "-o", f"remount,size={4096 * KIB}", str(folder)], check=True)
        frame = run_tasks(tasks, compute, folder / "tasks")
        assert len(calls) == 101 and len(frame) == 200_000  # only the lost one was done again
        with Journal(folder / "tasks") as journal:
            assert finished < set(journal.finished)
