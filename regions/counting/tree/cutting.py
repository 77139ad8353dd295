"""One batch of cells cut by one stage: the kernel's calls, and the answers to what it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from regions.counting.effort import Effort
from regions.counting.tree import certificates
from regions.counting.tree import halfspace_kernel as kernel
from regions.counting.tree.absent import absent_on
from regions.counting.tree.cell import Corner
from regions.counting.tree.feeding import Feeding
from regions.counting.tree.frame import Frame
from regions.counting.tree.halfspace_cells import (
    Answer,
    Children,
    HalfspaceCells,
    Recall,
    Stack,
    Walks,
)
from regions.counting.tree.limits import Limits
from regions.counting.tree.settle import (
    LARGEST,
    Form,
    Sides,
    rounded,
    sides_of,
    stopped_by,
    whole,
)
from regions.counting.tree.simplex import HIGH, LOW, ROW
from regions.counting.tree.walk import StageForms
from regions.counting.undecided import Undecided
from regions.exact.solve import value

_RECALLED = 4  # proofs kept for every unit of a cell
_SEEN = 1e-9  # in float64 alone a cell must reach so far past a hyperplane


@dataclass(frozen=True)
class Child:
    """A cell that was cut out in integers, because no float64 point is known in it."""

    owner: int
    signs: np.ndarray
    cuts: np.ndarray
    point: Form


@dataclass
class Cutting:
    """A batch of cells on its way through one stage.

    Attributes
    ----------
    cells : HalfspaceCells
    forms : StageForms
    limits : Limits
    absent : (n,) array
        Coordinates that the stage's units do not depend on, as bits.
    effort : Effort
        Its clock is looked at whenever the kernel returns.
    undecided : Undecided
    work : (3,) array
        See `cell.Room`.
    """

    cells: HalfspaceCells
    forms: StageForms
    limits: Limits
    absent: np.ndarray
    effort: Effort
    undecided: Undecided
    work: np.ndarray
    aside: list[tuple[int, int, np.ndarray, list[int], Form]] = field(default_factory=list)

    def __post_init__(self) -> None:
        cells, values, stage = self.cells, self.forms.values, self.forms.stage
        count, width, n = values.shape
        d = width - 1
        self.unit, self.off = np.empty((count, n, width)), np.empty((count, n, 4))
        certificates.normalise(
            values, self.forms.errors, self.absent, self.limits.size, self.unit, self.off
        )
        feeding = Feeding.of(self.forms.frame.net, stage.layer, stage.units)
        none = np.zeros((count, n), np.int8)
        self.known = none if feeding is None else feeding.signs(self.forms.active)
        self.batch = cells.batch(self.limits.bounds)
        self.answer = Answer(np.array([-1, 0]), np.empty(d), np.empty(d))
        self.recall = Recall(
            np.zeros((n, _RECALLED, n), np.int8),
            np.zeros((n, _RECALLED), np.int64),
            np.zeros(n, np.int64),
        )
        # before any program has stopped there is no corner: all coordinates FREE
        self.corner = Corner(np.zeros(d, np.int64), np.zeros(d, np.int64), np.zeros(d))
        self._refined = False
        self._exact: dict[tuple[int, int], Form] = {}
        self._rows: tuple[int, list[Form]] = -1, []

    def found(self, budget: int, keep: bool) -> Iterator[tuple[int, Children]]:
        """Yield the number of children found and what they are, for `budget` at a time."""
        n, d = self.unit.shape[1], self.unit.shape[2] - 1
        stack = Stack(
            np.empty((n + 2, d)),
            np.zeros(n + 2, np.int64),
            np.zeros((n + 2, n), np.int64),
            np.zeros(n + 2, np.int64),
            np.zeros((n + 2, n), np.int8),
            np.zeros(n + 2, np.int64),
        )
        size = budget if keep else 0
        out = Children(
            np.empty(size, np.int64),
            np.empty((size, d)),
            np.empty((size, n), np.int8),
            np.empty((size, n), np.int64),
            np.empty(size, np.int64),
        )
        cursor, first = np.zeros(2, np.int64), 0
        while True:
            if self.effort.expired():
                if first:
                    yield first, out
                self.effort.check()
            rest = Children(*(part[first:] for part in out))
            code, number = kernel.split(
                self.unit, self.off, self.known, self.batch, cursor, stack, self.answer,
                self.recall, self.corner, self.work, budget - first, rest,
            )  # fmt: skip
            first += number
            if code == kernel.DOUBT:
                top, cell = cursor[1] - 1, int(cursor[0]) - 1
                at, size = int(stack.units[top]), int(stack.number[top])
                self._ask(cell, at, stack.points[top], stack.signs[top], stack.cuts[top, :size])
            ended = code == kernel.DONE and cursor[0] == len(self.unit) and cursor[1] == 0
            if first and (first == budget or ended):
                yield first, out
                first = 0
            if ended:
                return

    def descended(self, draws: np.ndarray, evenness: float) -> tuple[np.ndarray, ...]:
        """Return (points, signs, cuts, number of cuts, log2 weights, inner points) of one walk.

        See `halfspace_kernel.descend`.
        """
        count, n, width = self.unit.shape
        out = Walks(
            np.empty((count, width - 1)),
            np.zeros((count, n), np.int8),
            np.zeros((count, n), np.int64),
            np.zeros(count, np.int64),
            np.zeros(count),
        )
        points, signs, cuts, number, log2 = out
        inner, cursor, code = np.full(count, None), np.zeros(2, np.int64), kernel.PAUSED
        while code != kernel.DONE:
            self.effort.check()
            code = kernel.descend(
                self.unit, self.off, self.known, self.batch, cursor, self.answer, self.recall,
                self.corner, self.work, draws, evenness, out,
            )  # fmt: skip
            if code != kernel.DOUBT:
                continue
            cell, unit = int(cursor[0]), int(cursor[1])
            self._ask(cell, unit, points[cell], signs[cell], cuts[cell, : number[cell]])
            what = self.answer[0][0]
            if what == kernel.GONE or (what == kernel.ASIDE and draws[cell, unit] >= 0.5):
                self.answer[0][0] = -1
                chosen = self.aside[-1 if draws[cell, unit] < 0.5 else 0]
                log2[cell] += 1.0
                self._walk(chosen, draws, out, inner)
                cursor[:] = cell + 1, 0
            self.aside.clear()
        for cell in np.flatnonzero(np.isnan(self.cells.points[:, 0])):
            start = (int(cell), 0, np.zeros(n, np.int8), [], self.cells.inner[cell])
            self._walk(start, draws, out, inner)
        return (*out, inner)

    def _walk(self, start, draws: np.ndarray, out, inner: np.ndarray) -> None:
        """Finish a walk in integers."""
        points, signs, cuts, number, log2 = out
        cell, unit, own, chosen, point = start
        for later in range(unit, len(own)):
            sides = self.sides(cell, later, own, chosen, point, [])
            assert sides is not None
            point, own[later] = sides.here, sides.sign
            if sides.there is not None:
                chosen = [*chosen, later]
                log2[cell] += 1.0
                if draws[cell, later] >= 0.5:
                    point, own[later] = sides.there, -sides.sign
        number[cell] = len(chosen)
        signs[cell], cuts[cell, : len(chosen)] = own, chosen
        near = rounded(self.rows(cell, own, chosen), point)
        points[cell], inner[cell] = (np.nan, point) if near is None else (near, None)

    def children(self) -> Iterator[Child]:
        """Yield the children that were cut out in integers."""
        n = self.unit.shape[1]
        for cell in np.flatnonzero(np.isnan(self.cells.points[:, 0])):
            self.aside.append((int(cell), 0, np.zeros(n, np.int8), [], self.cells.inner[cell]))
        while self.aside:
            self.effort.check()
            cell, unit, signs, cuts, point = self.aside.pop()
            while unit < n:
                sides = self.sides(cell, unit, signs, cuts, point, [])
                if sides is None:  # pragma: no cover - such cells are not found out of reach
                    break
                point, signs[unit] = sides.here, sides.sign
                if sides.there is not None:
                    cuts = [*cuts, unit]
                    other = signs.copy()
                    other[unit] = -sides.sign
                    self.aside.append((cell, unit + 1, other, cuts, sides.there))
                unit += 1
            yield Child(cell, signs, np.array(cuts, np.int64), point)

    def sides(self, cell: int, unit: int, signs, cuts, point: Form, start) -> Sides | None:
        """Return what a unit does to a cell, exactly; None if that is out of reach."""
        if not self.forms.frame.forms.within_reach:
            return None
        form, heights = self.form(cell, unit), int(np.diff(self.cells.starts)[cell])
        if start:
            few = [self._row(cell, row, heights, signs, cuts) for row in start]
            sign = stopped_by(few, form, point)
            if sign:
                return Sides(sign, point, None, tuple(start))
        if len(point) - 1 > LARGEST:
            return Sides(-1, point) if not any(form) else None
        return sides_of(self.rows(cell, signs, cuts), form, point, start, self.effort.check)

    def _row(self, cell: int, row: int, heights: int, signs, cuts) -> Form:
        """Return one of the rows that `rows` lists."""
        new = row - heights
        if new >= len(cuts):
            return self.limits.walls[new - len(cuts)]
        if new >= 0:
            form = self.form(cell, int(cuts[new]))
            return form if signs[cuts[new]] > 0 else _negative(form)
        if self._rows[0] == cell:
            return self._rows[1][row]
        unit = self.cells.units[self.cells.starts[cell] + row][None]
        return exact_rows(self.forms.frame, unit, self.forms.active[cell])[0]

    def form(self, cell: int, unit: int) -> Form:
        """Return a unit's form on a cell in integers."""
        if (cell, unit) not in self._exact:
            self._exact[cell, unit] = self.forms.exact(cell, unit)
        return self._exact[cell, unit]

    def rows(self, cell: int, signs, cuts) -> list[Form]:
        """Return a cell's rows in integers: its own, those of the units that cut, the bounds."""
        if self._rows[0] != cell:
            part = slice(self.cells.starts[cell], self.cells.starts[cell + 1])
            active, frame = self.forms.active[cell], self.forms.frame
            own = exact_rows(frame, self.cells.units[part], active)
            if self._rows[0] < cell:
                self._exact = {key: form for key, form in self._exact.items() if key[0] >= cell}
            self._rows = cell, own
        new = [
            self.form(cell, int(unit)) if signs[unit] > 0 else _negative(self.form(cell, int(unit)))
            for unit in cuts
        ]
        return [*self._rows[1], *new, *self.limits.walls]

    def start(self, height: int) -> list[int]:
        """Return the rows at the corner where the kernel's program stopped, by `rows`' numbers."""
        names, kinds, prices = self.corner
        d, found = len(names), []
        for name, kind, price in zip(names.tolist(), kinds.tolist(), prices, strict=True):
            if abs(price) > 1e-12 and kind in (LOW, HIGH, ROW):
                row = name if kind == ROW else height + name + d * (kind == HIGH)
                if row < height + 2 * d:  # the corner may be that of an earlier program
                    found.append(row)
        return list(dict.fromkeys(found))

    def _ask(self, cell: int, unit: int, point: np.ndarray, signs, cuts) -> None:
        """Answer the kernel's question about the cell on top of its stack."""
        if self._refine():
            return  # and let the kernel try again
        numbers, here, there = self.answer
        heights = int(np.diff(self.cells.starts)[cell])
        start = self.start(heights + len(cuts))
        sides = self.sides(cell, unit, signs, cuts, whole(point), start)
        here[:] = point
        if sides is None:
            numbers[:] = self._in_floats(cell, unit, point, there)
            return
        numbers[:] = kernel.NO, sides.sign
        if sides.there is None:
            self._remember(unit, sides, heights, signs, cuts)
            return
        rows, form = self.rows(cell, signs, cuts), self.form(cell, unit)
        if value(form, whole(point)) == 0:
            near = rounded([*rows, form if sides.sign > 0 else _negative(form)], sides.here)
            here[:] = np.nan if near is None else near
        far = rounded([*rows, form if sides.sign < 0 else _negative(form)], sides.there)
        done = signs.copy()
        done[unit] = -sides.sign
        if far is None:
            self.aside.append((cell, unit + 1, done, [*cuts, unit], sides.there))
            numbers[0] = kernel.ASIDE
        else:
            there[:], numbers[0] = far, kernel.CUTS
        if np.isnan(here[0]):
            if far is not None:  # go on with the side that has a point
                here[:], numbers[:] = far, (kernel.ASIDE, -sides.sign)
            else:
                numbers[0] = kernel.GONE
            other = signs.copy()
            other[unit] = sides.sign
            self.aside.append((cell, unit + 1, other, [*cuts, unit], sides.here))

    def _refine(self) -> bool:
        """Find, once, what units do not depend on cell by cell; tell whether that is more."""
        if self._refined:
            return False
        self._refined = True
        stage, before = self.forms.stage, self.off[:, :, 3].copy()
        if stage.layer == 0 or not before.any():
            return False
        bits = absent_on(self.forms.frame, stage.layer, self.forms.active)
        self.off[:, :, 3] = bits[:, stage.units]
        return bool((self.off[:, :, 3] != before).any())

    def _remember(self, unit: int, sides: Sides, heights: int, signs, cuts) -> None:
        """Note that the sign follows from those of the units that stop the form."""
        needs, follows, number = self.recall
        if number[unit] == _RECALLED or not sides.stops:
            return
        needs[unit, number[unit]] = 0
        for row in sides.stops:
            if heights <= row < heights + len(cuts):
                stopping = cuts[row - heights]
                needs[unit, number[unit], stopping] = signs[stopping]
        follows[unit, number[unit]] = sides.sign
        number[unit] += 1

    def _in_floats(self, cell: int, unit: int, point: np.ndarray, there: np.ndarray):
        """Decide by the nearest float64 numbers, and say so."""
        form, off = self.unit[cell, unit], self.off[cell, unit]
        self.undecided.add(Undecided(1, float(off[0])))
        at, beyond = form[:-1] @ point + form[-1], form[:-1] @ there + form[-1]
        sign = 1 if at > 0 else -1
        if not -sign * beyond > _SEEN:
            return kernel.NO, sign
        there[:] = point + (1.0 - 0.5 * beyond / (beyond - at)) * (there - point)
        return kernel.CUTS, sign


def exact_rows(frame: Frame, units: np.ndarray, active: np.ndarray) -> list[Form]:
    """Return the forms of a cell's rows in integers, positive in the cell."""
    found: dict[int, Form] = {}
    layers = np.searchsorted(frame.forms.first, units, side="right") - 1
    for layer in dict.fromkeys(layers[units >= 0].tolist()):
        own = units[(layers == layer) & (units >= 0)]
        forms = frame.forms.units(layer, active, own - frame.forms.first[layer])
        for unit, form in zip(own.tolist(), forms, strict=True):
            found[unit] = form if active[unit] else _negative(form)
    if len(found) < len(units):
        sides = frame.forms.sides()
        found |= {unit: sides[-1 - unit] for unit in units.tolist() if unit < 0}
    return [found[unit] for unit in units.tolist()]


def _negative(form: Form) -> Form:
    return tuple(-number for number in form)
