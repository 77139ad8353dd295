"""What ``where(x > 0, a, b)``, ``x * (x > 0)`` and masked fills become: ReLU units.

A comparison alone jumps. A choice by it is continuous, and has an exact form, where the two values
are equal as soon as the compared ones are: a - b = s (x - y), so that it is b + s relu(x - y).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from regions.errors import UnsupportedModelError
from regions.networks.builder import Builder, Symbol
from regions.networks.memory import Layout, Memory, key_of, layout_of
from regions.networks.operations import Place, Result, Trace, operands
from regions.networks.refusals import unsupported
from regions.networks.steps import Add, Move, Scale, Step
from regions.networks.windows import Shift

# whether the comparison holds above
_ABOVE = {"gt": True, "ge": True, "lt": False, "le": False}
_KEEPING = frozenset("clone _to_copy".split())
_NEGATING = frozenset("logical_not bitwise_not".split())
_ROUNDING = 16 * np.finfo(np.float64).eps

Form = dict[tuple, Any]  # factors of values that are no sums themselves; (): of 1


class Jump(UnsupportedModelError):
    """What a comparison gives is used in a way that is not continuous."""

    compared: tuple[Any, Any]
    place: Place
    above: bool


@dataclass(frozen=True)
class _Held:
    """Where the outcome of a comparison is, unchanged."""

    jump: Jump
    storage: int | None
    layout: Layout
    label: float


class _Run(Trace, Protocol):
    """What is needed of a run beside its network and memory."""

    def node(self, operation: str) -> str: ...


class Comparisons:
    """The comparisons of one run, and the choices made by them."""

    def __init__(self, memory: Memory):
        self._memory = memory
        self._held: list[_Held] = []

    def note(self, operation: str, error: Exception, result: torch.Tensor) -> None:
        """Note that `result` holds the outcome of a comparison, if it does."""
        if isinstance(error, Jump) and operation in {*_ABOVE, *_KEEPING, *_NEGATING}:
            label = float(self._memory.labels(result).min()) if result.numel() else 0.0
            self._held.append(_Held(error, key_of(result), layout_of(result), label))

    def _of(self, tensor: Any) -> Jump | None:
        if not isinstance(tensor, torch.Tensor) or not tensor.numel():
            return None
        for held in self._held:
            if held.storage == key_of(tensor) and held.layout == layout_of(tensor):
                if bool((self._memory.labels(tensor) == held.label).all()):
                    return held.jump
        return None

    def result(self, trace: _Run, base: str, bound: Mapping[str, Any]) -> Result | None:
        """Return what a choice by a comparison is; None if an operation is none.

        Raises
        ------
        Jump
            If it is a comparison itself, which is noted, or a choice that is not continuous.
        """
        x, other = bound.get("self"), bound.get("other")
        if base in _ABOVE:
            compared, place = operands(trace, x, other)
            why = str(unsupported(trace.node(base), base))
            raise _jump(why, (compared[0], compared[1]), place, _ABOVE[base])
        if base in _NEGATING and (jump := self._of(x)) is not None:
            raise _jump(str(jump), jump.compared, jump.place, not jump.above)
        for mask, chosen, rest in _choices(base, bound):
            if (jump := self._of(mask)) is not None:
                return _select(trace, jump, chosen, rest, mask.shape)
        return None


def _jump(why: str, compared: tuple[Any, Any], place: Place, above: bool) -> Jump:
    jump = Jump(why)
    jump.compared, jump.place, jump.above = compared, place, above
    return jump


def _choices(base: str, bound: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    """Return what may be a mask, the value where it holds, and the one where it does not."""
    x, other = bound.get("self"), bound.get("other")
    if base == "where":
        return [(bound.get("condition"), x, other)]
    if base == "mul":
        return [(other, x, 0.0), (x, other, 0.0)]
    if base == "masked_fill":
        return [(bound["mask"], bound["value"], x)]
    if base == "index_put" and len(bound["indices"]) == 1 and not bound.get("accumulate"):
        if bound["values"].numel() == 1:
            return [(bound["indices"][0], bound["values"].reshape(()), x)]
    return []


def _select(trace: Trace, jump: Jump, chosen: Any, rest: Any, shape: torch.Size) -> Result:
    """Return b + s relu(x - y) for the values a and b that are chosen above and below."""
    above, below = (chosen, rest) if jump.above else (rest, chosen)
    tensors = [value for value in (above, below) if isinstance(value, torch.Tensor)]
    if not any(map(trace.memory.holds, tensors)):
        raise jump
    (above, below), place = operands(trace, above, below)
    if place != jump.place or np.broadcast_shapes(*(t.shape for t in tensors), shape) != shape:
        raise jump
    builder, forms = trace.builder, _Forms(trace.builder)
    x, y = jump.compared
    size = (x if isinstance(x, Symbol) else y).shape
    gap = _minus(forms.of(x), forms.of(y))
    slope = _ratio(_minus(forms.of(above), forms.of(below)), gap, size)
    if slope is None:
        raise jump
    zero = isinstance(x, Symbol) and not isinstance(y, Symbol) and not np.any(y)
    read = x if zero else builder.plus(x, y, -1.0)
    under = _ratio(forms.of(below), gap, size)
    if under is not None and under.min() == under.max():
        if (np.abs(slope + under - 1.0) <= _ROUNDING).all():
            return builder.relu(read, float(under.flat[0])), place
    gain = builder.relu(read)
    if (slope != 1.0).any():
        gain = builder.scale(gain, slope)
    return builder.plus(gain, below) if isinstance(below, Symbol) or np.any(below) else gain, place


def _minus(one: Form, other: Form) -> Form:
    return {key: one.get(key, 0.0) - other.get(key, 0.0) for key in {**one, **other}}


def _ratio(form: Form, gap: Form, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the s of form = s * gap at each place, or None if there is a place without."""
    keys = list({**gap, **form})
    rows, gaps = (
        np.array([np.broadcast_to(f.get(key, 0.0), shape) for key in keys]) for f in (form, gap)
    )
    largest = np.abs(gaps).argmax(axis=0)[None]
    one, other = (np.take_along_axis(values, largest, axis=0)[0] for values in (rows, gaps))
    slope = np.divide(one, other, out=np.zeros(shape), where=other != 0)
    error = np.abs(rows - slope * gaps)
    bound = _ROUNDING * (np.abs(rows) + np.abs(slope * gaps)).max(axis=0)
    return slope if (error <= bound).all() else None


