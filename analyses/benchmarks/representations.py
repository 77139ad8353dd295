"""CPU time of CCA beside google/svcca, in one process, one BLAS thread, interleaved.

    python -m analyses.benchmarks.representations --peer PATH_OF_A_CHECKOUT

`--peer` is a folder with `cca_core.py` of https://github.com/google/svcca (Apache-2.0), fetched
by the user; nothing of it is in this repository. Without it only our own times are shown.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import importlib.util
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from regions.errors import DataError
from regions.representations import cca, similarity_grid, svcca

ENTRY = Entry(figure="CCA beside google/svcca", minutes=0.4, inputs="none; --peer PATH")


class Case(NamedTuple):
    """Neurons, samples, layers on each side, and the largest ratio of CPU times allowed."""

    neurons: int
    samples: int
    layers: int
    allowed: float


CASES = {
    **{f"pair d={d} n={n}": Case(d, n, 1, 1.0) for d in (64, 256, 512) for n in (2000, 10000)},
    "grid 8x8 d=128 n=2000": Case(128, 2000, 8, 0.5),
    "grid 10x10 d=64 n=10000": Case(64, 10000, 10, 0.5),
}


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    peer: Path | None = None
    """Folder of a google/svcca checkout."""
    repeats: int = 7
    """Runs per case; the median counts."""
    out: Path = Path("out/benchmarks/representations")
    smoke: bool = False
    """Only the smallest case, twice."""


def layers(rng: np.random.Generator, case: Case) -> list[np.ndarray]:
    """Return the layers of one side, which share a signal."""
    d, n = case.neurons, case.samples
    signal = rng.standard_normal((n, d))
    return [
        signal @ rng.standard_normal((d, d)) / np.sqrt(d) + rng.standard_normal((n, d))
        for _ in range(case.layers)
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the process CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def load_peer(folder: Path | None) -> Callable | None:
    """Return google/svcca's function from a checkout, or None."""
    if folder is None:
        return None
    path = folder / "cca_core.py"
    spec = importlib.util.spec_from_file_location("cca_core", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError(f"{str(path)!r} does not exist; --peer is a checkout of google/svcca")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_cca_similarity


def workloads(case: Case, peer: Callable | None) -> dict[str, Callable]:
    """Return what to time for one case: ours, and the peer's loop over the same pairs."""
    rng = np.random.default_rng(0)
    left, right = layers(rng, case), layers(rng, case)
    if case.layers == 1:
        ours = {"cca": lambda: cca(left[0], right[0]), "svcca": lambda: svcca(left[0], right[0])}
    else:
        ours = {"cca": lambda: similarity_grid(left, right, "cca")}
        ours["svcca"] = lambda: similarity_grid(left, right, "svcca")
    if peer is None:
        return ours
    transposed = [np.ascontiguousarray(x.T) for x in left], [x.T.copy() for x in right]

    def loop() -> list:
        return [peer(x, y, verbose=False) for x in transposed[0] for y in transposed[1]]

    return {"google/svcca": loop, **ours}


def agreement(case: Case, peer: Callable | None) -> float:
    """Return the largest difference of coefficients between ours and the peer's."""
    if peer is None:
        return float("nan")
    X, Y = layers(np.random.default_rng(1), case._replace(layers=2))
    theirs = peer(X.T, Y.T, verbose=False)["cca_coef1"]
    return float(np.abs(cca(X, Y).coefficients - theirs).max())


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case: median CPU seconds, ratios to the peer, agreement."""
    peer = load_peer(config.peer)
    names = list(CASES)[:1] if config.smoke else list(CASES)
    rows = []
    for name in names:
        work = workloads(CASES[name], peer)
        times = {who: [] for who in work}
        for _ in range(2 if config.smoke else config.repeats):
            for who, call in work.items():  # interleaved: all see the same machine
                with warnings.catch_warnings():  # few samples per neuron on purpose
                    warnings.simplefilter("ignore")
                    times[who].append(cpu_seconds(call))
        median = {who: float(np.median(values)) for who, values in times.items()}
        theirs = median.get("google/svcca", float("nan"))
        rows.append(
            {
                "case": name,
                **{f"{who}_cpu_ms": 1e3 * value for who, value in median.items()},
                "cca_ratio": median["cca"] / theirs,
                "svcca_ratio": median["svcca"] / theirs,
                "allowed": CASES[name].allowed,
                "largest_difference": agreement(CASES[name], peer),
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    report(Config, compute, "cpu_time", __doc__, digits=3)
