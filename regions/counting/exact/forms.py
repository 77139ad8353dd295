"""A network over a domain in exact arithmetic: the affine form of any unit on any cell."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, cast

import numpy as np

from regions.exact.scaled import Scaled, exponent_of, joined, primitive
from regions.networks import Box, ReLUNetwork, Slice
from regions.networks.steps import AvgPool, Step

if TYPE_CHECKING:
    import scipy.sparse as sp

Form = tuple[int, ...]
_KEPT = 128  # cells whose values are remembered
_SMALL = 2.0**40  # rows of integers whose sizes add up to less are multiplied in int64
_FEW = 16  # dimensions for which that is counted
_LARGEST = 30_000_000  # multiplications of one cell's forms that are worth their time


@dataclass(frozen=True, eq=False)
class Place:
    """A domain as x = start + y @ directions, exactly, with the halfspaces that bound it.

    Attributes
    ----------
    start : Scaled, (n0,)
    directions : Scaled, (d, n0)
    domain : Box, Slice or None
        What it is a domain of; without one there are no sides.
    along : Scaled, (2,), optional
        The own coordinate of a segment as a form: 0 at its first point, 1 at its second.
    """

    start: Scaled
    directions: Scaled
    domain: Box | Slice | None = None
    along: Scaled | None = None

    @classmethod
    def of(
        cls,
        domain: Box | Slice | None,
        input_size: int,
        center: np.ndarray | None = None,
        axes: np.ndarray | None = None,
    ) -> Place:
        """Return a domain in coordinates y, where its own are ``center + y @ axes``.

        The own coordinates here are the inputs, or for a slice the multiples of the differences
        between its first point and the others: x = p_0 + sum_i a_i (p_i - p_0).
        """
        if not isinstance(domain, Slice):
            start = Scaled.of(np.zeros(input_size) if center is None else center)
            directions = Scaled.of(np.eye(input_size) if axes is None else axes)
            return cls(start, directions, domain)
        points, d = Scaled.of(domain.points), len(domain.points) - 1
        along = Scaled.of([1.0, 0.0]) if domain.segment else None
        place = cls(points[0], points[1:] - points[0], domain, along)
        if center is None and axes is None:
            return place
        return place.moved(
            np.zeros(d) if center is None else center, np.eye(d) if axes is None else axes
        )

    def moved(self, center: np.ndarray, axes: np.ndarray) -> Place:
        """Return the same domain in coordinates z with y = center + z @ axes."""
        at, turn = Scaled.of(center), Scaled.of(axes)
        start, directions = self.start + at @ self.directions, turn @ self.directions
        along = None if self.along is None else joined([turn.reshape(-1), at])
        return Place(start.reduced(), directions.reduced(), self.domain, along)

    @cached_property
    def numbers(self) -> np.ndarray:
        """The sides that bound it: of a box i (x_i above its lower bound) and n0 + i (below its
        upper one) where these are finite and cut; of a segment 0 and 1."""
        return side_numbers(self.domain)

    @cached_property
    def rows(self) -> Scaled:
        """The sides' forms, (sides, d + 1): the inside is where every one is positive."""
        columns = joined([self.directions, self.start.reshape(1, -1)])
        if self.along is not None:
            rest = Scaled.of([0.0, 1.0]) - self.along
            return joined([self.along.reshape(1, -1), rest.reshape(1, -1)])
        box = self.domain.box if isinstance(self.domain, Slice) else self.domain
        if box is None:
            return Scaled(np.zeros((0, len(columns.ints)), dtype=object))
        low = self.numbers < box.input_size
        constants = np.zeros((len(low), len(columns.ints)))
        constants[:, -1] = np.concatenate([box.low, box.high])[self.numbers]
        inputs = Scaled(columns.ints.T[self.numbers % box.input_size], columns.exponent)
        rows = inputs - Scaled.of(constants)
        return Scaled(rows.ints * np.where(low, 1, -1).astype(object)[:, None], rows.exponent)

    @cached_property
    def sides(self) -> Mapping[int, Form]:
        """The sides' forms, d + 1 integers each up to a positive factor, by their numbers."""
        if isinstance(self.domain, Box):
            return self._box_sides(self.domain)
        pairs = zip(self.numbers.tolist(), self.rows.ints, strict=True)
        return {number: primitive(row) for number, row in pairs}

    def side(self, number: int) -> Form:
        """Return the form of one side of a box, or of a slice of one."""
        box = self.domain.box if isinstance(self.domain, Slice) else self.domain
        assert box is not None
        low, i = number < box.input_size, number % box.input_size
        over, under = float((box.low if low else box.high)[i]).as_integer_ratio()
        one, two, three = self.directions.exponent, self.start.exponent, 1 - under.bit_length()
        least = min(one, two, three)
        form = [number << (one - least) for number in self.directions.ints[:, i].tolist()]
        form.append((int(self.start.ints[i]) << (two - least)) - (over << (three - least)))
        return primitive(form if low else [-number for number in form])

    def _box_sides(self, box: Box) -> dict[int, Form]:
        """Return `sides` by the directions that move an input: often one among thousands."""
        n0, ints = box.input_size, self.directions.ints
        moving: list[list[int]] = [[] for _ in range(n0)]
        for direction, i in zip(*np.nonzero(ints), strict=True):
            moving[i].append(int(direction))
        found, bounds = {}, np.concatenate([box.low, box.high])
        for number in self.numbers.tolist():
            i, sign = number % n0, 1 if number < n0 else -1
            chosen = np.array(moving[i], dtype=int)
            at = self.directions[chosen, i], self.start[i : i + 1] - Scaled.of(bounds[[number]])
            short = primitive(sign * joined(list(at)).ints)
            form = [0] * (len(ints) + 1)
            form[-1] = short[-1]
            for direction, coefficient in zip(moving[i], short, strict=False):
                form[direction] = coefficient
            found[number] = tuple(form)
        return found


