"""Maps of sizes in which positions that are equal, or of which the sum alone is read, are one.

On an input of ones, the rows of a map differ by what they see of the padding alone, and so do its
columns: far from the edges all are equal. And of the last maps, which are averaged, most rows are
read with the same factors. Every step is linear in sizes, so that their sum and its derivatives
are those of the whole maps; of the products of ResNet-50 at 224 x 224 a third is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from regions.networks import Graph, ReLUNetwork
from regions.networks.geometry import adaptive_reads, window_reads
from regions.networks.steps import Add, AvgPool, Conv, ReLU, Scale, Step
from regions.networks.windows import Pairs, Window

_WORTH = 500_000_000  # multiplications of a pass, below which parts save no time
Reads = list[np.ndarray]  # for each axis: factors (positions, positions read), or of each tap


@dataclass(frozen=True)
class _Parts:
    """The parts of the positions along one axis: values of a part are equal, or only summed."""

    labels: np.ndarray
    summed: bool

    @property
    def count(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def down(self) -> np.ndarray:
        """The matrix that makes values of the parts from a map, (parts, positions)."""
        return np.eye(self.count)[:, self.labels] if self.summed else self._firsts

    @property
    def up(self) -> np.ndarray:
        """The matrix that makes a map with these values of the parts, (positions, parts)."""
        return self._firsts.T if self.summed else np.eye(self.count)[self.labels]

    @property
    def _firsts(self) -> np.ndarray:
        return np.eye(len(self.labels))[np.unique(self.labels, return_index=True)[1]]


@dataclass(frozen=True)
class _Small:
    """A step on parts: what is done to each axis of what it reads, and of what it gives."""

    step: Step
    before: Sequence[Sequence[torch.Tensor | None]]
    after: Sequence[torch.Tensor | None] = ()
    windows: bool = False


class Positions:
    """Runs the sizes of a network on an input of ones, on parts of its maps.

    Steps of which it is not known what they read along the axes are run on whole maps, and so are
    networks whose passes cost little.
    """

    def __init__(self, network: ReLUNetwork):
        self.graph = network.graph
        worth = self.graph.products >= _WORTH
        reads = {s.name: _read(s, network) if worth else None for s in self.graph.steps[1:]}
        parts = _parts(self.graph, reads)
        self._start = [_tensor(part.down) for part in parts[self.graph.steps[0].name]]
        self._end = [_tensor(part.up) for part in parts[self.graph.steps[-1].name]]
        self._small = {
            step.name: _small(step, reads[step.name], [parts[n] for n in step.inputs], parts)
            for step in self.graph.steps[1:]
        }

    def total(self, sizes: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the sum of the outputs, given the absolute values of the parameters."""
        first, last = self.graph.steps[0], self.graph.steps[-1]
        ones = torch.ones(1, *first.shape, dtype=torch.float64)
        start = {first.name: _moved(ones, self._start)}
        values = self.graph.run(start, lambda step, read: self._run(step, read, sizes))
        return _moved(values[last.name], self._end).sum()

    def _run(self, step: Step, read: list[Any], sizes: Mapping[str, Any]) -> torch.Tensor:
        small = self._small[step.name]
        pairs = zip(read, small.before, strict=True)
        values = [_moved(value, matrices) for value, matrices in pairs]
        if small.windows:
            value = _windows(small.step, values[0], sizes)
        elif isinstance(step, AvgPool) and small.step is not step:
            value = values[0]  # what is done to its axes is all of it
        else:
            value = small.step.sizes(values, sizes)
        return _moved(value, small.after)


def _read(step: Step, network: ReLUNetwork) -> Reads | None:
    """Return how a step reads both axes of its inputs, all of them alike; None if not known."""
    shapes = [network.graph.by_name[name].shape for name in step.inputs]
    if any(len(shape) < 3 for shape in (step.shape, *shapes)):
        return None
    sides, counts = shapes[0][-2:], step.shape[-2:]
    if isinstance(step, (Conv, Window)) and len(step.stride) == 2:
        kernel = step.kernel if isinstance(step, Window) else step.weight_shape[2:]
        rest = (counts, kernel, step.stride, step.padding, step.dilation)
        axes = zip(sides, *rest, strict=True)
        return [_factors(window_reads(*numbers), numbers[0]) for numbers in axes]
    if isinstance(step, AvgPool) and step.window is None:
        axes = zip(adaptive_reads(sides, counts), sides, strict=True)
        sums = [_factors(*numbers).sum(axis=0) for numbers in axes]
        return [one / one.sum(axis=1, keepdims=True) for one in sums]
    factor = np.shape(network.parameters.get(f"{step.name}.factor", 0.0))
    alone = isinstance(step, (Add, Pairs, ReLU)) or getattr(step, "reshapes", False)
    alone |= isinstance(step, Scale) and factor[-2:] in ((), (1,), (1, 1))
    same = all(shape[-2:] == counts for shape in shapes)
    return [np.eye(side) for side in counts] if alone and same else None


def _factors(reads: np.ndarray, side: int) -> np.ndarray:
    """Return for each tap the matrix (positions, side) of what it reads, given the places."""
    return (reads[:, :, None] == np.arange(side)).astype(float)


