"""CPU time, wall time and memory of the counting engines, beside other tools where given.

    python -m analyses.benchmarks.counting --edges PATH --relucent PYTHON

`--edges` is a checkout of https://github.com/arturs-berzins/relu_edge_subdivision (no licence),
`--relucent` the interpreter of an environment that has relucent 1.0.0 from PyPI (AGPL) and torch;
both are fetched by the user, and nothing of them is in this repository. Without them only our own
numbers are shown. Each case runs in a process of its own, after one small count that compiles the
kernels; peer and ours alternate on the same network in that process, and medians are compared.
Memory is what the process gains while counting.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
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

ENTRY = Entry(
    figure="counting engines beside other tools",
    minutes=None,
    inputs="none; --edges PATH, --relucent PYTHON",
)


class Case(NamedTuple):
    """One network on the cube [-1, 1]^n0 (or all of R^n0), and what is demanded of us."""

    group: str
    widths: tuple[int, ...]
    demanded: str = ""
    bias: bool = True
    whole: bool = False
    peer: str = ""
    n_jobs: int | None = None


TEN, THREE = ">= 10x", ">= 3x"
CASES = (
    *(
        Case("plane", widths, TEN, peer="edges")
        for widths in ((2, 100, 100), (2, 32, 32, 32, 32), (2, 256, 256))
    ),
    *(
        Case("box", widths, THREE, peer="edges")
        for widths in ((3, 32, 32), (3, 64, 64), (4, 24, 24), (5, 20, 20))
    ),
    Case("degenerate", (2, 6, 6), "right", bias=False, peer="edges"),
    *(
        Case("space", widths, ">= 200x", whole=True, peer="relucent")
        for widths in ((2, 16, 16), (3, 10, 10), (4, 10, 10))
    ),
    *(Case("box", w, ">= 200x", peer="relucent") for w in ((4, 10, 10), (5, 12, 12))),
    *(
        Case("growth", widths, "flat within 2x")
        for widths in ((2, 80), (2, 250), (2, 800), (2, 2500), (2, 8000))
    ),
    *(Case("growth", (2, n, n), "flat within 2x") for n in (40, 125, 400, 1250)),
    *(Case("growth", (d, n, n)) for d, n in ((3, 40), (4, 20), (5, 15), (6, 12))),
    *(Case("workers", w, ">= 1.7x", n_jobs=2) for w in ((2, 512, 512), (2, 8000), (4, 80, 80))),
)


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    edges: Path | None = None
    """Folder of a checkout of the edge-subdivision code."""
    relucent: Path | None = None
    """Python interpreter of an environment with relucent."""
    repeats: int = 5
    """Repetitions of a case that takes less than a second."""
    groups: tuple[str, ...] = ("plane", "box", "degenerate", "space", "growth", "workers")
    out: Path = Path("out/benchmarks/counting")
    smoke: bool = False
    """Only the smallest cases, once."""


class Measured(NamedTuple):
    """CPU and wall seconds of one count (medians), memory gained in MiB, and the count."""

    cpu: float
    wall: float
    memory: float
    count: int | None


NOTHING = Measured(float("nan"), float("nan"), float("nan"), None)


def layers_of(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the layers that torch draws with seed 0, all of them hidden, and a linear output."""
    import torch

    torch.manual_seed(0)
    layers = []
    for fan_in, fan_out in pairwise(case.widths):
        linear = torch.nn.Linear(fan_in, fan_out, dtype=torch.float64)
        bias = linear.bias.detach().numpy() if case.bias else np.zeros(fan_out)
        layers.append((linear.weight.detach().numpy(), bias))
    return [*layers, (np.ones((1, case.widths[-1])), np.zeros(1))]


def measure(case: Case, config: Config) -> tuple[Measured, Measured]:
    """Return ours and the peer's measurement of one case, taken in turns."""
    ours = our_count(case)
    peer: Callable[[], int] | None = None
    if case.peer == "edges" and config.edges is not None:
        peer = edges_count(config.edges, case)
    if case.group == "workers":
        peer = our_count(case._replace(n_jobs=None))
    _once(our_count(case._replace(widths=(case.widths[0], 4, 4))))
    results: dict[str, list[Measured]] = {"ours": [], "peer": []}
    for _ in range(1 if config.smoke else config.repeats):
        results["ours"].append(_once(ours))
        if peer is not None:
            results["peer"].append(_once(peer))
        if sum(r.wall for rs in results.values() for r in rs) > 20:
            break
    if case.peer == "relucent" and config.relucent is not None:
        results["peer"].append(relucent_count(config.relucent, case))
    return _median(results["ours"]), _median(results["peer"])


def _once(count: Callable[[], int]) -> Measured:
    memory, wall, cpu = peak_mib(), time.perf_counter(), time.process_time()
    found = count()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(*spent, peak_mib() - memory, found)


def _median(runs: list[Measured]) -> Measured:
    if not runs:
        return NOTHING
    cpu, wall, memory, counts = zip(*runs, strict=True)
    # memory that a first run has gained is not gained again
    return Measured(statistics.median(cpu), statistics.median(wall), max(memory), counts[0])


