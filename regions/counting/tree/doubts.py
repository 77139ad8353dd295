"""Settles on which side of which units a vertex lies, exactly, where float64 leaves that open."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from regions.counting.tree.feeding import Feeding
from regions.counting.tree.newton import NO_GRID, UNIT
from regions.counting.tree.signs import (
    FORM_EXTRA,
    UNKNOWN,
    VERTEX_EXTRA,
    UnitForms,
    normalise_all,
)
from regions.counting.tree.walk import StageForms
from regions.errors import RegionsError
from regions.exact.solve import Form, crossing, sign, value

INFINITE = -(2**30)  # the label of the facet at infinity; sides are -1 - number, units themselves
_SHORT = 24  # integers of so many bits leave room to compute with them
_TINY = 1e-300


class InDoubtError(RegionsError, ArithmeticError):
    """What the engine cannot decide exactly on this network."""


class Doubts:
    """What is known exactly about vertices of a batch of cells.

    Attributes
    ----------
    signs : (vertices, n) int8 array
        The side of every unit of the stage that each settled vertex lies on, or `UNKNOWN`,
    owners : (vertices,) int array
        on this cell.
    """

    def __init__(
        self, forms: StageForms, unit_forms: UnitForms, units: np.ndarray, twins: np.ndarray
    ) -> None:
        self.forms, self.unit_forms, self.units = forms, unit_forms, units
        self.table = table = unit_forms.table
        self._twins = twins
        self.dimension = table.shape[2] - FORM_EXTRA
        self.signs = np.full((16, table.shape[1]), UNKNOWN, np.int8)
        self.owners = np.full(16, -1, np.int64)
        self._sides: dict[int, Form] = {}
        self._numbers: dict[Form, int] = {}
        self._points: list[tuple[Form, np.ndarray]] = []
        self._made: dict[tuple[int, bytes], Form] = {}
        self._cell, self._on, self._units = -1, {}, {}

    @cached_property
    def _feeding(self) -> Feeding | None:
        return Feeding.of(self.forms.frame.net, self.forms.stage.layer, self.forms.stage.units)

    @cached_property
    def _base(self) -> np.ndarray:
        """For each hidden unit the first one of which it is a multiple."""
        return np.where(self._twins >= 0, self._twins, np.arange(len(self._twins)))

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Signs and owners, for the kernels."""
        return self.signs, self.owners

    def settle(self, cell: int, vertices, masks, facets, doubtful, signs, first: int) -> None:
        """Settle a cell's doubtful vertices for the units from `first` on; note where they are.

        Parameters
        ----------
        cell : int
        vertices, masks, facets : arrays
            The cell's vertices, to be changed, their facets' bits, and the facets' numbers.
        doubtful : iterable of int
            Rows of `vertices`.
        signs : (n,) int8 array
            The signs of the stage's first units on the cell.
        first : int
        """
        if not self._sides:
            if not self.forms.frame.forms.within_reach:
                raise InDoubtError("the network is too large for exact arithmetic on its vertices")
            sides = self.forms.frame.forms.sides()
            self._sides = {-1 - number: form for number, form in sides.items()}
            self._sides[INFINITE] = (0,) * self.dimension + (1,)
        if cell != self._cell:
            self._cell, self._on, self._units = cell, {}, {}
            normalise_all(self.unit_forms, cell)
        waiting = []
        for k in doubtful:
            on = _facets_on(masks[k], facets)
            number = self._on.get(on)
            if number is None and self._zero_by_structure(on):
                vertices[k, -1] = self._on[on]
                continue
            if number is None or not self._points[number][0] or not self._points[number][0][-1]:
                point = self._point(on, masks, facets, signs[:first])
                number = self._on[on] = self._number(point)
            vertices[k] = self._points[number][1]
            waiting.append((number, self._fill(number, first)))
        self._settle(waiting)

    def _zero_by_structure(self, on: tuple[int, ...]) -> bool:
        """Note which units are zero at a vertex since all that feeds them is; tell whether any is.

        Without a bias a unit is zero where every active unit that it reads is zero, and a vertex
        lies on the boundaries of the units that made its facets.
        """
        if self._feeding is None:
            return False
        before, reads = self._feeding.before, self._feeding.weight != 0
        units = np.array([self._unit(facet) for facet in on], dtype=int)
        here = np.isin(self._base[before], self._base[units[units >= 0]])
        zero = ~(reads & (self._active[before] & ~here)).any(axis=1)
        # without any input a form says itself that it is zero
        zero &= reads.any(axis=1) & (self._feeding.bias == 0)
        if not zero.any():
            return False
        number = self._on[on] = len(self._points)
        self._points.append(((), np.zeros(0)))
        self._grown(number)
        self.owners[number] = self._cell
        self.signs[number] = np.where(zero, 0, UNKNOWN)
        return True

    def _unit(self, facet: int) -> int:
        """Return the unit (or side, ...) that made a facet of the current cell."""
        base, n = len(self.units), self.table.shape[1]
        return int(
            self.units[facet] if facet < base else self.forms.stage.hidden[(facet - base) % n]
        )

    def _form(self, facet: int) -> Form:
        """Return the form of a facet of the current cell."""
        unit, exact, active = self._unit(facet), self.forms.frame.forms, self._active
        if unit < 0:
            return self._sides[unit]
        layer = int(np.searchsorted(exact.first, unit, side="right")) - 1
        key = unit, np.packbits(active[: exact.first[layer]]).tobytes()
        if key not in self._made:
            self._made[key] = exact.unit(unit, active)
        return self._made[key]

    def _point(self, on: tuple[int, ...], masks, facets, signs: np.ndarray) -> Form:
        """Return the vertex on some facets, in homogeneous integers."""
        point = crossing([self._form(facet) for facet in on]) if on else (1,)
        if point is None:
            raise InDoubtError("the facets of a vertex do not determine it")
        if point[-1]:
            return point
        # a direction: the cell lies on a known side of every facet that it is not parallel to
        active = self._active.copy()
        active[self.forms.stage.hidden[: len(signs)]] = signs > 0
        for mask in masks:
            for facet in _facets_on(mask, facets):
                side = value(self._form(facet), point)
                if side:
                    unit = self._unit(facet)
                    inside = unit < 0 or active[unit]
                    return point if (side > 0) == inside else tuple(-x for x in point)
        raise InDoubtError("the facets of a cell do not bound it")

    @property
    def _active(self) -> np.ndarray:
        return self.forms.active[self._cell]

    def _number(self, point: Form) -> int:
        """Return a vertex's number, new if it has none."""
        number = self._numbers.setdefault(point, len(self._points))
        if number == len(self._points):
            self._points.append((point, vertex_of(point, number)))
            self._grown(number)
        return number

    def _grown(self, number: int) -> None:
        """Make room for one more vertex."""
        if number == len(self.owners):
            self.signs = np.concatenate([self.signs, np.full_like(self.signs, UNKNOWN)])
            self.owners = np.concatenate([self.owners, np.full(number, -1)])

    def _fill(self, number: int, first: int) -> np.ndarray:
        """Note the vertex's side of units from `first` on; return those that float64 leaves."""
        cell, d, row = self._cell, self.dimension, self.signs[number]
        if self.owners[number] != cell:
            self.owners[number] = cell
            row[:] = UNKNOWN
        vertex = self._points[number][1]
        left = first + np.flatnonzero(row[first:] == UNKNOWN)
        forms = self.table[cell, left]
        with np.errstate(invalid="ignore", over="ignore"):
            values = forms[:, : d + 1] @ vertex[: d + 1]
            reach = np.abs(vertex[:d]).max(initial=0.0)
            bounds = forms[:, d + 1 : d + 5] @ np.array([vertex[d + 1], 0.0, reach, vertex[d]])
            bounds += _TINY
        row[left] = np.where(values > bounds, 1, np.where(values < -bounds, -1, UNKNOWN))
        return left[row[left] == UNKNOWN]

    def _settle(self, waiting: list[tuple[int, np.ndarray]]) -> None:
        """Settle the sides of some units at some vertices."""
        needed = {int(unit) for _, units in waiting for unit in units}
        missing = np.array(sorted(needed.difference(self._units)), dtype=int)
        if len(missing):
            stage, active = self.forms.stage, self._active
            found = self.forms.frame.forms.units(stage.layer, active, stage.units[missing])
            self._units.update(zip(missing.tolist(), found, strict=True))
        for number, units in waiting:
            point, row = self._points[number][0], self.signs[number]
            for unit in units:
                row[unit] = sign(value(self._units[int(unit)], point))


