"""CPU time, wall time and memory of exact counts along a segment between two images.

    python -m analyses.benchmarks.lines
    python -m analyses.benchmarks.lines --data PATH --epochs 5 --limit 10000

LeNet-5 and ResNet-20, on a part of the segment and on all of it. Without `--data` the networks are
untrained and the images are uniform noise of shape 3x32x32; with it the images are the first two
test images, and the networks are trained first where `--epochs` says so. `forward_ms` is one run of
the network on one image (PyTorch, float64, one thread, batches of 64): what a method pays at least
that runs the network once per region. Each case has a process of its own.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

import regions
from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.training import Recipe, build_model, load_data, train

ENTRY = Entry(
    figure="exact counts along a segment between two images", minutes=None, inputs="--data PATH"
)


class Case(NamedTuple):
    """One network, and the part of the segment, from its middle on."""

    model: str
    share: float
    n_jobs: int


CASES = (
    *(Case("lenet5", share, 1) for share in (0.1, 0.5)),
    *(Case("resnet20", share, 1) for share in (0.01, 0.1, 0.5)),
    Case("resnet20", 0.5, 2),
)


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    data: Path | None = None
    """Images; see `regions.training.load_data`."""
    epochs: int = 0
    """Epochs of training on `data` first."""
    limit: int | None = None
    """Training images; all by default."""
    out: Path = Path("out/benchmarks/lines")
    smoke: bool = False
    """LeNet-5 on a twentieth of the segment."""


def prepare(name: str, config: Config) -> tuple[torch.nn.Module, np.ndarray]:
    """Return a network in float64 and two of its inputs, (2, channels, height, width)."""
    if config.data is None:
        images = (np.random.default_rng(0).uniform(size=(2, 3, 32, 32)) - 0.5) / 0.25
        model = build_model(name, images.shape[1:], 10)
    else:
        data = load_data(config.data, limit=config.limit)
        images = data.test.inputs[:2]
        model = build_model(name, data.image_shape, data.classes)
        if config.epochs:
            recipe = Recipe(epochs=config.epochs)
            model = train([model], data, recipe, progress=True).model(0)
    return model.eval().double(), np.asarray(images, np.float64)


def forward_ms(model: torch.nn.Module, image: np.ndarray) -> float:
    """Return the CPU milliseconds per image of the network's own forward pass."""
    torch.set_num_threads(1)
    batch = torch.as_tensor(np.stack([image] * 64))
    times = []
    with torch.no_grad():
        for _ in range(4):
            start = time.process_time()
            model(batch)
            times.append(1000 * (time.process_time() - start) / 64)
    return min(times)


def measure(case: Case, model: torch.nn.Module, images: np.ndarray) -> dict:
    """Return the row of one case."""
    net = regions.as_network(model, images.shape[1:])
    first, last = images.reshape(2, -1)
    middle, way = (first + last) / 2, last - first
    count(net, regions.Slice.through([middle, middle + 1e-3 * way]), case.n_jobs)
    segment = regions.Slice.through([middle, middle + case.share * way])
    cpu, wall = time.process_time(), time.perf_counter()
    found = count(net, segment, case.n_jobs)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    forward = forward_ms(model, images[0])
    return {
        "network": case.model,
        "units": sum(layer.size for layer in net.relu_layers),
        "share": case.share,
        "n_jobs": case.n_jobs,
        "count": found,
        "cpu_s": cpu,
        "wall_s": wall,
        "ms_per_region": 1000 * cpu / found,
        "forward_ms": forward,
        "forward_ratio": forward * found / (1000 * cpu),
        "memory_mib": peak_mib(),
    }


def count(net: regions.ReLUNetwork, segment: regions.Slice, n_jobs: int) -> int:
    """Return the exact number of regions on a segment."""
    return int(regions.count_regions(net, segment, method="line", n_jobs=n_jobs))


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case."""
    cases = (Case("lenet5", 0.05, 1),) if config.smoke else CASES
    prepared = {name: prepare(name, config) for name in dict.fromkeys(c.model for c in cases)}
    rows = []
    for case in cases:
        rows.append(apart(measure, case, *prepared[case.model]))
        print(f"{case.model}, {case.share:g} of the segment: done", file=sys.stderr)
    return pd.DataFrame(rows)


if __name__ == "__main__":
    report(Config, compute, "lines", __doc__)
