"""The arrays in which the compiled plane engine works, and the cells that it hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regions.counting.plane import plane_kernel as kernel
from regions.counting.plane.layer_kernel import Chain, Work, classify
from regions.counting.plane.planar import BOUNDARY
from regions.counting.plane.polygon_kernel import Stack

STEP = 8192  # cells between two looks at the clock


@dataclass(frozen=True)
class PlaneCells:
    """Some cells of a plane, in the coordinates of its frame.

    Attributes
    ----------
    vertices : (v, 3) array
        Homogeneous vertices of all cells, cell by cell, counterclockwise.
    labels : (v,) int array
        For each vertex the edge to the next one: number of units times the number of the cut that
        made it, plus the unit; -1 on the domain's boundary. Both sides of an edge agree.
    ends : (cells + 1,) int array
        Cell i has the vertices ends[i] : ends[i + 1].
    patterns : (cells, units) bool array
    outputs : (cells, 3, outputs) array
        Coefficients of (x, y, w) in each output.
    """

    vertices: np.ndarray
    labels: np.ndarray
    ends: np.ndarray
    patterns: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return len(self.patterns)

    def polygon(self, cell: int) -> np.ndarray:
        """Return the vertices of one cell."""
        return self.vertices[self.ends[cell] : self.ends[cell + 1]]

    def part(self, start: int, stop: int) -> PlaneCells:
        """Return the cells start:stop."""
        first, last = self.ends[start], self.ends[min(stop, len(self))]
        return PlaneCells(
            vertices=self.vertices[first:last],
            labels=self.labels[first:last],
            ends=self.ends[start : stop + 1] - first,
            patterns=self.patterns[start:stop],
            outputs=self.outputs[start:stop],
        )

    @classmethod
    def joined(cls, parts: list[PlaneCells]) -> PlaneCells:
        """Return the cells of all parts as one."""
        shifts = np.cumsum([0, *(len(part.vertices) for part in parts)])
        ends = [part.ends[1:] + shift for part, shift in zip(parts, shifts, strict=False)]
        return cls(
            vertices=np.concatenate([part.vertices for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            ends=np.concatenate([[0], *ends]).astype(np.int64),
            patterns=np.concatenate([part.patterns for part in parts]),
            outputs=np.concatenate([part.outputs for part in parts]),
        )


class Explorer:
    """One chain of ReLU layers on one plane: its stack grows when it must."""

    def __init__(self, chain: Chain, maps: np.ndarray, cuts: np.ndarray | None = None) -> None:
        units, widest = int(chain.sizes.sum()), int(chain.sizes.max())
        self.chain = chain
        self.work = Work(
            maps=np.zeros((3, units)),
            multiplier=np.zeros(units),
            used=np.zeros(units),
            updates=np.full(chain.layers + 1, -1),
            magnitude=np.zeros(chain.layers + 1),
            peak=np.zeros(chain.layers + 1),
            low=np.zeros(widest),
            high=np.zeros(widest),
            cuts=np.zeros(1, np.int64) if cuts is None else cuts,
        )
        self.work.maps[:, : maps.shape[1]] = maps
        self._stack = _stack(nodes=64, vertices=2048, units=8 * widest + 1024)
        self._top = 0

    def counts(self, polygon: np.ndarray) -> Iterator[int]:
        """Yield numbers of cells that add up to the number of cells in the polygon."""
        self._start(polygon, np.full(len(polygon), BOUNDARY))
        nowhere = _found(self.chain, 0)
        while self._top:
            yield self._step(nowhere)

    def cells(self, polygon: np.ndarray, labels: np.ndarray) -> Iterator[PlaneCells]:
        """Yield the cells in the polygon."""
        self._start(polygon, labels)
        found = _found(self.chain, STEP)
        while self._top:
            n = self._step(found)
            end = found.ends[n]
            yield PlaneCells(
                vertices=found.vertices[:end].copy(),
                labels=found.labels[:end].copy(),
                ends=found.ends[: n + 1].copy(),
                patterns=found.patterns[:n].copy(),
                outputs=found.outputs[:n].copy(),
            )

    def crossed(self, polygon: np.ndarray) -> int:
        """Return how many units of the first layer cross the polygon."""
        values = polygon @ self.work.maps[:, : self.chain.sizes[0]]
        return int(((values.max(axis=0) > 0) & (values.min(axis=0) < 0)).sum())

    def halves(self, polygon: np.ndarray) -> list[np.ndarray]:
        """Return the two parts of a polygon cut by some unit, or the polygon if none cuts it."""
        self._start(polygon, np.full(len(polygon), BOUNDARY))
        tops = kernel.halve(self.chain, self.work, self._stack)
        nodes = self._stack.nodes[:tops]
        return [self._stack.vertices[n[kernel.FIRST] : n[kernel.LAST]].copy() for n in nodes]

    def _start(self, polygon: np.ndarray, labels: np.ndarray) -> None:
        k = len(polygon)
        while 4 * k + 1024 > len(self._stack.vertices):
            self._grow()
        self._stack.vertices[:k] = polygon
        self._stack.labels[:k] = labels
        self.work.updates[:] = -1
        end = classify(self.chain, self.work, self._stack, 0, 0, k, 0)
        self._stack.nodes[0] = (0, 0, k, 0, end, 0)
        self._top = 1

    def _step(self, found: kernel.Found) -> int:
        reason, self._top, cells = kernel.explore(
            self.chain, self.work, self._stack, found, self._top, STEP
        )
        if reason == kernel.ROOM:
            self._grow()
        return cells

    def _grow(self) -> None:
        old = self._stack
        self._stack = _stack(2 * len(old.nodes), 2 * len(old.vertices), 2 * len(old.units))
        for before, now in zip(old, self._stack, strict=True):
            now[: len(before)] = before


def _stack(nodes: int, vertices: int, units: int) -> Stack:
    return Stack(
        nodes=np.zeros((nodes, 6), np.int64),
        vertices=np.zeros((vertices, 3)),
        labels=np.zeros(vertices, np.int64),
        units=np.zeros(units, np.int64),
    )


def _found(chain: Chain, cells: int) -> kernel.Found:
    """Return room for `cells` cells; without room the kernel only counts."""
    units, outputs = int(chain.unit_at[chain.layers]), int(chain.sizes[-1])
    return kernel.Found(
        vertices=np.zeros((8 * cells, 3)),
        labels=np.zeros(8 * cells, np.int64),
        ends=np.zeros(cells + 1, np.int64),
        patterns=np.zeros((cells, units), np.bool_),
        outputs=np.zeros((cells, 3, outputs)),
    )
