"""Compiled kernels are kept between runs, for one state of all their sources."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regions import kernels

INNER = "from regions.kernels import kernel\n\n\n@kernel()\ndef inner(x):\n    return x + {}\n"
OUTER = (
    "from regions.inner import inner\nfrom regions.kernels import kernel\n\n\n"
    "@kernel()\ndef outer(x):\n    return 2 * inner(x)\n"
)
RUN = (
    "from regions.outer import outer\nprint(outer(1), sum(outer.stats.cache_hits.values()))\n"
    "from regions import kernels\nprint(kernels._folder())\n"
)


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "regions"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shutil.copy(kernels.__file__, folder)
    (folder / "inner.py").write_text(INNER.format(1))
    (folder / "outer.py").write_text(OUTER)
    return folder


def run(package, **environment):
    """Return (value, cache hits, folder) of one run in a process of its own."""
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent), **environment}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=known,
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    numbers, folder = done.stdout.strip().splitlines()
    return (*map(int, numbers.split()), folder)


def test_a_change_in_a_called_file_is_seen(package):
    assert run(package)[:2] == (4, 0)
    assert run(package)[:2] == (4, 1)  # kept
    (package / "inner.py").write_text(INNER.format(5))
    assert run(package)[:2] == (12, 0)


def test_without_a_folder_that_can_be_written(package, tmp_path):
    (package / "__pycache__").write_text("a file where the folder should be")
    home = run(package, HOME=str(tmp_path / "home"))
    assert home[0] == 4 and home[2].startswith(str(tmp_path / "home"))
    # no home either: a path below a file cannot be made, not even by root
    lost = run(package, HOME=str(package / "outer.py"), TMPDIR=str(tmp_path))
    assert lost[0] == 4 and Path(lost[2]).parent == tmp_path
    (tmp_path / f"relu-regions-{os.getuid()}").rename(tmp_path / "elsewhere")
    (tmp_path / f"relu-regions-{os.getuid()}").touch()
    nowhere = run(package, HOME=str(package / "outer.py"), TMPDIR=str(tmp_path))
    assert nowhere == (4, 0, "None")


def test_every_kernel_is_watched():
    # the package's compiled functions all come from here
    found = [
        path.name
        for path in Path(kernels.__file__).parent.rglob("*.py")
        if path.name != "kernels.py"
        and re.search(r"\bn?jit\(|\bjit\b.*import|import .*\bn?jit\b", path.read_text())
    ]
    assert found == []


def test_what_names_types_that_are_gone_is_compiled_anew():
    def following(x):
        return x + 1

    first = kernels.kernel()(following)
    assert first(1) == 2
    file = first._cache._cache_file
    gone = pickle.dumps(file._version) + b"cregions.kernels\nNoSuchType\n."
    Path(file._index_path).write_bytes(gone)
    with pytest.raises(AttributeError):
        file._load_index()
    assert kernels.kernel()(following)(1) == 2
    assert len(file._load_index()) == 1


def test_a_kernel_that_returns_arrays_must_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "_folder", lambda: tmp_path)

    @kernels.kernel()
    def first(rows):
        return rows[0], 1

    @kernels.kernel(makes_arrays=True)
    def counted(rows):
        return rows[0], 1

    rows = np.arange(4.0).reshape(2, 2)
    with pytest.raises(
        TypeError, match=r"first.* returns arrays: say @kernel\(makes_arrays=True\)"
    ):
        first(rows)
    assert counted(rows)[0].tolist() == [0.0, 1.0]