class _Forms:
    """What values are as sums of multiples of others, place by place."""

    def __init__(self, builder: Builder):
        self._steps: dict[str, Step] = {step.name: step for step in builder.steps}
        self._parameters = builder.parameters

    def of(self, value: Any) -> Form:
        """Return the form of a symbol or a constant."""
        return self._of(value.name) if isinstance(value, Symbol) else {(): value}

    def _of(self, name: str) -> Form:
        step = self._steps[name]
        if isinstance(step, Scale):
            factor = self._parameters.get(f"{name}.factor", 1.0)
            form = {key: value * factor for key, value in self._of(step.inputs[0]).items()}
            offset = self._parameters.get(f"{name}.offset", 0.0)
            return {**form, (): form.get((), 0.0) + offset}
        if isinstance(step, Add):
            total: Form = {}
            for sign, source in zip(step.signs, step.inputs, strict=True):
                for key, value in self._of(source).items():
                    total[key] = total.get(key, 0.0) + sign * value
            return total
        if isinstance(step, Move) and type(step) in (Move, Shift):
            before = self._steps[step.inputs[0]].shape
            mark, there = (step.places.tobytes(), step.shape), step.places >= 0
            return {
                (*key, mark) if key else (): np.where(
                    there, np.broadcast_to(value, before).ravel()[step.places], 0.0
                ).reshape(step.shape)
                for key, value in self._of(step.inputs[0]).items()
            }
        return {(name,): 1.0}