def _parts(graph: Graph, reads: Mapping[str, Reads | None]) -> dict[str, list[_Parts]]:
    """Return the parts of the axes of each step; none of what is no map.

    They are the positions whose sum alone is read where those are fewer, and behind such steps.
    """
    wanted, parts = _wanted(graph, reads), {}
    for step in graph.steps:
        known, of = reads.get(step.name), []
        for axis, labels in enumerate(wanted[step.name]):
            given = [parts[name][axis] for name in step.inputs] if known else []
            equal = np.arange(len(labels)) if step.inputs else np.zeros(len(labels), int)
            if known:
                seen = [known[axis] @ one.up for one in given]
                equal = _labels(
                    *(np.moveaxis(x, -2, 0).reshape(len(labels), -1) for x in seen),
                    _absent(step, axis),
                )
            summed = any(one.summed for one in given) or labels.max() < equal.max()
            of.append(_Parts(labels if summed else equal, bool(summed)))
        parts[step.name] = of
    return parts


def _wanted(graph: Graph, reads: Mapping[str, Reads | None]) -> dict[str, list[np.ndarray]]:
    """Return labels of the positions along both axes that agree where the sum alone is read."""
    readers: dict[str, list[Step]] = {step.name: [] for step in graph.steps}
    for step in graph.steps[1:]:
        for name in dict.fromkeys(step.inputs):
            readers[name].append(step)
    wanted: dict[str, list[np.ndarray]] = {}
    for step in reversed(graph.steps):
        wanted[step.name] = []
        for axis, side in enumerate(step.shape[-2:] if len(step.shape) > 2 else ()):
            columns, labels = [np.zeros((side, 1))], None
            for reader in readers[step.name]:
                known = reads[reader.name]
                if known is None:
                    labels = np.arange(side)
                    break
                down = _Parts(wanted[reader.name][axis], summed=True).down
                read = (down @ known[axis]).reshape(-1, side).T
                columns += [read, _absent(reader, axis)]
            wanted[step.name].append(_labels(*columns) if labels is None else labels)
    return wanted


def _labels(*columns: np.ndarray) -> np.ndarray:
    """Return numbers of the rows: the same where all columns agree."""
    rows = np.concatenate([x for x in columns if x.size], axis=1)
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def _absent(step: Step, axis: int) -> np.ndarray:
    """Return for each position along an axis which slots of a maximum are absent there."""
    if not isinstance(step, Pairs) or not step.absent:
        return np.zeros((step.shape[axis - 2], 0))
    present = step.present[:, 0]
    return np.moveaxis(present, axis + 1, 0).reshape(step.shape[axis - 2], -1)


def _small(
    step: Step,
    reads: Reads | None,
    given: list[list[_Parts]],
    parts: Mapping[str, list[_Parts]],
) -> _Small:
    own = parts[step.name]
    if reads is None:
        ups = [[_tensor(part.up) for part in of] for of in given]
        return _Small(step, ups, [_tensor(part.down) for part in own])
    if isinstance(step, Pairs):
        return _small_pairs(step, given[0], own)
    before = [
        [_tensor(a.down @ read @ b.up) for a, read, b in zip(own, reads, of, strict=True)]
        for of in given
    ]
    small = replace(step, shape=(*step.shape[:-2], *(part.count for part in own)))
    return _Small(small, before, windows=isinstance(step, (Conv, Window)))


def _small_pairs(step: Pairs, given: list[_Parts], own: list[_Parts]) -> _Small:
    """Return a step of maxima on parts in which the same slots are absent."""
    middle = [
        _Parts(_labels(np.eye(part.count)[part.labels], _absent(step, axis)), part.summed)
        for axis, part in enumerate(given)
    ]
    firsts = [np.unique(part.labels, return_index=True)[1] for part in middle]
    counts = [part.count for part in middle]
    there = np.broadcast_to(step.present[:, 0], (step.slots, *step.shape[-2:]))
    absent = np.flatnonzero(~there[:, firsts[0]][:, :, firsts[1]])
    small = replace(step, shape=(*step.shape[:-2], *counts), absent=tuple(map(int, absent)))
    before = [_tensor(a.down @ b.up) for a, b in zip(middle, given, strict=True)]
    return _Small(
        small, [before], [_tensor(a.down @ b.up) for a, b in zip(own, middle, strict=True)]
    )


def _tensor(matrix: np.ndarray) -> torch.Tensor | None:
    """Return a matrix, or one per tap, as a tensor; None if it changes nothing."""
    same = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    if same and (matrix == np.eye(len(matrix))).all():
        return None
    return torch.from_numpy(np.ascontiguousarray(matrix))


def _moved(value: torch.Tensor, matrices: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """Apply matrices to the last axes of maps; those of several taps give an axis of taps more."""
    if not matrices:
        return value
    for matrix in reversed(matrices):  # by one product each, columns first
        if matrix is not None:
            product = value.reshape(-1, matrix.shape[-1]) @ matrix.reshape(-1, matrix.shape[-1]).T
            value = product.reshape(*value.shape[:-1], -1)
        value = value.transpose(-2, -1)
    sides = zip(value.shape[-2:], matrices, strict=True)
    ends = [[side] if matrix is None else [*matrix.shape[:-1]] for side, matrix in sides]
    return value.reshape(*value.shape[:-2], *ends[0], *ends[1])


def _windows(step: Step, values: torch.Tensor, sizes: Mapping[str, Any]) -> torch.Tensor:
    """Return a convolution, or what windows see: (1, channels, taps, parts, taps, parts) before."""
    if not isinstance(step, Conv):
        return values.permute(0, 2, 4, 1, 3, 5).reshape(1, *step.shape)
    weight = sizes[f"{step.weight}.weight"]
    groups = [] if step.groups == 1 else [step.groups]  # two matrices multiply faster than stacks
    matrix = weight.reshape(*groups, len(weight) // step.groups, -1)
    seen = values.permute(0, 1, 2, 4, 3, 5).reshape(*groups, matrix.shape[-1], prod(step.shape[1:]))
    return (matrix @ seen).reshape(1, *step.shape)
