"""CPU time and memory of the bounds, beside the published script where there is one.

    python -m analyses.benchmarks.bounds --peer PATH_OF_A_CHECKOUT

`--peer` is a checkout of https://github.com/caidog1129/getting_away_with_network_pruning (no
licence), fetched by the user; nothing of it is in this repository. Its closed-form script, the
faster of its two, runs unchanged in a process of its own. Without it only our own times are shown.
Every measurement is the first call in a fresh process, so that nothing is remembered.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import importlib.util
import sys
import time
import types
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import regions
from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.errors import DataError

ENTRY = Entry(figure="bounds beside the published script", minutes=None, inputs="none; --peer PATH")

SCRIPT = Path("bounding_accuracy") / "binomial_formula.py"


class Case(NamedTuple):
    """One bound: its widths, layer densities, kind, rank distribution, and what is allowed."""

    widths: tuple[int, ...]
    densities: tuple[float, ...]
    kind: str = "expected"
    rank: str | None = "binomial"
    allowed_seconds: float = float("nan")
    allowed_ratio: float = float("nan")


SMALL, WIDE, ALEXNET = (784, 100, 100, 10), (784, 400, 400, 10), (1024, 4096, 4096, 10)
DEEP = (784, *(512,) * 10)
CASES = (
    Case(SMALL, (0.001, 0.001, 1.0)),
    Case(WIDE, (0.001, 0.001, 1.0), allowed_ratio=1e-3),
    Case(WIDE, (0.001, 0.001, 1.0), rank="mean"),
    Case(WIDE, (0.001, 0.001, 1.0), rank="sampled"),
    *(Case(ALEXNET, (5e-5, 5e-5, 1.0), "expected", r, 5.0) for r in ("binomial", "sampled")),
    Case(ALEXNET, (0.01, 0.01, 1.0), rank="sampled"),
    *(Case(SMALL, (0.01, 0.01, 1.0), kind, None) for kind in ("live", "effective", "activation")),
    *(Case(DEEP, (0.01,) * 10, kind, None) for kind in ("live", "effective", "activation")),
)


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    peer: Path | None = None
    """Folder of a checkout of the published code."""
    repeats: int = 5
    """Fresh processes per case; the median counts."""
    peer_repeats: int = 1
    out: Path = Path("out/benchmarks/bounds")
    smoke: bool = False
    """Only the smallest case, once."""


class Measured(NamedTuple):
    """CPU seconds of one call, peak memory of its process, and what it returned."""

    cpu_seconds: float
    peak_mib: float
    log2_bound: float


def measure_ours(case: Case) -> Measured:
    """Time one bound; reading the masks counts, drawing them does not."""
    options: dict[str, Any] = {"density": list(case.densities), "rank": case.rank}
    if case.rank is None:
        rng = np.random.default_rng(0)
        shapes = zip(pairwise(case.widths), case.densities, strict=True)
        options = {"masks": [rng.random((rows, cols)) < p for (cols, rows), p in shapes]}
    bound = regions.upper_bound  # imports are not timed
    start = time.process_time()
    value = bound(list(case.widths), case.kind, **options).log2
    return Measured(time.process_time() - start, peak_mib(), value)


def measure_peer(folder: Path, case: Case) -> Measured:
    """Time the published closed-form recursion on the same widths and densities."""
    script = load_peer(folder)
    script.n, script.L = list(case.widths), len(case.widths) - 1
    script.p_sep = list(case.densities)
    script.dynamic_hyperplanes, script.memorized_prob = {}, {}
    start = time.process_time()
    value = script.num_hyperplanes(1, case.widths[0])
    seconds = time.process_time() - start
    return Measured(seconds, peak_mib(), float(value.ln()) / float(np.log(2)))


def load_peer(folder: Path) -> Any:
    """Return the published script as a module; what it imports only to train is left empty."""
    path = folder / SCRIPT
    if not path.is_file():
        raise DataError(f"no file {path}; --peer must be a checkout of the published code")
    unused = {
        "IPython.display": ["clear_output"],
        "PruneModel": ["prune_model", "load_model"],
        "Integrator": ["newExperiment"],
    }
    for name, members in unused.items():
        module = types.ModuleType(name)
        vars(module).update(dict.fromkeys(members))
        sys.modules.setdefault(name.partition(".")[0], types.ModuleType(name.partition(".")[0]))
        sys.modules[name] = module
    spec = importlib.util.spec_from_file_location("published_script", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case: median CPU seconds, peak memory, and ratios to the peer."""
    cases = CASES[:1] if config.smoke else CASES
    repeats = 1 if config.smoke else config.repeats
    rows = []
    for case in cases:
        theirs = Measured(*[float("nan")] * 3)
        if config.peer is not None and case.rank == "binomial" and case.widths != ALEXNET:
            runs = [apart(measure_peer, config.peer, case) for _ in range(config.peer_repeats)]
            theirs = min(runs)
        runs = sorted(apart(measure_ours, case) for _ in range(repeats))
        rows.append(_row(case, runs[len(runs) // 2], theirs))
    return pd.DataFrame(rows)


def _row(case: Case, ours: Measured, theirs: Measured) -> dict[str, Any]:
    return {
        "widths": "-".join(map(str, case.widths)),
        "densities": " ".join(f"{p:g}" for p in dict.fromkeys(case.densities)),
        "kind": case.kind,
        "rank": case.rank,
        "cpu_ms": 1e3 * ours.cpu_seconds,
        "allowed_ms": 1e3 * case.allowed_seconds,
        "peak_mib": ours.peak_mib,
        "peer_cpu_ms": 1e3 * theirs.cpu_seconds,
        "ratio": ours.cpu_seconds / theirs.cpu_seconds,
        "allowed_ratio": case.allowed_ratio,
        "log2_bound": ours.log2_bound,
        "difference_to_peer": ours.log2_bound - theirs.log2_bound,
    }


if __name__ == "__main__":
    report(Config, compute, "bounds", __doc__)
