"""Changes of slope along a line, and how they go through the network's linear segments.

Along a line every value of the network is affine between neighbouring knots. Its *kink* at a knot
is the change of its slope there. A breakpoint bends the unit that made it and what that unit feeds,
and nothing else, so most kinks are zero; and a unit that is inactive all along passes none on.
Kinks are linear in the values, so they go through convolutions, additions and pooling as the
values do, without biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.counting import kink_kernel
from regions.networks import ReLUNetwork
from regions.networks.steps import Add, Conv, Linear, Move, Scale, Step


@dataclass(frozen=True)
class Kinks:
    """A value's kinks at the knots: factor * rows, one row per unit and one column per knot.

    Rows of factor 0 are zero whatever they hold. Columns beyond the last are zero.
    """

    rows: np.ndarray
    factor: np.ndarray

    def dense(self) -> np.ndarray:
        """Return the product, (units, columns)."""
        return np.where(self.factor[:, None] != 0, self.rows * self.factor[:, None], 0.0)

    def of(self, units: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the kinks of some units at some knots."""
        found = np.zeros((len(units), len(columns)))
        units_kept, there = np.flatnonzero(self.factor[units]), columns < self.rows.shape[1]
        kept = units[units_kept]
        found[np.ix_(units_kept, there)] = self.rows[np.ix_(kept, columns[there])]
        return found * self.factor[units, None]

    def taken(self, columns: np.ndarray, width: int) -> Kinks:
        """Return the chosen columns, and zeros after them up to `width`."""
        return Kinks(kink_kernel.taken(self.rows, self.factor, columns, width), self.factor)


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
        wanted: np.ndarray | None,
        columns: int,
        homogeneous: float = 0.0,
    ) -> dict[str, Kinks]:
        """Push kinks through linear segment `layer`: `ReLUNetwork.advance` for kinks.

        Values that are not read again may be overwritten.

        Parameters
        ----------
        wanted : (units,) bool array, optional
            The units that matter; the others' rows may come out with factor 0.
        columns : int
            How many there should be room for in what comes out.
        homogeneous : float
            1 to add biases (to every column).
        """
        alive = dict(values)
        for step in self.graph.segments[layer]:
            rows = wanted if step.name in self._direct else None
            rows = np.ones(step.size, np.bool_) if rows is None else rows
            inputs = [alive[name] for name in step.inputs]
            for source in step.inputs:
                if self.graph.last_use[source] == self.graph.position[step.name]:
                    alive.pop(source, None)
            if isinstance(step, Add):
                out = _sum(step, inputs, rows, list(alive.values()))
            else:
                out = self._through(step, inputs[0], rows, columns)
            offset = step.offset(self.net.parameters)
            if homogeneous and offset is not None:
                bias = np.broadcast_to(offset, step.shape).reshape(-1, 1)
                out = Kinks(out.dense() + homogeneous * bias, np.ones(step.size))
            alive[step.name] = out
        if wanted is not None:
            name = self.end(layer)
            out = alive[name]
            alive[name] = Kinks(out.rows, np.where(wanted, out.factor, 0.0))
        return alive

    def end(self, layer: int) -> str:
        """Return the name of the step whose value segment `layer` gives."""
        relus = self.graph.relus
        return relus[layer].inputs[0] if layer < len(relus) else self.graph.steps[-1].name

    def bounds(
        self, values: Mapping[str, np.ndarray], layer: int, homogeneous: np.ndarray
    ) -> np.ndarray:
        """Return bounds of the values that come out where those that go in have these sizes.

        The network must be non-negative (`absolute`). Convolutions use the inequality of Cauchy
        and Schwarz, which costs one sum per position: |w . x| <= |w| |x|.
        """
        alive = dict(values)
        for step in self.graph.segments[layer]:
            inputs = [alive[name] for name in step.inputs]
            if _is_plain(step):
                norms = np.sqrt((self._weights[step.name] ** 2).sum(axis=(0, 1)))
                channels = inputs[0].shape[1]
                squares = (inputs[0].reshape(len(inputs[0]), channels, -1) ** 2).sum(axis=1)
                padded = np.column_stack([squares, np.zeros(len(squares))])
                patches = np.sqrt(padded[:, self._tables[step.name]].sum(axis=2))
                out = (norms[:, None] * patches[:, None]).reshape(-1, *step.shape)
                offset = step.offset(self.net.parameters)
                if offset is not None:
                    out += homogeneous.reshape(-1, *([1] * len(step.shape))) * offset
            else:
                out = step.push(inputs, self.net.parameters, homogeneous)
            alive[step.name] = out
        return alive[self.end(layer)].reshape(len(homogeneous), -1)

    def _through(self, step: Step, kinks: Kinks, wanted: np.ndarray, columns: int) -> Kinks:
        """Return the linear part of a step of one input at the wanted units."""
        rows, factor, parameters = kinks.rows, kinks.factor, self.net.parameters
        columns = max(columns, rows.shape[1])
        if _is_plain(step):
            out = np.empty((step.size, columns))
            weight, table = self._weights[step.name], self._tables[step.name]
            kink_kernel.convolve(rows, factor, weight, table, wanted, out)
            return Kinks(out, wanted.astype(np.float64))
        if isinstance(step, Linear) and len(step.shape) == 1:
            fed = factor != 0
            weight = parameters[f"{step.weight}.weight"][np.ix_(wanted, fed)] * factor[fed]
            out = np.zeros((step.size, columns))
            out[wanted, : rows.shape[1]] = weight @ rows[fed]
            return Kinks(out, wanted.astype(np.float64))
        if isinstance(step, Scale):
            ones = step.linear([np.ones((1, *step.shape))], parameters)
            return Kinks(rows, factor * np.ravel(ones))
        if isinstance(step, Move):
            if step.index is None:
                return kinks
            places = np.asarray(step.index)
            return Kinks(rows[places], np.where(places >= 0, factor[places], 0.0))
        batch = kinks.dense().T.reshape(-1, *self.shapes[step.inputs[0]])
        out = np.asarray(step.linear([batch], parameters)).reshape(len(batch), -1)
        return Kinks(np.ascontiguousarray(out.T), np.ones(step.size))

    @cached_property
    def _direct(self) -> set[str]:
        """Steps that only reach a ReLU layer, unit by unit: its unneeded units need not be made."""
        readers: dict[str, list[Step]] = {step.name: [] for step in self.graph.steps}
        for step in self.graph.steps:
            for source in step.inputs:
                readers[source].append(step)
        direct = {relu.inputs[0] for relu in self.graph.relus if len(readers[relu.inputs[0]]) == 1}
        for step in reversed(self.graph.steps):
            following = readers[step.name]
            if following and all(
                isinstance(reader, (Scale, Add)) and reader.name in direct for reader in following
            ):
                direct.add(step.name)
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
    def _tables(self) -> dict[str, np.ndarray]:
        """The pixels that plain convolutions read, (positions, taps); -1 in the padding."""
        return {
            step.name: _table(step, self.shapes[step.inputs[0]][1:])
            for step in self.graph.steps
            if _is_plain(step)
        }


def _sum(step: Add, inputs: list[Kinks], wanted: np.ndarray, kept: list[Kinks]) -> Kinks:
    """Return the sum of the inputs at the wanted units, in place if its array is free."""
    total, *others = sorted(
        (Kinks(kinks.rows, sign * kinks.factor) for sign, kinks in zip(step.signs, inputs, strict=True)),
        key=lambda kinks: -kinks.rows.shape[1],
    )
    rows, factor = total.rows, total.factor
    if any(kinks.rows is rows for kinks in [*kept, *others]):
        rows = rows.copy()
    for other in others:
        kink_kernel.add(rows, factor, other.rows, other.factor, wanted)
        factor = wanted.astype(np.float64)
    return Kinks(rows, factor)


def _is_plain(step: Step) -> bool:
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
