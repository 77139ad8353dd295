"""What one exact count costs on one core, on processes, and on a dask cluster of 1 or 2 workers.

    python -m analyses.benchmarks.cluster

A line through a perceptron with random weights, and all cells of a small one. `seconds` is wall
time, the second call of two; `ratio` is against the serial call; `sent_mib` is what the workers'
processes read during the call (files and sockets, Linux only). Scheduler and workers are processes
of their own in another folder, reached through the loopback interface and ended at the end.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import psutil

import regions
from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from regions.workers import Workers

ENTRY = Entry(figure="one count on processes and on a cluster", minutes=None, inputs="none")
HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    width: int = 1000
    """Units of each hidden layer of the perceptron that a line goes through."""
    units: int = 18
    """Units of each layer of the small one."""
    workers: tuple[int, ...] = (1, 2)
    out: Path = Path("out/benchmarks/cluster")
    smoke: bool = False
    """Small networks and one worker."""


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Start a scheduler and workers; give its address and their processes."""
    from distributed import Client

    with TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        running = [_start(folder, "scheduler", "--port", "0", "--scheduler-file", file)]
        try:
            while not file.exists():
                time.sleep(0.05)
            for _ in range(workers):
                how = ("--nthreads", "1", "--no-nanny", "--scheduler-file", file)
                running.append(_start(folder, "worker", *how))
            with Client(scheduler_file=str(file)) as client:
                client.wait_for_workers(workers)
                assert client.scheduler is not None
                address = client.scheduler.address
            yield address, [psutil.Process(process.pid) for process in running[1:]]
        finally:
            for process in reversed(running):
                process.kill()
                process.wait()


def _start(folder: str, kind: str, *options: object) -> subprocess.Popen:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, options)]
    command += ["--host", "127.0.0.1", "--dashboard-address", ":0"]
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, stdout=quiet, stderr=quiet
    )


def cases(config: Config) -> dict[str, Callable[[int | None], int]]:
    """Return counts by name, each a function of `n_jobs`."""
    rng = np.random.default_rng(0)
    long = _perceptron(rng, [784, *[config.width] * 3, 10])
    line = regions.Slice.through(rng.normal(size=(2, 784)))
    small = _perceptron(rng, [3, config.units, config.units, 1])
    box = regions.Box.cube(3, -1.0, 1.0)
    return {
        "line": lambda n: regions.count_regions(long, line, method="line", n_jobs=n).count,
        "cells": lambda n: regions.count_regions(small, box, method="cells", n_jobs=n).count,
    }


def _perceptron(rng: np.random.Generator, widths: list[int]) -> regions.ReLUNetwork:
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return regions.as_network([(rng.normal(size=s) / s[1] ** 0.5, np.zeros(s[0])) for s in shapes])


def compute(config: Config) -> pd.DataFrame:
    """Return one row per count and way of computing it."""
    if config.smoke:
        config = Config(width=30, units=6, workers=(1,))
    rows = [_row(name, "serial", run, None, []) for name, run in cases(config).items()]
    rows += [_row(name, "loky, 2", run, 2, []) for name, run in cases(config).items()]
    for number in config.workers:
        with cluster(number) as (address, processes):
            with Workers(backend="dask", address=address).active():
                for name, run in cases(config).items():
                    rows.append(_row(name, f"dask, {number}", run, -1, processes))
    table = pd.DataFrame(rows)
    serial = table[table["on"] == "serial"].set_index("count")["seconds"]
    table.insert(3, "ratio", table["seconds"] / table["count"].map(serial))
    return table


def _row(
    name: str,
    where: str,
    run: Callable[[int | None], int],
    n_jobs: int | None,
    processes: list[psutil.Process],
) -> dict:
    run(n_jobs)  # compiled and imported everywhere
    before, start = _read(processes), time.perf_counter()
    found = run(n_jobs)
    seconds = time.perf_counter() - start
    sent = (_read(processes) - before) / 2**20 if processes else None
    return {"count": name, "on": where, "seconds": seconds, "sent_mib": sent, "regions": found}


def _read(processes: list[psutil.Process]) -> int:
    return sum(process.io_counters().read_chars for process in processes)


if __name__ == "__main__":
    report(Config, compute, "cluster", __doc__)