def side_numbers(domain: Box | Slice | None) -> np.ndarray:
    """Return the numbers of the sides that bound a domain (see `Place`).

    Examples
    --------
    >>> side_numbers(Box([0.0, 0.0], [1.0, float("inf")])).tolist()
    [0, 1, 2]
    """
    if isinstance(domain, Slice) and domain.segment:
        return np.arange(2)
    box = domain.box if isinstance(domain, Slice) else domain
    if box is None:
        return np.arange(0)
    cutting = np.isfinite(np.concatenate([box.low, box.high]))
    if isinstance(domain, Slice):
        moving = (domain.points != domain.points[0]).any(axis=0)
        cutting &= np.tile(moving, 2)
    return np.flatnonzero(cutting)


class Forms:
    """The affine forms of a network's units over a place, as integers up to a positive factor.

    Parameters
    ----------
    net : ReLUNetwork
    place : Place
    cone : bool
        Adds a homogeneous coordinate: y = (t z, t), and no constant.
    """

    def __init__(self, net: ReLUNetwork, place: Place, cone: bool = False) -> None:
        self.net, self.place, self.cone = net, place, cone
        sizes = [layer.size for layer in net.relu_layers]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self._states: OrderedDict[bytes, dict[str, Scaled]] = OrderedDict()
        self._matrices: dict[str, list[_Rows]] = {}

    def over(self, place: Place) -> Forms:
        """Return the forms of the same network over another place."""
        other = Forms(self.net, place, self.cone)
        other._matrices = self._matrices
        return other

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.place.directions.ints) + self.cone

    @cached_property
    def _input(self) -> Scaled:
        """The inputs as forms, (n0, d + 1)."""
        columns = joined([self.place.directions, self.place.start.reshape(1, -1)])
        return Scaled(columns.ints.T.copy(), columns.exponent, columns.divisor)

    @property
    def within_reach(self) -> bool:
        """Whether one cell's forms take so few multiplications that they are worth their time."""
        return within_reach(self.net, self.dimension)

    def sides(self) -> dict[int, Form]:
        """Return the forms of the domain's sides, positive inside, by their numbers."""
        return {number: self._closed(form) for number, form in self.place.sides.items()}

    def unit(self, unit: int, active: np.ndarray) -> Form:
        """Return the form of a hidden unit on the cells where earlier layers are `active`.

        Parameters
        ----------
        unit : int
            Index among all hidden units.
        active : (hidden units,) bool array
            Entries of the unit's own layer and later ones are not read.
        """
        layer = int(np.searchsorted(self.first, unit, side="right")) - 1
        return self.units(layer, active, np.array([unit - self.first[layer]]))[0]

    def units(self, layer: int, active: np.ndarray, units: np.ndarray | None = None) -> list[Form]:
        """Return the forms of some units of a layer (of all, by default)."""
        values = self._preactivations(layer, active, units)
        return [self._closed(primitive(row)) for row in values.ints]

    def outputs(self, active: np.ndarray) -> Scaled:
        """Return the network's map on a cell, (outputs, d + 1), exactly."""
        return self._preactivations(len(self.net.relu_layers), active, None)

    def _closed(self, form: Form) -> Form:
        return (*form, 0) if self.cone else form

    def _preactivations(self, layer: int, active: np.ndarray, units: np.ndarray | None) -> Scaled:
        graph, end = self.net.graph, self.net.graph.ends[layer]
        state = self._state(layer, np.asarray(active, dtype=bool))

        def push(step: Step, inputs: list[Scaled]) -> Scaled:
            return self._push(step, inputs, units if step.name == end else None)

        at = graph.position
        steps = [step for step in graph.segments[layer] if at[step.name] <= at[end]]
        value = graph.run(state, push, steps)[end]
        return value[units] if units is not None and end in state else value

    def _state(self, layer: int, active: np.ndarray) -> dict[str, Scaled]:
        """Return the values that segment `layer` reads, (units, d + 1) each."""
        if layer == 0:
            return {"input": self._input}
        key = np.packbits(active[: self.first[layer]]).tobytes() + layer.to_bytes(4, "little")
        if key in self._states:
            self._states.move_to_end(key)
            return self._states[key]
        graph, relu = self.net.graph, self.net.graph.relus[layer - 1]
        values = graph.run(self._state(layer - 1, active), self._push, graph.segments[layer - 1])
        on = active[self.first[layer - 1] : self.first[layer]]
        slope = Scaled.of(relu.slope)
        factors = np.empty(len(on), dtype=object)  # filled, for they may not fit in int64
        factors[on] = 1 << -min(slope.exponent, 0)
        factors[~on] = int(slope.ints[()]) << max(slope.exponent, 0)
        rest = Scaled(factors[:, None], min(slope.exponent, 0))
        values = graph.run(values, lambda _, inputs: (inputs[0] * rest).reduced(), (relu,))
        self._states[key] = values
        if len(self._states) > _KEPT:
            self._states.popitem(last=False)
        return values

    def _push(self, step: Step, inputs: list[Scaled], rows: np.ndarray | None = None) -> Scaled:
        """Return a step's values at some of its rows (all by default)."""
        if step.name not in self._matrices:
            shapes = [self.net.graph.by_name[name].shape for name in step.inputs]
            parts = step.matrices(shapes, self.net.parameters)
            averaged = isinstance(step, AvgPool)
            self._matrices[step.name] = [_Rows(part, averaged) for part in parts]
        total = None
        for part, value in zip(self._matrices[step.name], inputs, strict=True):
            term = part.times(value, rows)
            total = term if total is None else total + term
        assert total is not None
        offset = step.offset(self.net.parameters)
        if offset is not None:
            constants = np.broadcast_to(offset, step.shape).ravel()
            constant = Scaled.of(constants if rows is None else constants[rows])
            padded = np.zeros(total.shape, dtype=object)
            padded[:, -1] = constant.ints
            total = total + Scaled(padded, constant.exponent)
        return total


