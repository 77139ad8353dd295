"""Cells given by halfspaces and an interior point, and how small linear programs cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from regions.counting.effort import Effort
from regions.counting.exact.rounding import UNIT
from regions.counting.tree import certificates, facets
from regions.counting.tree.absent import absent
from regions.counting.tree.cutting import Child, Cutting, exact_rows
from regions.counting.tree.frame import ARTIFICIAL, Frame, cone_over
from regions.counting.tree.halfspace_cells import HalfspaceCells
from regions.counting.tree.limits import Limits
from regions.counting.tree.sections import Sections
from regions.counting.tree.settle import Form, between, floats, rounded, whole
from regions.counting.tree.tally import head_units, largest_count
from regions.counting.tree.walk import Batch, Described, StageForms, Tree, stages_of
from regions.counting.undecided import Undecided
from regions.errors import DomainError
from regions.exact.program import farthest
from regions.exact.solve import value
from regions.networks.deepest import deepest

_COUNTED_AT_ONCE = 20_000
_TIGHTEN_UP_TO = 8
_EVENNESS = 0.3


@dataclass(frozen=True)
class Halfspaces:
    """The geometry of cells given by halfspaces (see `walk.Geometry`).

    Attributes
    ----------
    frame : Frame
    effort : Effort
        Its clock is looked at after bounded work: OutOfTime.
    undecided : Undecided
        What had to be left to float64.
    work : (3,) array
        How many linear programs were solved in this process, and in how many steps: the last two.
    """

    frame: Frame
    effort: Effort = field(default_factory=Effort)
    undecided: Undecided = field(default_factory=Undecided)
    work: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @cached_property
    def limits(self) -> Limits:
        """The domain's bounds."""
        return Limits.of(self.frame)

    @cached_property
    def absent(self) -> list[np.ndarray]:
        """Per layer, the coordinates that a unit depends on nowhere, as bits."""
        return absent(self.frame)

    @cached_property
    def _wall_names(self) -> np.ndarray:
        return np.concatenate([self.frame.low_sides, self.frame.high_sides])

    def _cutting(self, cells: HalfspaceCells, forms: StageForms) -> Cutting:
        absent = self.absent[forms.stage.layer][forms.stage.units]
        return Cutting(cells, forms, self.limits, absent, self.effort, self.undecided, self.work)

    def children(self, cells: HalfspaceCells, forms: StageForms, budget: int):
        """Yield (owner, active, cells) for at most `budget` children at a time.

        Those of the last stage, which nothing cuts, keep the halfspaces that are redundant.
        """
        cutting, stage = self._cutting(cells, forms), forms.stage
        last = stage.last and stage.layer == len(self.absent) - 1
        for found, out in cutting.found(budget, keep=True):
            owner, points, signs, cuts, number = (part[:found].copy() for part in out)
            below = _below(cutting, owner, points, signs, cuts, number)
            yield owner, signs > 0, below if last else self._tightened(below)
        exact = list(cutting.children())
        if exact:
            owner, signs, below = _exact_below(cutting, exact)
            yield owner, signs > 0, below

    def count(self, cells: HalfspaceCells, forms: StageForms) -> Iterator[int]:
        """Yield numbers of children that add up to all of them."""
        through, known = Sections.of(self._cutting(cells, forms)), 0
        for _ in through.found():
            yield through.total() - known
            known = through.total()
        left = np.flatnonzero(through.doubtful)
        if len(left) == 0:
            return
        owed = through.total(left)
        cutting = self._cutting(cells.take(left), forms.take(left))
        for found, _ in cutting.found(_COUNTED_AT_ONCE, keep=False):
            yield max(found - owed, 0)
            owed = max(owed - found, 0)
        yield sum(1 for _ in cutting.children()) - owed

    def count_each(self, cells: HalfspaceCells, forms: StageForms) -> np.ndarray:
        """Return the number of children of every cell."""
        through, count = Sections.of(self._cutting(cells, forms)), len(cells.points)
        for _ in through.found():
            pass
        total = through.each()
        left = np.flatnonzero(through.doubtful)
        if len(left) == 0:
            return total
        total[left] = 0
        cutting = self._cutting(cells.take(left), forms.take(left))
        for found, out in cutting.found(_COUNTED_AT_ONCE, keep=True):
            total += np.bincount(left[out.owner[:found]], minlength=count)
        for child in cutting.children():
            total[left[child.owner]] += 1
        return total

    def descend(
        self, cells: HalfspaceCells, forms: StageForms, draws: np.ndarray
    ) -> tuple[np.ndarray, HalfspaceCells, np.ndarray]:
        """Return (active, cells, log2 weights): one child of every cell, chosen at random."""
        cutting = self._cutting(cells, forms)
        points, signs, cuts, number, log2, inner = cutting.descended(draws, _EVENNESS)
        owner = np.arange(len(points))
        below = replace(_below(cutting, owner, points, signs, cuts, number), inner=inner)
        return signs > 0, self._tightened(below), log2

    def _tightened(self, cells: HalfspaceCells) -> HalfspaceCells:
        if cells.points.shape[1] > _TIGHTEN_UP_TO:
            return cells
        cells, cell = self.without_redundant(cells), 0
        while cell < len(cells.points):
            self.effort.check()
            cell = facets.tighten(cells.batch(self.limits.bounds), cell)
        return cells

    def take(self, cells: HalfspaceCells, index: slice) -> HalfspaceCells:
        """Return some of the cells."""
        return cells.take(np.arange(len(cells.points))[index])

    def _marked(self, mark: Callable, cells: HalfspaceCells, what: np.ndarray, size: int) -> None:
        """Fill `what` by a function of `facets` that goes on from row to row, or cell to cell."""
        batch, at = cells.batch(self.limits.bounds), 0
        while at < size:
            self.effort.check()
            at = mark(batch, what, at)

    def without_redundant(self, cells: HalfspaceCells) -> HalfspaceCells:
        """Return the cells without the halfspaces that are certainly redundant in the domain."""
        what = np.full(len(cells.rows), facets.UNTRIED)
        self._marked(facets.shed, cells, what, len(what))
        return _kept(cells, what != facets.REDUNDANT)

    def described(self, tree: Tree, batch: Batch) -> Described:
        """Return an interior point and the facets of every cell."""
        cells, active = batch.cells, batch.active
        points = cells.points.copy()
        for cell in np.flatnonzero(np.isnan(points[:, 0])):
            points[cell] = floats(cells.inner[cell])
        what = np.full(len(cells.rows), facets.UNTRIED)
        self._marked(facets.seen, cells, what, len(cells.points))
        self._marked(facets.facets, cells, what, len(what))
        cells = _kept(cells, what != facets.REDUNDANT)
        what, wall = what[what != facets.REDUNDANT], self._wall_facets(cells)
        count, d = cells.points.shape
        owner = np.repeat(np.arange(count), np.diff(cells.starts))
        open_ = np.bincount(owner, what == facets.UNKNOWN, minlength=count)
        for cell in np.flatnonzero(open_ + (wall == facets.UNKNOWN).sum(axis=1)):
            own = slice(cells.starts[cell], cells.starts[cell + 1])
            self._settle_facets(cells.units[own], active[cell], what[own], wall[cell])
        bounds, identity = self.limits.bounds, np.eye(d)
        sides = np.vstack(
            [np.column_stack([identity, -bounds[4]]), np.column_stack([-identity, bounds[5]])]
        )
        names = -1 - self._wall_names
        at, side = np.nonzero(wall > 0)
        kept = what > 0
        order = np.argsort(np.concatenate([owner[kept], at]), kind="stable")
        rows = np.vstack([cells.rows[kept], sides[side]])[order]
        units = np.concatenate([cells.units[kept], names[side]])[order]
        sizes = np.bincount(owner[kept], minlength=count) + np.bincount(at, minlength=count)
        return points, rows, units, np.concatenate([[0], np.cumsum(sizes)])

    def _wall_facets(self, cells: HalfspaceCells) -> np.ndarray:
        """Return what each lower, then upper, bound of the domain is for every cell."""
        names, bounds = self._wall_names, self.limits.bounds
        # a cell within bounds of its own that lie inside the domain touches no wall there
        apart = np.hstack([cells.low > bounds[0], cells.high < bounds[1]])
        apart[:, names == ARTIFICIAL] = True  # they lie at infinity, or outside
        what = np.where(apart, facets.REDUNDANT, facets.UNTRIED)
        self._marked(facets.bound_facets, cells, what, len(what))
        return what

    def _settle_facets(self, units, active, what: np.ndarray, wall: np.ndarray) -> None:
        """Decide in integers what was left in doubt, in place."""
        if not self.frame.forms.within_reach:
            for part in (what, wall):
                self.undecided.add(Undecided(int((part == facets.UNKNOWN).sum()), facets.MARGIN))
                part[part == facets.UNKNOWN] = facets.FACET
            return
        forms = [*exact_rows(self.frame, units, active), *self.limits.walls]
        for part, first in ((what, 0), (wall, len(what))):
            for row in np.flatnonzero(part == facets.UNKNOWN):
                self.effort.check()
                state = np.append(what, wall)
                others = [
                    form
                    for i, form in enumerate(forms)
                    if i != first + row and (i >= len(what) or state[i] != facets.REDUNDANT)
                ]
                gain = tuple(-number for number in forms[first + row])
                part[row] = facets.REDUNDANT
                # behind the row alone, within wider bounds, there is more, or the row is no facet
                others += _wider(self.limits.walls)
                if value(gain, farthest(others, gain, [], self.effort.check)[0]) > 0:
                    part[row] = facets.FACET

    def _inner_point(self, cells: HalfspaceCells) -> tuple[np.ndarray, Form | None]:
        """Return a point well inside the domain, and in integers if it is not strictly inside."""
        frame, bounds = self.frame, self.limits.bounds
        d = frame.dimension
        # off the middle, where hyperplanes like to meet
        point = frame.low + (0.5 + 0.11 * np.cos(1.7 + 2.3 * np.arange(d))) * (
            frame.high - frame.low
        )
        if len(frame.rows):
            box = list(zip(frame.low, frame.high, strict=True))
            found = deepest(-frame.rows[:, :d], frame.rows[:, d], box, most=1.0)
            point = np.full(d, np.nan) if found is None else found[0]
        within = (bounds[0] < point).all() and (point < bounds[1]).all()
        if within and (cells.rows[:, :d] @ point + cells.rows[:, d] > 2 * cells.off[:, 0]).all():
            return point, None
        forms = [*exact_rows(frame, cells.units, np.zeros(0, bool)), *self.limits.walls]
        if not np.isnan(point[0]) and rounded(forms, whole(point)) is not None:
            return point, None
        return _exact_inner(forms, d, self.effort.check)

    def root(self) -> HalfspaceCells:
        """Return the whole domain as one cell."""
        frame = self.frame
        m, d = len(frame.rows), frame.dimension
        sizes = np.abs(frame.rows) * 2 * UNIT
        errors = np.stack([sizes[:, :d].sum(axis=1), sizes[:, d]])
        rows, off = np.empty((1, m, d + 1)), np.empty((1, m, 4))
        certificates.normalise(
            np.ascontiguousarray(frame.rows.reshape(m, d + 1).T)[None], errors[None], np.zeros(m),
            self.limits.size, rows, off,
        )  # fmt: skip
        cells = HalfspaceCells(
            rows=rows[0],
            off=off[0],
            units=-1 - frame.row_sides,
            starts=np.array([0, m]),
            low=frame.low[None],
            high=frame.high[None],
            points=np.full((1, d), np.nan),
            inner=np.array([None]),
        )
        point, exact = self._inner_point(cells)
        if exact is None:
            cells = replace(cells, points=point[None])
        else:
            cells.inner[0] = exact
        return self.without_redundant(cells)


