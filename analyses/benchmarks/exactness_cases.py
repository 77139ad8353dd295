"""The networks that `exactness` counts, and a process that counts them with any version.

Imports nothing but numpy and the package itself, so that it runs beside an earlier checkout.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One engine on one network: a chain of the given widths, or a model by name."""

    method: str
    widths: tuple[int, ...]
    weights: str = "normal"
    half: float | None = 1.0
    slice: int = 0  # dimension of a slice through random points; 0: the box or whole space
    kind: str = "activation"
    verb: str = "count"

    @property
    def name(self) -> str:
        """A short text."""
        where = "space" if self.half is None else f"slice {self.slice}" if self.slice else "box"
        what = self.kind if self.verb == "count" else self.verb
        return f"{'-'.join(map(str, self.widths))} {self.weights} {where} {what}"


GENERIC = (
    Case("line", (784, 100, 100, 10), slice=1),
    Case("line", (784, 1000, 1000, 1000, 10), slice=1),
    Case("line", (1, *[16] * 20), "deep"),
    Case("line", (64, 64, 64, 64), slice=1, kind="linear"),
    Case("plane", (2, 1000)),
    Case("plane", (2, 100, 100)),
    Case("plane", (2, 32, 32, 32, 32)),
    Case("plane", (2, 256, 256)),
    Case("plane", (2, *[16] * 20), "deep", 0.5),
    Case("plane", (784, 100, 100), slice=2),
    Case("plane", (2, 32, 32), kind="linear"),
    Case("vertices", (3, 32, 32)),
    Case("vertices", (3, 64, 64)),
    Case("vertices", (4, 24, 24)),
    Case("vertices", (5, 20, 20)),
    Case("vertices", (3, *[16] * 12), "deep", 0.1),
    Case("cells", (3, 16, 16)),
    Case("cells", (4, 12, 12)),
    Case("cells", (6, 9, 9)),
    Case("cells", (20, 8, 6)),
    Case("cells", (784, 20, 20), slice=3),
    Case("cells", (3, 10, 10), half=None),
    Case("cells", (3, 8, 8), kind="linear"),
)
HIGH = (
    Case("cells", (10, 10, 10)),
    Case("cells", (10, 16, 16), half=0.3),
    Case("cells", (10, 8, 8, 8)),
    Case("cells", (10, 40, 40), half=0.06),
    Case("cells", (10, 16, 16), "sparse"),
    Case("cells", (20, 12, 12), half=0.3),
    Case("cells", (20, 14, 10), "sparse"),
    Case("cells", (50, 8, 6), half=0.3),
    Case("cells", (50, 14, 8), "sparse", 0.3),
    Case("cells", (100, 10, 6), half=0.3),
    Case("cells", (100, 8, 5, 4), half=0.3),
    Case("cells", (100, 16)),
    Case("cells", (10, 6, 6), "bias-free"),
    Case("cells", (20, 6, 6), "bias-free"),
)
LISTS = (
    Case("regions", (2, 100, 100), verb="enumerate"),
    Case("regions", (3, 32, 32), verb="enumerate"),
    Case("regions", (3, 20, 20, 20), verb="enumerate"),
    Case("regions", (4, 16, 16), verb="enumerate"),
    Case("regions", (5, 12, 12), verb="enumerate"),
    Case("regions", (6, 9, 9), verb="enumerate"),
    Case("regions", (3, 32, 32), verb="graph"),
    Case("regions", (3, 24, 24), "sparse bias-free", verb="enumerate"),
    Case("regions", (3, 10, 10), "integer", verb="enumerate"),
)
TIES = (
    Case("line", (8, 32, 32), "integer", slice=1),
    Case("line", (8, 64, 64), "bias-free", slice=1),
    Case("plane", (2, 64, 64), "bias-free"),
    Case("plane", (2, 32, 32), "integer"),
    Case("plane", (2, 64, 64), "sparse"),
    Case("plane", (2, 64, 64), "sparse bias-free"),
    Case("plane", (2, 32, 32), "duplicates"),
    Case("vertices", (3, 24, 24), "bias-free"),
    Case("vertices", (3, 10, 10), "integer"),
    Case("vertices", (3, 24, 24), "sparse"),
    Case("vertices", (3, 24, 24), "sparse bias-free"),
    Case("vertices", (3, 12, 12), "duplicates"),
    Case("cells", (3, 16, 16), "bias-free"),
    Case("cells", (3, 12, 12), "bias-free", None),
    Case("cells", (3, 10, 10), "integer"),
    Case("cells", (4, 16, 16), "sparse"),
    Case("cells", (4, 16, 16), "sparse bias-free"),
    Case("cells", (3, 10, 10), "duplicates"),
)


def layers_of(case: Case, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (W, b) of every layer, the last pair being the output layer."""
    rng, layers = np.random.default_rng(seed), []
    for n, m in pairwise(case.widths):
        weight, bias = rng.normal(size=(m, n)) * np.sqrt(2 / n), rng.normal(size=m) * 0.5
        if case.weights == "deep":
            bias *= 0.2
        if case.weights == "integer":
            weight = rng.integers(-2, 3, size=(m, n)).astype(float)
            bias = rng.integers(-2, 3, size=m).astype(float)
        if "sparse" in case.weights:
            weight *= rng.random((m, n)) < 0.2
        if "bias-free" in case.weights:
            bias *= 0.0
        if case.weights == "duplicates":
            for i in range(0, m - 1, 3):
                factor = (-1.0, 2.0, -0.5)[i % 9 // 3]
                weight[i + 1], bias[i + 1] = factor * weight[i], factor * bias[i]
        layers.append((weight, bias))
    return [*layers, (rng.normal(size=(1, case.widths[-1])), np.zeros(1))]


def question_of(case: Case) -> tuple[Any, Any]:
    """Return a case's network and domain."""
    import regions

    n0, domain = case.widths[0], None
    if case.slice:
        points = np.random.default_rng(1).normal(size=(case.slice + 1, n0))
        box = None if case.slice == 1 else regions.Box.cube(n0, -4.0, 4.0)
        domain = regions.Slice.through(points, box)
    elif case.half is not None:
        domain = regions.Box.cube(n0, -case.half, case.half)
    return regions.as_network(layers_of(case)), domain


def serve() -> None:
    """Count what comes in on standard input, with whatever version of the package is imported."""
    import regions

    for line in sys.stdin:
        case = Case(*json.loads(line))
        net, domain = question_of(case)
        started = time.process_time()
        if case.verb == "enumerate":
            count, status = sum(1 for _ in regions.enumerate_regions(net, domain)), "listed"
        elif case.verb == "graph":
            count, status = len(regions.region_graph(net, domain)), "listed"
        else:
            found = regions.count_regions(net, domain, method=case.method, kind=case.kind)
            count, status = found.count, found.status.name
        seconds = time.process_time() - started
        print(json.dumps([count, status, seconds]), flush=True)