def within_reach(net: ReLUNetwork, dimension: int = 1) -> bool:
    """Tell whether a network is so small that exact forms on its cells are worth their time.

    Where the dimension is high, every product is one of so many columns.
    """
    work = sum(step.size * step.fan_in for step in net.graph.steps[1:])
    return work * max(1.0, dimension / _FEW) <= _LARGEST


class _Rows:
    """A sparse matrix whose rows become integers when they are first read."""

    def __init__(self, matrix: sp.csr_array, averaged: bool) -> None:
        self.matrix, self.divisor = matrix, 1
        if averaged:  # entries are 1/k, rounded: exactly, they are so many over a common multiple
            shares = cast(np.ndarray, matrix.data)
            counts = np.unique(np.round(1.0 / shares).astype(int))
            self.divisor = lcm(*counts.tolist())
            matrix = matrix.copy()
            matrix.data = np.round(matrix.data * self.divisor)
            self.matrix = matrix
        self.exponent = exponent_of(self.matrix.data)
        with np.errstate(over="ignore"):  # then they are not small
            whole = np.ldexp(self.matrix.data, -self.exponent)
        _, columns = cast(tuple[int, int], self.matrix.shape)
        self._largest = float(np.abs(whole).max(initial=0.0)) * max(1, columns)
        self._small = None  # the integers themselves, where they are small
        if self._largest < _SMALL:
            self._small = self.matrix.copy()
            self._small.data = whole.astype(np.int64)
        self._rows: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def times(self, value: Scaled, rows: np.ndarray | None) -> Scaled:
        """Return the product with `value`, (columns, d + 1), at the given rows (None: all)."""
        if self._small is not None:
            largest = max(map(abs, value.ints.flat), default=0)
            if largest < 2**62 and largest * max(1.0, self._largest) < 2.0**62:
                part = self._small if rows is None else self._small[rows]
                out = (part @ value.ints.astype(np.int64)).astype(object)
                return Scaled(out, value.exponent + self.exponent, value.divisor * self.divisor)
        fed = np.array([any(row) for row in value.ints], dtype=bool)
        rows = np.arange(self.matrix.indptr.size - 1) if rows is None else rows
        out = np.zeros((len(rows), value.shape[1]), dtype=object)
        for i, row in enumerate(rows if fed.any() else ()):
            columns, ints = self._row(int(row))
            kept = fed[columns]
            if kept.any():
                out[i] = ints[kept] @ value.ints[columns[kept]]
        return Scaled(out, value.exponent + self.exponent, value.divisor * self.divisor)

    def _row(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        if row not in self._rows:
            part = slice(self.matrix.indptr[row], self.matrix.indptr[row + 1])
            entries = Scaled.of(self.matrix.data[part])
            ints = entries.ints
            if ints.size and entries.exponent != self.exponent:
                ints = ints << max(entries.exponent - self.exponent, 0)
            self._rows[row] = self.matrix.indices[part], ints
        return self._rows[row]
