"""CPU time and memory of allocations, beside judging every split by its masks.

    python -m analyses.benchmarks.allocation

The other side is what one would write without the search: for each split prune the network by
magnitude and count the weights on paths, with `regions.prune` and `Masks.effective`. It is timed on
a few splits of the same network; the ratio compares one split with one split. Every case runs in a
fresh process on one thread.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import regions
from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.progress import track

ENTRY = Entry(
    figure="allocations beside judging every split by its masks", minutes=1, inputs="none"
)

WIDE, DEEP = (784, 400, 400, 10), (784, *(512,) * 10, 10)
FLOORS = {WIDE: 10.0, DEEP: 60.0}
SPLITS = 3


@dataclass(frozen=True)
class Case:
    """One allocation: widths, density, objective, and whether a model's weights are given."""

    widths: tuple[int, ...]
    density: float
    objective: str = "effective-weights"
    model: bool = False


CASES = (
    *(
        Case(widths, density, model=model)
        for widths in (WIDE, DEEP)
        for density in (0.1, 0.01, 0.001)
        for model in (False, True)
    ),
    *(Case(WIDE, 0.001, name) for name in ("expected", "expected-log", "rank", "rows", "live")),
    Case(WIDE, 0.001, "effective"),
    Case(DEEP, 0.01, "expected"),
)


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    out: Path = Path("out/benchmarks/allocation")
    smoke: bool = False
    """Only a small network, once."""


def network(widths: tuple[int, ...]) -> Any:
    """Return a fully connected network with normal weights."""
    rng = np.random.default_rng(0)
    return regions.as_network([(rng.normal(size=(b, a)), None) for a, b in pairwise(widths)])


def measure(case: Case) -> dict[str, Any]:
    """Time one allocation, and one split judged by its masks; building the network is not timed."""
    model = network(case.widths)
    target = model if case.model else list(case.widths)
    small = network((4, 3, 2))  # imports are not timed
    regions.allocate(small, 0.5, case.objective)
    regions.prune(small, 0.5).effective()
    start = time.process_time()
    found = regions.allocate(target, case.density, case.objective)
    seconds = time.process_time() - start
    peak = peak_mib()
    naive = _seconds_per_split(model, case) if case.model else float("nan")
    one = seconds / found.evaluations
    return {
        **asdict(case),
        "widths": "-".join(map(str, case.widths)),
        "cpu_seconds": seconds,
        "allowed_seconds": FLOORS.get(case.widths, float("nan")),
        "peak_mib": peak,
        "splits": found.evaluations,
        "ms_per_split": 1e3 * one,
        "naive_ms_per_split": 1e3 * naive,
        "ratio": one / naive,
        "value": found.value,
        "uniform_value": found.uniform_value,
    }


def _seconds_per_split(model: Any, case: Case) -> float:
    start = time.process_time()
    for _ in range(SPLITS):
        regions.prune(model, case.density).effective()
    return (time.process_time() - start) / SPLITS


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case."""
    cases = (Case((30, 20, 20, 5), 0.1, model=True),) if config.smoke else CASES
    cases = track(cases, show=True, label="allocations")
    return pd.DataFrame([apart(measure, case) for case in cases])


if __name__ == "__main__":
    report(Config, compute, "allocation", __doc__)