def vertex_of(point: Form, number: int = -1) -> np.ndarray:
    """Return a vertex, given by homogeneous integers, as the kernels have it (see `signs`)."""
    d = len(point) - 1
    vertex = np.empty(d + VERTEX_EXTRA)
    largest, t = max(abs(x) for x in point), point[-1]
    bits = largest.bit_length()
    if bits <= _SHORT or t != largest:
        vertex[: d + 1] = [x / (1 << bits) for x in point]
        error = 0.0 if bits <= 53 else UNIT
        grid = float(bits) if bits <= _SHORT else NO_GRID
    else:
        vertex[: d + 1] = [x / t for x in point]
        error, grid = UNIT * float(np.abs(vertex[:d]).max(initial=0.0)) + _TINY, NO_GRID
        if all(
            x * b == a * t for x, (a, b) in zip(point, map(_ratio, vertex[: d + 1]), strict=True)
        ):
            error = 0.0
    vertex[d + 1 :] = error, grid, number
    return vertex


def _ratio(number: float) -> tuple[int, int]:
    return float(number).as_integer_ratio()


def _facets_on(mask: np.ndarray, facets: np.ndarray) -> tuple[int, ...]:
    """Return the numbers of the facets in a vertex's mask."""
    return tuple(sorted(int(facets[bit]) for bit in bits_of(mask)))


def bits_of(mask: np.ndarray) -> list[int]:
    """Return the places of a mask's set bits.

    Examples
    --------
    >>> bits_of(np.array([5, 1], np.uint64))
    [0, 2, 64]
    """
    found = []
    for word, bits in enumerate(mask.tolist()):
        while bits:
            low = bits & -bits
            found.append(64 * word + low.bit_length() - 1)
            bits ^= low
    return found