def our_count(case: Case) -> Callable[[], int]:
    """Return our count of one case."""
    net = regions.as_network(layers_of(case))
    box = None if case.whole else regions.Box.cube(case.widths[0], -1.0, 1.0)
    return lambda: int(regions.count_regions(net, box, n_jobs=case.n_jobs))


def edges_count(folder: Path, case: Case) -> Callable[[], int]:
    """Return the count through the edge-subdivision code, in float64: vertices, edges, cells."""
    import torch

    if not (folder / "edge_subdivision.py").is_file():
        raise DataError(f"no edge_subdivision.py in {folder}; --edges must be a checkout of it")
    sys.path.insert(0, str(folder))
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    peer_net = __import__("NN").Net(list(case.widths))
    subdivide = __import__("edge_subdivision").skeletal_subdivision
    for linear, (weight, bias) in zip(peer_net.fcs, layers_of(case), strict=False):
        linear.weight.data, linear.bias.data = torch.tensor(weight), torch.tensor(bias)

    def count() -> int:
        with torch.no_grad(), contextlib.redirect_stdout(None):
            found = subdivide(peer_net, bbox=(-1, 1), device=torch.device("cpu"), verbose=False)
        return cells_of_complex(*found, case.widths[0])

    return count


def cells_of_complex(vertices: Any, edges: Any, signs: Any, dimension: int) -> int:
    """Return the number of cells of a complex given by its vertices, edges and sign vectors.

    In the plane by Euler's formula. In higher dimensions a cell is what a vertex's zero signs
    can be turned into, every way: the distinct ones are counted.
    """
    if dimension == 2:
        return len(edges) - len(vertices) + 1
    rows = signs.numpy()
    zero = np.argsort(rows != 0, axis=1, kind="stable")[:, :dimension]
    rng = np.random.default_rng(0)
    key = rng.integers(-(2**62), 2**62, size=rows.shape[1])
    base = rows.astype(np.int64) @ key
    allowed = np.ones((len(rows), 2**dimension), dtype=bool)
    codes = np.repeat(base[:, None], 2**dimension, axis=1)
    for choice in range(2**dimension):
        for bit in range(dimension):
            sign = 1 if choice >> bit & 1 else -1
            codes[:, choice] += sign * key[zero[:, bit]]
            if sign < 0:  # the box's own sides can only be turned inwards
                allowed[:, choice] &= zero[:, bit] >= 2 * dimension
    return len(np.unique(codes[allowed]))


_RELUCENT = """
import json, os, sys, time
import numpy as np, torch, relucent
layers, whole = json.load(sys.stdin)
layers = [(np.array(w), np.array(b)) for w, b in layers]
parts = []
for i, (w, b) in enumerate(layers):
    linear = torch.nn.Linear(w.shape[1], w.shape[0], dtype=torch.float64)
    linear.weight.data, linear.bias.data = torch.tensor(w), torch.tensor(b)
    parts += [linear, torch.nn.ReLU()] if i < len(layers) - 1 else [linear]
model = torch.nn.Sequential(*parts).double()
complex_ = relucent.Complex(relucent.convert(model))
wall, cpu = time.perf_counter(), sum(os.times()[:4])  # with its worker processes
complex_.bfs(nworkers=1, **({} if whole else {"cube_radius": 1.0, "cube_mode": "intersect"}))
print(json.dumps([sum(os.times()[:4]) - cpu, time.perf_counter() - wall, len(complex_)]))
"""


def relucent_count(python: Path, case: Case) -> Measured:
    """Return relucent's breadth-first enumeration, in its own interpreter."""
    task = [[(w.tolist(), b.tolist()) for w, b in layers_of(case)], case.whole]
    done = subprocess.run(
        [str(python), "-c", _RELUCENT], input=json.dumps(task), capture_output=True, text=True
    )
    if done.returncode:
        raise DataError(f"relucent failed: {done.stderr.strip().splitlines()[-1]}")
    cpu, wall, count = json.loads(done.stdout.strip().splitlines()[-1])
    return Measured(cpu, wall, float("nan"), count)


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case, with the peer's numbers and the ratios beside ours."""
    cases = [case for case in CASES if case.group in config.groups]
    if config.smoke:
        cases = [case for case in cases if np.prod(case.widths[1:]) <= 1100]
    rows = []
    for case in cases:
        ours, peer = apart(measure, case, config)
        rows.append(_row(case, ours, peer))
        print(f"{case.group}: {rows[-1]['network']} done", file=sys.stderr)
    return pd.DataFrame(rows)


def _row(case: Case, ours: Measured, peer: Measured) -> dict[str, Any]:
    return {
        "group": case.group,
        "network": "-".join(map(str, case.widths)) + ("" if case.bias else " no bias"),
        "peer": "one worker" if case.group == "workers" else case.peer,
        "count": ours.count,
        "peer_count": peer.count,
        "cpu_s": ours.cpu,
        "wall_s": ours.wall,
        "us_per_region": 1e6 * ours.cpu / (ours.count or 1),
        "memory_mib": ours.memory,
        "peer_cpu_s": peer.cpu,
        "peer_wall_s": peer.wall,
        "peer_memory_mib": peer.memory,
        "cpu_ratio": peer.cpu / ours.cpu,
        "wall_ratio": peer.wall / ours.wall,
        "demanded": case.demanded,
    }


if __name__ == "__main__":
    report(Config, compute, "counting", __doc__)
