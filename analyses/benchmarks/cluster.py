"""What one exact count costs on one core, on two, and on a dask cluster of 1 or 2 workers.

    python -m analyses.benchmarks.cluster

Lines and planes through perceptrons with random weights, and all cells of a small one. Every way
is called in turn with the serial one, after a first call of both that compiles and imports: `ratio`
is the median of the quotients of wall times, `cpu` that of CPU times of all processes, which other
work on the machine changes least; `seconds` is the median. `sent_mib` is what the workers'
processes read during a call (files and sockets, Linux only); `stayed` is whether the call found
workers to be of no use, which its result says. Where nothing else is said, lines and planes use
threads and cells processes; "loky" are processes for all. Scheduler and workers of the cluster
are processes of their own in another folder, reached through the loopback interface and ended at
the end.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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

    widths: tuple[int, ...] = (1000, 3000)
    """Units of each hidden layer of the perceptrons that lines and planes go through."""
    squares: tuple[float, ...] = (0.4, 0.03)
    """Half the side of the box in which the plane lies, for each of them."""
    units: int = 18
    """Units of each layer of the small one."""
    workers: tuple[int, ...] = (1, 2)
    repeats: int = 3
    """Calls of each way, each beside a serial one."""
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


Run = Callable[[int | None], regions.RegionCount]


def cases(config: Config) -> dict[str, Run]:
    """Return counts by name, each a function of `n_jobs`."""
    rng, found = np.random.default_rng(0), {}
    for width, half in zip(config.widths, config.squares, strict=True):
        net, points = _perceptron(rng, [784, *[width] * 3, 10]), rng.normal(size=(3, 784))
        box = regions.Box(points[0] - half, points[0] + half)
        where = {"line": regions.Slice.through(points[:2])}
        where["plane"] = regions.Slice.through(points, box)
        for method, domain in where.items():
            found[f"{method}, 784-{width}x3"] = _counting(net, domain, method)
    small = _perceptron(rng, [3, config.units, config.units, 1])
    found["cells"] = _counting(small, regions.Box.cube(3, -1.0, 1.0), "cells")
    return found


def _counting(net: regions.ReLUNetwork, domain: regions.Box | regions.Slice, method: Any) -> Run:
    return lambda n: regions.count_regions(net, domain, method=method, n_jobs=n)


def _perceptron(rng: np.random.Generator, widths: list[int]) -> regions.ReLUNetwork:
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return regions.as_network([(rng.normal(size=s) / s[1] ** 0.5, np.zeros(s[0])) for s in shapes])


def compute(config: Config) -> pd.DataFrame:
    """Return one row per count and way of computing it."""
    if config.smoke:
        config = Config((30,), (0.4,), units=6, workers=(1,), repeats=1)
    counts = cases(config)
    rows = [_row(name, "2", run, 2, config) for name, run in counts.items()]
    with Workers(n_jobs=2, backend="loky").active():
        rows += [_row(name, "loky, 2", run, 2, config) for name, run in counts.items()]
    for number in config.workers:
        with cluster(number) as (address, processes):
            with Workers(backend="dask", address=address).active():
                for name, run in counts.items():
                    rows.append(_row(name, f"dask, {number}", run, -1, config, processes))
    return pd.DataFrame(rows)


def _row(
    name: str,
    where: str,
    run: Run,
    n_jobs: int,
    config: Config,
    processes: Sequence[psutil.Process] = (),
) -> dict:
    for jobs in (None, n_jobs):  # compiled and imported everywhere
        run(jobs)
    calls = [(_call(run, None, processes), _call(run, n_jobs, processes))
             for _ in range(config.repeats)]  # fmt: skip
    alone, shared = (pd.DataFrame(column) for column in zip(*calls, strict=True))
    middle, ratio = shared.median(), (shared / alone).median()
    assert alone["regions"].equals(shared["regions"])
    row = {
        "count": name,
        "on": where,
        "serial": float(alone["seconds"].median()),
        "seconds": float(middle["seconds"]),
        "ratio": float(ratio["seconds"]),
        "cpu": float(ratio["cpu"]),
        "sent_mib": float(middle["sent_mib"]),
        "stayed": bool(middle["stayed"]),
        "regions": int(middle["regions"]),
    }
    print(row, file=sys.stderr, flush=True)
    return row


def _call(run: Run, n_jobs: int | None, others: Sequence[psutil.Process]) -> dict[str, float]:
    own = psutil.Process()
    others = others or own.children(recursive=True)
    before, start = _used(own, others), time.perf_counter()
    found = run(n_jobs)
    seconds, after = time.perf_counter() - start, _used(own, others)
    cpu, sent = (late - early for early, late in zip(before, after, strict=True))
    assert found.count is not None
    return {
        "seconds": seconds,
        "cpu": cpu,
        "sent_mib": sent / 2**20,
        "stayed": float("workers" in found.details),
        "regions": found.count,
    }


def _used(own: psutil.Process, others: Sequence[psutil.Process]) -> tuple[float, int]:
    """Return the CPU seconds of all processes and the bytes that the others have read."""
    times = [process.cpu_times() for process in (own, *others)]
    read = sum(process.io_counters().read_chars for process in others)
    return sum(time.user + time.system for time in times), read


if __name__ == "__main__":
    report(Config, compute, "cluster", __doc__)