def halfspace_tree(
    frame: Frame, subtrees: int = 1, leaves: int = 1, effort: Effort | None = None
) -> tuple[Tree, Batch]:
    """Return (tree, batch): the tree of cells described by halfspaces, and the batch to start from.

    Its first stage alone can give `subtrees` cells, where the first layer has the units for that;
    its last stage cannot give more than `leaves` (if above 1) below one cell. With an `effort`,
    walking it raises OutOfTime when the time is over.
    """
    net, effort = frame.net, effort or Effort()
    if not frame.bounded or frame.dimension == 0:
        frame = cone_over(frame)
    head = None
    if subtrees > 1 and net.relu_layers:
        head = head_units(net, frame.dimension, subtrees)
    tail = 0
    while leaves > 1 and largest_count(tail + 1, frame.dimension) <= leaves and tail < 64:
        tail += 1
    geometry = Halfspaces(frame, effort)
    tree = Tree(net, frame, geometry, stages_of(net, head, tail))
    return tree, tree.root(geometry.root())


def _kept(cells: HalfspaceCells, needed: np.ndarray) -> HalfspaceCells:
    starts = np.concatenate([[0], np.cumsum(needed)])[cells.starts]
    rows, off, units = cells.rows[needed], cells.off[needed], cells.units[needed]
    return replace(cells, rows=rows, off=off, units=units, starts=starts)


