"""The arrays in which the compiled plane engine works, and the cells that it hands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.counting.plane import plane_kernel as kernel
from regions.counting.plane.below_kernel import FEW, Below
from regions.counting.plane.chain import Maps
from regions.counting.plane.chord_kernel import Chords
from regions.counting.plane.judge import Judge
from regions.counting.plane.layer_kernel import Chain, Work
from regions.counting.plane.polygon_kernel import LINE, LX, ROW, Stack, X, Y
from regions.counting.plane.settle_kernel import remember, restore

STEP = 8192  # cells between two looks at the clock
_ROOM = 2**10  # answers that are kept at first
_MOST = 2**20
_ASKED = 256  # questions at once


@dataclass(frozen=True)
class PlaneCells:
    """Some cells of a plane, in the coordinates of its frame.

    Attributes
    ----------
    rows : (v, ROW) array
        Vertices of all cells, cell by cell, counterclockwise where the plane is bounded, with the
        line of the edge to the next one (`polygon_kernel`).
    labels : (v,) int array
        For each vertex the edge to the next one: number of units times the number of the cut that
        made it, plus the unit; -1 - i on side i of the domain. Both sides of an edge agree.
    ends : (cells + 1,) int array
        Cell i has the vertices ends[i] : ends[i + 1].
    patterns : (cells, units) bool array
    outputs : (cells, 3, outputs) array
        Coefficients of (x, y, 1) in each output.
    errors : (cells, 2, outputs) array
        Bounds of their errors: of the first two and of the third.
    """

    rows: np.ndarray
    labels: np.ndarray
    ends: np.ndarray
    patterns: np.ndarray
    outputs: np.ndarray
    errors: np.ndarray

    def __len__(self) -> int:
        return len(self.patterns)

    @cached_property
    def owner(self) -> np.ndarray:
        """The cell of every row."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends))

    @cached_property
    def following(self) -> np.ndarray:
        """For every row the next vertex of its cell."""
        following = np.arange(1, len(self.rows) + 1)
        following[self.ends[1:] - 1] = self.ends[:-1]
        return following

    @property
    def vertices(self) -> np.ndarray:
        """Homogeneous vertices (x, y, 1) of all cells."""
        return np.column_stack([self.rows[:, [X, Y]], np.ones(len(self.rows))])

    def polygon(self, cell: int) -> np.ndarray:
        """Return the homogeneous vertices of one cell."""
        part = self.rows[self.ends[cell] : self.ends[cell + 1]]
        return np.column_stack([part[:, [X, Y]], np.ones(len(part))])

    def part(self, start: int, stop: int) -> PlaneCells:
        """Return the cells start:stop."""
        first, last = self.ends[start], self.ends[min(stop, len(self))]
        return PlaneCells(
            rows=self.rows[first:last],
            labels=self.labels[first:last],
            ends=self.ends[start : stop + 1] - first,
            patterns=self.patterns[start:stop],
            outputs=self.outputs[start:stop],
            errors=self.errors[start:stop],
        )

    @classmethod
    def joined(cls, parts: list[PlaneCells]) -> PlaneCells:
        """Return the cells of all parts as one."""
        shifts = np.cumsum([0, *(len(part.rows) for part in parts)])
        ends = [part.ends[1:] + shift for part, shift in zip(parts, shifts, strict=False)]
        return cls(
            rows=np.concatenate([part.rows for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            ends=np.concatenate([[0], *ends]).astype(np.int64),
            patterns=np.concatenate([part.patterns for part in parts]),
            outputs=np.concatenate([part.outputs for part in parts]),
            errors=np.concatenate([part.errors for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex polygon: rows of vertices, and labels of its edges."""

    rows: np.ndarray
    labels: np.ndarray


class Explorer:
    """One chain of ReLU layers on one plane: its stack grows when it must.

    Parameters
    ----------
    chain : Chain
    maps : Maps
        Of the first layer.
    judge : Judge
        Settles what is open.
    scales : (outputs,) int array
        The outputs are those of the chain times 2**scales.
    cuts : (1,) array
        Number of cuts made so far.
    before : bool array
        The pattern of layers before the chain's.
    """

    def __init__(
        self,
        chain: Chain,
        maps: Maps,
        judge: Judge,
        scales: np.ndarray | None = None,
        cuts: np.ndarray | None = None,
        before: np.ndarray | None = None,
    ) -> None:
        self.chain, self.judge, self.before = chain, judge, before
        self.scales = np.zeros(chain.sizes[-1], np.int64) if scales is None else scales
        self.work = _work(chain, np.zeros(1, np.int64) if cuts is None else cuts)
        first = maps.values.shape[1]
        self.work.maps[:, :first], self.work.errors[:, :first] = maps.values, maps.errors
        widest = int(chain.sizes.max())
        self._stack = _stack(nodes=64, vertices=2048, units=8 * widest + 1024)
        self._below = Below(
            units=np.zeros(FEW, np.int64),
            stray=np.zeros(FEW),
            chosen=np.zeros(widest, np.int64),
            maps=np.zeros((3, widest)),
            used=np.zeros(widest),
            counts=np.zeros(4, np.int64),
        )
        most = min(widest, kernel.MANY)
        self._chords = Chords(
            units=np.zeros(most, np.int64),
            lines=np.zeros((most, LINE)),
            bounds=np.zeros((2, most)),
            rows=np.zeros((3, most)),
            values=np.zeros((2, most)),
            places=np.zeros(most),
            heads=np.zeros(8 * most + 16, np.int32),
            before=np.zeros(most, np.int32),
            others=np.zeros(most, np.int64),
            widths=np.zeros(most),
            ends=np.zeros((2, LX)),
            place=np.zeros(LX),
        )
        self._top, self._reason = 0, kernel.DONE

    def counts(self, polygon: Polygon, at_once: int | None = None) -> Iterator[int]:
        """Yield numbers of cells, about `at_once` or less, that add up to those in the polygon."""
        self._start(polygon)
        nowhere = _found(self.chain, 0)
        while self._top:
            yield self._step(nowhere, at_once)

    def cells(self, polygon: Polygon, batch: int | None = None) -> Iterator[PlaneCells]:
        """Yield the cells in the polygon, at most `batch` at a time (some may be none)."""
        self._start(polygon)
        found = _found(self.chain, STEP if batch is None else batch)
        scale = np.exp2(np.clip(self.scales, -1000, 1000).astype(float))
        while self._top:
            n = self._step(found)
            if n == 0 and self._reason == kernel.FULL:  # one cell with very many vertices
                found = _found(self.chain, len(found.patterns), 2 * len(found.labels))
            end = found.ends[n]
            yield PlaneCells(
                rows=found.vertices[:end].copy(),
                labels=found.labels[:end].copy(),
                ends=found.ends[: n + 1].copy(),
                patterns=found.patterns[:n].copy(),
                outputs=found.outputs[:n] * scale,
                errors=found.errors[:n] * scale,
            )

    @property
    def finished(self) -> bool:
        """Whether all of the latest polygon has been looked at."""
        return self._top == 0

    def crossed(self, polygon: Polygon) -> int:
        """Return about how many units of the first layer cross the polygon."""
        maps = self.work.maps[:, : self.chain.sizes[0]]
        values = polygon.rows[:, [X, Y]] @ maps[:2] + maps[2]
        return int(((values.max(axis=0) > 0) & (values.min(axis=0) < 0)).sum())

    def halves(self, polygon: Polygon) -> list[Polygon]:
        """Return the two parts of a polygon cut by some unit, or the polygon if none cuts it."""
        self._start(polygon)
        while (tops := kernel.halve(self.chain, self.work, self._stack)) < 0:
            self._answer()
        self._top = 0
        parts = [slice(n[kernel.FIRST], n[kernel.LAST]) for n in self._stack.nodes[:tops]]
        stack = self._stack
        return [Polygon(stack.vertices[at].copy(), stack.labels[at].copy()) for at in parts]

    def _start(self, polygon: Polygon) -> None:
        k = len(polygon.labels)
        while 4 * k + 1024 > len(self._stack.vertices):
            self._grow()
        self._stack.vertices[:k] = polygon.rows
        self._stack.labels[:k] = polygon.labels
        self.work.updates[1:] = -1
        self._stack.nodes[0] = (0, 0, k, 0, 0, kernel.FRESH)
        self._top = 1

    def _step(self, found: kernel.Found, at_once: int | None = None) -> int:
        budget = STEP if at_once is None else at_once
        self._reason, self._top, cells = kernel.explore(
            self.chain, self.work, self._stack, found, self._below, self._chords, self._top, budget
        )
        if self._reason == kernel.ROOM:
            self._grow()
        elif self._reason == kernel.ASKED:
            self._answer()
        return cells

    def _answer(self) -> None:
        """Settle the open questions."""
        work = self.work
        n = int(work.asked[0])
        if 2 * (int(work.kept[0]) + len(work.questions)) > len(work.keys):
            self._make_room()
            return  # the kernel asks again
        active = work.active if self.before is None else np.append(self.before, work.active)
        units = work.questions[:n].copy()
        units[:, 0] += self.chain.first
        remember(work, self.judge.answers(units, work.values[:n], active))

    def _make_room(self) -> None:
        """Keep more answers, or forget all where there are very many."""
        room = len(self.work.keys)
        keys, signs = self.work.keys, self.work.signs
        if room < _MOST:
            self.work = self.work._replace(
                keys=np.full((4 * room, 4), -1), signs=np.zeros(4 * room, np.int64)
            )
            kept = keys[:, 0] >= 0
            restore(self.work, keys[kept], signs[kept])
        else:
            keys[:] = -1
            self.work.kept[0] = 0

    def _grow(self) -> None:
        old = self._stack
        self._stack = _stack(2 * len(old.nodes), 2 * len(old.vertices), 2 * len(old.units))
        for before, now in zip(old, self._stack, strict=True):
            now[: len(before)] = before


def _work(chain: Chain, cuts: np.ndarray) -> Work:
    units, widest, layers = int(chain.sizes.sum()), int(chain.sizes.max()), chain.layers
    sharp = np.zeros(layers + 1, np.int64)
    sharp[0] = 1
    return Work(
        maps=np.zeros((3, units)),
        errors=np.zeros((2, units)),
        active=np.zeros(units, np.bool_),
        multiplier=np.zeros(units),
        used=np.zeros(units),
        updates=np.full(layers + 1, -1),
        sharp=sharp,
        inherited=np.zeros((2, layers + 1)),
        together=np.full((2, layers + 1), np.inf),
        peak=np.zeros((2, layers + 1)),
        remade=np.zeros(1, np.int64),
        stamps=np.zeros(layers + 2, np.int64),
        low=np.zeros(widest),
        high=np.zeros(widest),
        bound=np.zeros(widest),
        line=np.zeros(LINE),
        cuts=cuts,
        keys=np.full((_ROOM, 4), -1),
        signs=np.zeros(_ROOM, np.int64),
        kept=np.zeros(1, np.int64),
        asked=np.zeros(1, np.int64),
        questions=np.zeros((_ASKED, 4), np.int64),
        lines=np.zeros((_ASKED, 2, LINE)),
        places=np.zeros((_ASKED, 3)),
        values=np.zeros((_ASKED, 2)),
    )


def _stack(nodes: int, vertices: int, units: int) -> Stack:
    return Stack(
        nodes=np.zeros((nodes, 6), np.int64),
        vertices=np.zeros((vertices, ROW)),
        labels=np.zeros(vertices, np.int64),
        units=np.zeros(units, np.int64),
        signs=np.zeros(vertices),
        old=np.zeros((vertices, ROW)),
        names=np.zeros(vertices, np.int64),
        ends=np.zeros((2, LX)),
    )


def _found(chain: Chain, cells: int, vertices: int = 0) -> kernel.Found:
    """Return room for `cells` cells; without room the kernel only counts."""
    units, outputs = int(chain.unit_at[chain.layers]), int(chain.sizes[-1])
    room = max(8 * cells, vertices)
    return kernel.Found(
        vertices=np.zeros((room, ROW)),
        labels=np.zeros(room, np.int64),
        ends=np.zeros(cells + 1, np.int64),
        patterns=np.zeros((cells, units), np.bool_),
        outputs=np.zeros((cells, 3, outputs)),
        errors=np.zeros((cells, 2, outputs)),
    )
