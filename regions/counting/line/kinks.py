"""Changes of slope along a line, and how they go through the network's linear segments.

Along a line every value of the network is affine between neighbouring knots. Its *kink* at a knot
is the change of its slope there. A breakpoint bends the unit that made it and what that unit feeds,
and nothing else, so most kinks are zero; and a unit that is inactive all along passes none on.
Kinks are linear in the values, so they go through convolutions, additions and pooling as the
values do, without biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import NamedTuple, TypeGuard

import numpy as np

from regions.counting.exact.rounding import UNIT
from regions.counting.line import kink_kernel
from regions.networks import ReLUNetwork
from regions.networks.steps import Add, AvgPool, Conv, Linear, Move, Scale, Shape, Step


class Kinks(NamedTuple):
    """A value's kinks at the knots, one column per knot, stored pixel by pixel.

    `kink_kernel` says how. Units of factor 0 have no kinks, whatever their entries hold.
    """

    starts: np.ndarray
    columns: np.ndarray
    entries: np.ndarray
    factor: np.ndarray

    @classmethod
    def none(cls, shape: Shape) -> Kinks:
        """Return the kinks of a value that is affine."""
        starts = np.zeros(1 + prod(shape[1:]), np.int64)
        return cls(starts, np.zeros(0, np.int64), np.zeros(0), np.zeros(prod(shape)))

    @classmethod
    def of(cls, rows: np.ndarray, shape: Shape) -> Kinks:
        """Return the kinks in `rows`, (units, columns), of a value of shape `shape`."""
        bare = cls.none(shape)
        bent = np.flatnonzero(rows.any(axis=1))
        factor = np.zeros(len(rows))
        factor[bent] = 1.0
        return bare.replaced(bent, rows[bent], factor)

    def rows(self, columns: int) -> np.ndarray:
        """Return all kinks, (units, columns)."""
        return kink_kernel.rows_of(self, np.arange(len(self.factor)), columns)

    def replaced(self, units: np.ndarray, rows: np.ndarray, factor: np.ndarray) -> Kinks:
        """Return the kinks with `rows`, (units, columns), for some units, and a new factor."""
        starts, columns = kink_kernel.widened(self, units, rows)
        channels = len(factor) // (len(starts) - 1)
        entries = np.empty(channels * len(columns))
        kink_kernel.replace(self, units, rows, starts, columns, entries)
        return Kinks(starts, columns, entries, factor)

    def times(self, factor: np.ndarray | float) -> Kinks:
        """Return the kinks times a factor for each unit."""
        return self._replace(factor=self.factor * factor)


Values = Mapping[str, Kinks]


class Segments:
    """The linear segments of one network, prepared for kinks."""

    def __init__(self, net: ReLUNetwork) -> None:
        self.net, self.graph = net, net.graph
        self.shapes = {step.name: step.shape for step in net.graph.steps}

    def push(
        self,
        values: Values,
        layer: int,
        wanted: np.ndarray,
        columns: int,
        homogeneous: np.ndarray | None = None,
    ) -> dict[str, Kinks]:
        """Push kinks through linear segment `layer`: `ReLUNetwork.advance` for kinks.

        Parameters
        ----------
        wanted : (units,) bool array
            The units that matter; the others come out without kinks.
        columns : int
            Number of knots.
        homogeneous : (columns,) array, optional
            What to multiply biases by before they are added.
        """
        alive = dict(values)
        for step in self.graph.segments[layer]:
            units = wanted if step.name in self._direct else np.ones(step.size, np.bool_)
            inputs = [alive[name] for name in step.inputs]
            out = self._through(step, inputs, units, columns)
            offset = step.offset(self.net.parameters)
            if homogeneous is not None and offset is not None:
                bias = np.broadcast_to(offset, step.shape).reshape(-1, 1)
                out = Kinks.of(out.rows(columns) + homogeneous * bias, step.shape)
            alive[step.name] = out
            self._forget(alive, step)
        name = self.end(layer)
        if name in self._direct:
            alive[name] = alive[name].times(wanted)
        return alive

    def end(self, layer: int) -> str:
        """Return the name of the step whose value segment `layer` gives."""
        relus = self.graph.relus
        return relus[layer].inputs[0] if layer < len(relus) else self.graph.steps[-1].name

    def bounds(
        self, values: Mapping[str, np.ndarray], layer: int, homogeneous: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return bounds of the values that come out where those that go in have these sizes.

        The network must be non-negative (`absolute`). Convolutions use the inequality of Cauchy
        and Schwarz, which costs one sum per position: |w . x| <= |w| |x|.
        """
        alive = dict(values)
        for step in self.graph.segments[layer]:
            inputs = [alive[name] for name in step.inputs]
            if _is_plain(step):
                alive[step.name] = self._patch_norms(step, inputs[0], homogeneous)
            else:
                alive[step.name] = step.push(inputs, self.net.parameters, homogeneous)
            self._forget(alive, step)
        return alive

    def _patch_norms(self, step: Conv, value: np.ndarray, homogeneous: np.ndarray) -> np.ndarray:
        # scaled by a power of two, squares neither vanish nor overflow
        _, exponent = np.frexp(value.max(initial=1e-300))
        channels = value.shape[1]
        flat = np.ldexp(value, -exponent).reshape(len(value), channels, -1)
        squares = (flat**2).sum(axis=1)
        padded = np.column_stack([squares, np.zeros(len(squares))])
        patches = np.sqrt(padded[:, self._tables[step.name]].sum(axis=2)) + 1e-150
        rows = self._norms[step.name][:, None] * np.ldexp(patches, exponent)[:, None]
        out = rows.reshape(-1, *step.shape)
        offset = step.offset(self.net.parameters)
        if offset is not None:
            out += homogeneous.reshape(-1, *([1] * len(step.shape))) * offset
        return out

    def has_norms(self, layer: int) -> bool:
        """Tell whether `bounds` uses norms in a segment."""
        return any(_is_plain(step) for step in self.graph.segments[layer])

    def rounding(self, layer: int) -> float:
        """Return a bound of the rounding errors of segment `layer`, as a share of its terms."""
        terms = 0
        for step in self.graph.segments[layer]:
            if step.module is not None:
                terms += step.fan_in
            elif isinstance(step, AvgPool):
                sides = zip(self.shapes[step.inputs[0]][1:], step.shape[1:], strict=True)
                terms += prod(step.window or (-(-n // m) + 1 for n, m in sides))
            terms += 8 + len(step.inputs)
        return 1.01 * terms * UNIT

    @cached_property
    def rooms(self) -> tuple[int, ...]:
        """How many numbers are alive at once in every segment, its ReLU layer included."""
        alive, found = {"input": self.graph.steps[0].size}, []
        ends = [*((relu,) for relu in self.graph.relus), ()]
        for segment, relu in zip(self.graph.segments, ends, strict=True):
            most = 0
            for step in (*segment, *relu):
                alive[step.name] = step.size
                most = max(most, sum(alive.values()))
                self._forget(alive, step)
            found.append(most)
        return tuple(found)

    def _forget(self, alive: dict, step: Step) -> None:
        """Drop what no later step reads."""
        for source in step.inputs:
            if self.graph.last_use[source] == self.graph.position[step.name]:
                alive.pop(source, None)

    def _through(self, step: Step, inputs: list[Kinks], wanted: np.ndarray, columns: int) -> Kinks:
        """Return the linear part of a step at the wanted units."""
        kinks, parameters = inputs[0], self.net.parameters
        if _is_plain(step):
            weight, table = self._weights[step.name], self._tables[step.name]
            starts, found = kink_kernel.unions(*kinks[:2], table, wanted, columns)
            out = np.empty(step.shape[0] * len(found))
            kink_kernel.convolve(kinks, weight, table, wanted, columns, starts, found, out)
            return Kinks(starts, found, out, wanted.astype(np.float64))
        if isinstance(step, Linear) and len(step.shape) == 1:
            fed = kinks.factor != 0
            weight = parameters[f"{step.weight}.weight"][np.ix_(wanted, fed)] * kinks.factor[fed]
            out = np.empty((step.size, len(kinks.columns)))
            out[wanted] = weight @ kinks.entries.reshape(len(fed), -1)[fed]
            factor = wanted.astype(np.float64)
            return Kinks(kinks.starts, kinks.columns, out.ravel(), factor)
        if isinstance(step, Scale):
            return kinks.times(np.ravel(step.linear([np.ones((1, *step.shape))], parameters)))
        if isinstance(step, Add):
            total = kinks.times(step.signs[0])
            for sign, other in zip(step.signs[1:], inputs[1:], strict=True):
                total = self._sum(total, other.times(sign), wanted, columns)
            return total
        if isinstance(step, Move):
            made = kink_kernel.moved(kinks, step.places, prod(step.shape[1:]), columns)
            return Kinks._make((*made, np.ones(step.size)))
        rows = kinks.rows(columns).T.reshape(columns, *self.shapes[step.inputs[0]])
        out = np.asarray(step.linear([rows], parameters)).reshape(len(rows), step.size)
        return Kinks.of(np.ascontiguousarray(out.T), step.shape)

    def _sum(self, first: Kinks, second: Kinks, wanted: np.ndarray, columns: int) -> Kinks:
        pixels = np.arange(len(first.starts) - 1)
        table = np.column_stack([pixels, pixels + len(pixels)])
        starts = np.concatenate([first.starts, second.starts[1:] + first.starts[-1]])
        both = np.concatenate([first.columns, second.columns])
        starts, found = kink_kernel.unions(starts, both, table, wanted, columns)
        out = np.empty(len(wanted) // len(pixels) * len(found))
        kink_kernel.add(first, second, wanted, columns, starts, found, out)
        return Kinks(starts, found, out, wanted.astype(np.float64))

    @cached_property
    def _direct(self) -> set[str]:
        """Steps that only reach the next ReLU layer, unit by unit: only its units matter there."""
        readers: dict[str, list[Step]] = {step.name: [] for step in self.graph.steps}
        for step in self.graph.steps:
            for source in step.inputs:
                readers[source].append(step)
        direct: set[str] = set()
        for segment, relu in zip(self.graph.segments, self.graph.relus, strict=False):
            within = {relu.name}
            for step in reversed(segment):
                if all(reader.name in within for reader in readers[step.name]):
                    direct.add(step.name)
                    if isinstance(step, (Scale, Add)):
                        within.add(step.name)
        return direct

    @cached_property
    def _weights(self) -> dict[str, np.ndarray]:
        """The weights of plain convolutions, (taps, channels, outputs)."""
        weights = {}
        for step in self.graph.steps:
            if _is_plain(step):
                weight = self.net.parameters[f"{step.weight}.weight"]
                weight = weight.reshape(*weight.shape[:2], -1).transpose(2, 1, 0)
                weights[step.name] = np.ascontiguousarray(weight)
        return weights

    @cached_property
    def _norms(self) -> dict[str, np.ndarray]:
        """The norms of the weights of plain convolutions' outputs."""
        found = {}
        for name, weight in self._weights.items():
            largest = np.maximum(np.abs(weight).max(axis=(0, 1)), 1e-300)
            found[name] = largest * np.sqrt(((weight / largest) ** 2).sum(axis=(0, 1)))
        return found

    @cached_property
    def _tables(self) -> dict[str, np.ndarray]:
        """The pixels that plain convolutions read, (positions, taps); -1 in the padding."""
        return {
            step.name: _table(step, self.shapes[step.inputs[0]][1:])
            for step in self.graph.steps
            if _is_plain(step)
        }


def _is_plain(step: Step) -> TypeGuard[Conv]:
    return isinstance(step, Conv) and step.groups == 1


def _table(step: Conv, sides: tuple[int, ...]) -> np.ndarray:
    table = np.zeros((1, 1), np.int64)
    geometry = (sides, step.shape[1:], step.weight_shape[2:], step.stride)
    for side, places, kernel, stride, padding, dilation in zip(
        *geometry, step.padding, step.dilation, strict=True
    ):
        reads = np.arange(places)[:, None] * stride - padding + dilation * np.arange(kernel)
        inside = (reads >= 0) & (reads < side)
        table = np.where(
            (table[:, None, :, None] >= 0) & inside[None, :, None, :],
            table[:, None, :, None] * side + reads[None, :, None, :],
            -1,
        ).reshape(len(table) * places, -1)
    return table