def _below(cutting: Cutting, owner, points, signs, cuts, number) -> HalfspaceCells:
    """Return the children: their parents' halfspaces and those of the units that cut."""
    cells, hidden = cutting.cells, cutting.forms.stage.hidden
    heights = np.diff(cells.starts)[owner]
    starts = np.concatenate([[0], np.cumsum(heights + number)])
    old, _ = cells.rows_of(owner)
    total, child = starts[-1], np.repeat(np.arange(len(owner)), number)
    new = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    chosen = cuts[child, new]
    at = starts[child] + heights[child] + new
    is_old = np.ones(total, dtype=bool)
    is_old[at] = False
    rows, off = np.empty((total, cutting.unit.shape[2])), np.empty((total, 4))
    units = np.empty(total, np.int64)
    rows[is_old], off[is_old], units[is_old] = cells.rows[old], cells.off[old], cells.units[old]
    rows[at] = signs[child, chosen, None] * cutting.unit[owner[child], chosen]
    off[at], units[at] = cutting.off[owner[child], chosen], hidden[chosen]
    inner = np.full(len(owner), None)
    return HalfspaceCells(
        rows, off, units, starts, cells.low[owner], cells.high[owner], points, inner
    )


def _exact_below(cutting: Cutting, found: list[Child]):
    """Return (owner, signs, cells) of children that were cut out in integers."""
    n, d = cutting.unit.shape[1], cutting.unit.shape[2] - 1
    owner = np.array([child.owner for child in found])
    signs = np.array([child.signs for child in found]).reshape(len(found), n)
    number = np.array([len(child.cuts) for child in found])
    cuts = np.zeros((len(found), n), np.int64)
    points, inner = np.full((len(found), d), np.nan), np.full(len(found), None)
    for i, child in enumerate(found):
        cuts[i, : number[i]] = child.cuts
        near = rounded(cutting.rows(child.owner, child.signs, child.cuts), child.point)
        if near is None:
            inner[i] = child.point
        else:
            points[i] = near
    below = _below(cutting, owner, points, signs, cuts, number)
    return owner, signs, replace(below, inner=inner)


def _wider(walls: list[Form]) -> list[Form]:
    """Return bounds that lie outside of the given ones."""
    found = []
    for wall in walls:
        size = sum(abs(number) for number in wall[:-1])
        found.append((*wall[:-1], wall[-1] + 4 * size))
    return found


def _exact_inner(
    forms: list[Form], d: int, check: Callable[[], None]
) -> tuple[np.ndarray, Form | None]:
    """Return the middle of vertices that a domain's forms reach; DomainError if it is flat."""
    middle = None
    for form in forms:
        end, _ = farthest(forms, form, [], check)
        if value(form, end) <= 0:
            raise DomainError("the domain has no interior; widen its box or move its points")
        middle = end if middle is None else between(middle, end, 1, 1)
    assert middle is not None
    near = rounded(forms, middle)
    return (np.full(d, np.nan), middle) if near is None else (near, None)
