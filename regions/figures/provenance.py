"""Where a result came from: settings, seed, versions, commit, time, and hashes of the inputs."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import regions
from regions.errors import DataError
from regions.results import jsonable

_DISTRIBUTION = "relu-regions"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run was asked to do; its clock starts when it is made.

    Attributes
    ----------
    config
        The settings: a dataclass or a mapping.
    seed
        The seed that all random numbers derive from, if any.
    inputs
        Files that were read; their SHA-256 goes into the record.

    Examples
    --------
    >>> Run(config={"epochs": 3}, seed=0).record()["config"]
    {'epochs': 3}
    """

    config: Any
    seed: int | None = None
    inputs: Sequence[str | os.PathLike] = ()
    started: float = field(default_factory=time.perf_counter)

    def record(self) -> dict[str, Any]:
        """Return everything needed to repeat the run, JSON-ready."""
        return {
            "config": jsonable(self.config),
            "seed": self.seed,
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "wall_seconds": round(time.perf_counter() - self.started, 3),
            "inputs": {Path(path).name: file_hash(path) for path in self.inputs},
            "versions": versions(),
            "git": git_state(),
            "platform": platform.platform(),
            "cpu_count": os.cpu_count(),
        }


def file_hash(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read the input {str(path)!r}: {error.strerror}") from error


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of every package it declares."""
    found = {"python": platform.python_version(), _DISTRIBUTION: regions.__version__}
    for name in _declared():
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an optional dependency that is not installed
    return found


def _declared() -> list[str]:
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder, not installed
        return []
    return sorted({re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements})


def git_state() -> dict[str, Any] | None:
    """Return the commit of the checkout this package runs from, or None outside a checkout."""
    package = Path(regions.__file__).resolve().parent
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != package.parent:
        return None
    commit = _git(package.parent, "rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git(package.parent, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
