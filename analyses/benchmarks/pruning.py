"""CPU time of pruning one network by every criterion and method, beside magnitude pruning.

    python -m analyses.benchmarks.pruning

The networks, arms and densities are those of `analyses.methods_table`; nothing is trained on. All
arms of a density have their turn before the next repeat; the median counts.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from analyses.methods_arms import arms
from analyses.methods_table import MethodsTable

ENTRY = Entry(figure="every pruning method beside magnitude", minutes=None, inputs="digits")


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    densities: tuple[float, ...] = (0.5, 0.1)
    epochs: int = 20
    repeats: int = 5
    out: Path = Path("out/benchmarks/pruning")
    smoke: bool = False
    """Small networks, one density, one repeat."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per arm and density: median CPU milliseconds, and over magnitude's."""
    wanted = MethodsTable(densities=config.densities, epochs=config.epochs, seeds=1, progress=False)
    small = {"densities": (0.1,), "hidden": (16, 12), "epochs": 1, "limit": 300}
    study = replace(wanted, **small) if config.smoke else wanted
    networks = study.prepare(config.out)
    times: dict[tuple[str, float], list[float]] = {}
    for _ in range(1 if config.smoke else config.repeats):
        for arm, density in study.pairs[1:]:
            begin = time.process_time()
            networks.prune(arms()[arm], density, seed=0, images=study.images)
            times.setdefault((arm, density), []).append(time.process_time() - begin)
    medians = {case: 1e3 * statistics.median(found) for case, found in times.items()}
    rows = [
        {
            "arm": arm,
            "density": density,
            "cpu_ms": found,
            "ratio": found / medians["magnitude", density],
        }
        for (arm, density), found in medians.items()
    ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    report(Config, compute, "pruning", __doc__)
