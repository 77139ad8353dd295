"""CPU time and memory of large image networks: reading, pruning, bounds, a line, representations.

    python -m analyses.benchmarks.large

Random weights, published sizes (`large_models`). Every figure comes from a process of its own,
whose peak memory holds the network too. Pruning is at one density in all layers but the output,
`disjoint` at the counts of its own rule. The line is a short segment, about 1,000 regions of
ResNet-50 long, at which counting is stopped after some seconds: what a region costs is the time
over the regions found.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import regions
from analyses.benchmarks.large_models import large_model
from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.errors import RegionsError

ENTRY = Entry(figure="large networks: CPU time and peak memory", minutes=None, inputs="none")


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    networks: tuple[str, ...] = ("ResNet-20", "ResNet-50", "WRN-28-10")
    density: float = 0.1
    images: int = 32
    """Random images of the comparison."""
    batch: int = 4
    """Random images of the criteria and methods that need some."""
    works: tuple[str, ...] = ()
    """Only these kinds of work."""
    seconds: float = 600.0
    """After these the line is stopped."""
    length: float = 1.4e-3
    """Of the line, as a share of a normal vector."""
    out: Path = Path("out/benchmarks/large")
    smoke: bool = False
    """ResNet-20 alone, two images, two seconds."""


Work = Callable[[Any, Config], str]


def _effective(net: Any, config: Config) -> str:
    masks = regions.prune(net, config.density)
    return f"{sum(masks.effective().weights.values())} weights"


def _criterion(name: str, **options: Any) -> Work:
    def work(net: Any, config: Config) -> str:
        masks = regions.prune(net, config.density, name, **options)
        return f"{sum(masks.counts.values())} weights"

    return work


def _on_images(name: str, **options: Any) -> Work:
    """Return the work of a criterion or method that takes the module and images."""

    def work(net: Any, config: Config) -> str:
        model, shape = large_model(net)
        rng = np.random.default_rng(0)
        given = {"inputs": rng.normal(size=(config.batch, *shape)).astype(np.float32)} | options
        if "labels" in options:
            given["labels"] = rng.integers(0, 10, config.batch)
        masks = regions.prune(model, config.density, name, input_shape=shape, **given)
        return f"{sum(masks.counts.values())} weights, {config.batch} images"

    return work


def _units(name: str) -> Work:
    """Return the work of a method that removes units, from all layers where some can go."""

    def work(net: Any, config: Config) -> str:
        densities = dict.fromkeys(regions.pruning.unit_layers(net), config.density)
        inputs = np.random.default_rng(0).normal(size=(config.batch, *net.input_shape))
        masks = regions.prune(net, densities, name, inputs=inputs)
        return f"{sum(masks.counts.values())} weights, {config.batch} images"

    return work


def _disjoint(net: Any, config: Config) -> str:
    allocation = regions.allocate(net, config.density, "disjoint")
    masks = regions.prune(net, allocation, "disjoint")
    return f"{sum(masks.counts.values())} weights"


def _bound(kind: str) -> Work:
    def work(net: Any, config: Config) -> str:
        return f"log2 {regions.upper_bound(net, kind).log2:.6g}"

    return work


def _line(net: Any, config: Config) -> str:
    start = np.random.default_rng(0).normal(size=net.input_size)
    move = np.random.default_rng(1).normal(size=net.input_size)
    ends = np.stack([start, start + config.length * move])
    found = regions.count_regions(net, regions.Slice.through(ends), time_limit=config.seconds)
    known = found.lower if found.count is None else found.count
    return f"{known} regions in {found.seconds:.3g} s, {found.status.name}"


def _compare(net: Any, config: Config) -> str:
    import torch

    model, shape = large_model(net)
    masks = regions.prune(model, config.density, input_shape=shape)
    pruned, _ = large_model(net)
    masks.apply(pruned)
    images = torch.randn(config.images, *shape, generator=torch.Generator().manual_seed(0))
    found = regions.compare_layers(model, pruned, images, measure="cka", tap="linear")
    return f"{len(found.to_frame())} layers, {config.images} images"


WORK: dict[str, Work] = {
    "read": lambda net, config: f"{sum(net.widths[1:-1])} units",
    "effective": _effective,
    "magnitude": _criterion("magnitude"),
    "random": _criterion("random"),
    "synflow": _criterion("synflow"),
    "snip": _on_images("snip", labels=None),
    "grasp": _on_images("grasp", labels=None),
    "gradient": _on_images("gradient", labels=None, weight_decay=1e-4, gradient="regularised"),
    "undecayed": _on_images("undecayed", labels=None, weight_decay=1e-4, gradient="regularised"),
    "blocks": _criterion("blocks"),
    "spectral": _on_images("spectral", labels=None),
    "greedy": _units("greedy"),
    "subspace": _units("subspace"),
    "repair": _criterion("magnitude", repair=True),
    "disjoint": _disjoint,
    "bound live": _bound("live"),
    "bound rank": _bound("rank"),
    "line": _line,
    "compare": _compare,
}

_TAKE_MODULE = ("compare", "snip", "grasp", "gradient", "undecayed", "spectral")


def measure(network: str, what: str, config: Config) -> dict[str, Any]:
    """Return the row of one network and one kind of work."""
    row = {"network": network, "work": what}
    net: Any = network
    begin = time.process_time()
    try:
        if what not in _TAKE_MODULE:
            model, shape = large_model(network)
            begin = time.process_time()
            net = regions.as_network(model, shape)
        begin = begin if what == "read" else time.process_time()
        row["found"] = WORK[what](net, config)
    except RegionsError as error:
        row["found"] = f"refused: {error}"[:70]
    return row | {"cpu_s": time.process_time() - begin, "peak_mib": peak_mib()}


def compute(config: Config) -> pd.DataFrame:
    """Return one row per network and kind of work."""
    if config.smoke:
        config = Config(networks=("ResNet-20",), images=2, seconds=2.0, out=config.out)
    works = config.works or tuple(WORK)
    return pd.DataFrame(
        apart(measure, network, what, config) for network in config.networks for what in works
    )


if __name__ == "__main__":
    report(Config, compute, "large", __doc__)
