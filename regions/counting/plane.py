"""The plane engine: exact counts on two-dimensional boxes and slices, and the cells themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed

from regions.counting import plane_kernel as kernel
from regions.counting.chain import flat_chain, is_chain
from regions.counting.limits import Stopwatch
from regions.counting.planar import BOUNDARY, PlanarFrame, planar_frame
from regions.counting.result import RegionCount
from regions.networks import Box, ReLUNetwork, Slice
from regions.progress import track

_STEP = 8192  # cells between two looks at the clock
_TASKS = 24  # per worker


class Explorer:
    """The kernel's arrays for one network on one plane; they grow when they must."""

    def __init__(self, chain: kernel.Chain, maps: np.ndarray) -> None:
        units, widest = int(chain.sizes.sum()), int(chain.sizes.max())
        self.chain = chain
        self.work = kernel.Work(
            maps=np.zeros((3, units)),
            multiplier=np.zeros(units),
            used=np.zeros(units),
            updates=np.full(chain.layers + 1, -1),
            magnitude=np.zeros(chain.layers + 1),
            low=np.zeros(widest),
            high=np.zeros(widest),
        )
        self.work.maps[:, : maps.shape[1]] = maps
        self.stack = _new_stack(nodes=64, vertices=1024, units=8 * widest)
        self.top = 0

    def start(self, polygon: np.ndarray) -> None:
        """Put one polygon of the domain on the empty stack."""
        k = len(polygon)
        self._grow(2 * k)
        self.stack.vertices[:k] = polygon
        self.stack.labels[:k] = BOUNDARY
        self.work.updates[:] = -1
        end = kernel.classify(self.chain, self.work, self.stack, 0, 0, k, 0)
        self.stack.nodes[0] = (0, 0, k, 0, end, 0)
        self.top = 1

    def step(self, found: kernel.Found, budget: int = _STEP) -> int:
        """Explore about `budget` cells and return how many were found."""
        reason, self.top, cells = kernel.explore(
            self.chain, self.work, self.stack, found, self.top, budget
        )
        if reason == kernel.ROOM:
            self._grow(2 * len(self.stack.vertices))
        return cells

    def halves(self, polygon: np.ndarray) -> list[np.ndarray]:
        """Return the two parts of a polygon cut by some unit, or the polygon if none cuts it."""
        self.start(polygon)
        self.top = kernel.halve(self.chain, self.work, self.stack)
        nodes = self.stack.nodes[: self.top]
        return [self.stack.vertices[n[kernel.FIRST] : n[kernel.LAST]].copy() for n in nodes]

    def _grow(self, vertices: int) -> None:
        if vertices <= len(self.stack.vertices):
            return
        nodes, units = 2 * len(self.stack.nodes), 2 * len(self.stack.units)
        larger = _new_stack(nodes, vertices, units)
        for old, new in zip(self.stack, larger, strict=True):
            new[: len(old)] = old
        self.stack = larger


def _new_stack(nodes: int, vertices: int, units: int) -> kernel.Stack:
    return kernel.Stack(
        nodes=np.zeros((nodes, 6), np.int64),
        vertices=np.zeros((vertices, 3)),
        labels=np.zeros(vertices, np.int64),
        units=np.zeros(units, np.int64),
    )


def _nothing(chain: kernel.Chain, cells: int = 0) -> kernel.Found:
    """Return room for `cells` cells; without room the kernel only counts."""
    units, outputs = int(chain.unit_at[chain.layers]), int(chain.sizes[-1])
    return kernel.Found(
        vertices=np.zeros((8 * cells, 3)),
        labels=np.zeros(8 * cells, np.int64),
        ends=np.zeros(cells + 1, np.int64),
        patterns=np.zeros((cells, units), np.bool_),
        outputs=np.zeros((cells, 3, outputs)),
    )


def count_plane(
    net: ReLUNetwork,
    domain: Box | Slice | None,
    *,
    kind: str = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> RegionCount:
    clock = Stopwatch(time_limit)
    frame = planar_frame(net, domain)
    chain, maps = flat_chain(net, frame.columns, np.array([0.0, 0.0, 1.0]))
    explorer, found, cells = Explorer(chain, maps), _nothing(chain), 0
    for polygon in frame.polygons:
        explorer.start(polygon)
        while explorer.top:
            cells += explorer.step(found)
    return RegionCount.exact(cells, method="plane", seconds=clock.seconds, domain=domain)
