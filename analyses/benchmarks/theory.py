"""CPU time and memory of tangent kernels of 784-512-512-512, beside explicit Jacobians.

    python -m analyses.benchmarks.theory

The other side is what PyTorch's tutorial on tangent kernels does: all Jacobians by
`vmap(jacrev(...))` over `functional_call`, then their products, in double precision. It is run on
few points, because its memory is points x outputs x weights; both sides see the same masked
network and points, in one process. Every case runs in a fresh process on one thread.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.progress import track
from regions.theory import empirical_ntk
from regions.training import build_model

ENTRY = Entry(figure="tangent kernels beside explicit Jacobians", minutes=None, inputs="none")

FLOOR_SECONDS, FLOOR_MIB = 60.0, 2048.0  # for 1,000 points


@dataclass(frozen=True)
class Case:
    """One kernel: outputs of the network, and the density of random masks (None: no masks)."""

    outputs: int
    density: float | None


CASES = tuple(Case(k, p) for k in (1, 10) for p in (None, 0.9, 0.5, 0.1, 0.01))


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    points: int = 1000
    peer_points: int = 20
    """Points for the explicit Jacobians, and for ours beside them."""
    hidden: tuple[int, ...] = (512, 512, 512)
    out: Path = Path("out/benchmarks/theory")
    smoke: bool = False
    """A small network, one case."""


def explicit(model: nn.Module, masks: dict[str, np.ndarray], points: np.ndarray) -> np.ndarray:
    """Return the kernel from explicit Jacobians of all points."""
    factors = {f"{name}.weight": torch.from_numpy(1.0 * mask) for name, mask in masks.items()}
    parameters = {name: value.detach().double() for name, value in model.named_parameters()}

    def run(values: dict, point: torch.Tensor) -> torch.Tensor:
        used = {name: value * factors.get(name, 1.0) for name, value in values.items()}
        return functional_call(model, used, (point[None],)).squeeze(0)

    jacobians = vmap(jacrev(run), (None, 0))(parameters, torch.from_numpy(points))
    flat = [part.flatten(2) for part in jacobians.values()]
    return sum(torch.einsum("nkp,mkp->nm", part, part) for part in flat).numpy()


def seconds(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the CPU time of one call and what it gave."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def measure(case: Case, config: Config) -> dict:
    """Return one row: time and memory of the whole kernel, and the ratio on few points."""
    rng = np.random.default_rng(0)
    model = build_model("mlp", (784,), case.outputs, hidden=config.hidden)
    points = rng.random((config.points, 784))
    names = [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    shapes = {name: tuple(model.get_submodule(name).weight.shape) for name in names}
    masks = {}
    if case.density is not None:
        masks = {name: rng.random(shape) < case.density for name, shape in shapes.items()}
    empirical_ntk(model, points[:2], masks=masks)  # imports are not timed
    before = peak_mib()
    whole, _ = seconds(lambda: empirical_ntk(model, points, masks=masks))
    peak = peak_mib()
    few = points[: config.peer_points]
    ours, kernel = seconds(lambda: empirical_ntk(model, few, masks=masks))
    theirs, reference = seconds(lambda: explicit(model, masks, few))
    return {
        **asdict(case),
        "points": config.points,
        "cpu_seconds": whole,
        "allowed_seconds": FLOOR_SECONDS,
        "peak_mib": peak,
        "of_which_imports_mib": before,
        "allowed_mib": FLOOR_MIB,
        "peer_points": len(few),
        "ratio_to_jacobians": ours / theirs,
        "largest_relative_difference": float(np.abs(kernel / reference - 1).max()),
    }


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case."""
    if config.smoke:
        config = Config(points=60, peer_points=20, hidden=(32, 32), out=config.out, smoke=True)
    cases = CASES[2:3] if config.smoke else CASES
    cases = track(cases, show=True, label="kernels")
    return pd.DataFrame([apart(measure, case, config) for case in cases])


if __name__ == "__main__":
    report(Config, compute, "theory", __doc__, digits=3)
