"""Builds a network step by step; every reader (torch, ONNX, arrays) ends here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks.geometry import window_counts
from regions.networks.graph import Graph
from regions.networks.mix import How, Mix
from regions.networks.network import ReLUNetwork
from regions.networks.steps import (
    Add,
    AvgPool,
    Conv,
    ConvTranspose,
    Input,
    Linear,
    Move,
    ReLU,
    Scale,
    Shape,
    Step,
)
from regions.networks.windows import Pairs, Shift, Window

_LARGEST = 10**8  # input values; test points and labels of more fill the memory


@dataclass(frozen=True)
class Symbol:
    """A value that depends on the input: the output of the step called `name`."""

    name: str
    shape: Shape

    @property
    def size(self) -> int:
        """Number of scalars per sample."""
        return prod(self.shape)


def without_batch(x: Symbol, constant: Any) -> Any:
    """Return a constant that meets `x` without its batch axis, which must have size one."""
    extra = np.ndim(constant) - len(x.shape)
    if extra <= 0:
        return constant
    if any(size != 1 for size in constant.shape[:extra]):
        raise UnsupportedModelError(
            f"a constant of shape {constant.shape} has a batch axis; constants must be the same "
            "for all samples"
        )
    return constant.reshape(constant.shape[extra:])


def _equal(known: Any, value: Any) -> bool:
    return np.array_equal(known, value, equal_nan=True)


class Builder:
    """Collects steps and parameters; `finish` gives the frozen network.

    Arrays of `known` are used again where the same values are stored under their names.
    """

    def __init__(self, input_shape: Shape, known: Mapping[str, np.ndarray] | None = None):
        if prod(input_shape) > _LARGEST:
            raise ArgumentError(
                f"inputs of shape {input_shape} have more than {_LARGEST} values; give a smaller "
                "input_shape"
            )
        self.steps: list[Step] = [Input(name="input", inputs=(), shape=input_shape)]
        self.parameters: dict[str, np.ndarray] = {}
        self._known = known or {}
        self.input = Symbol("input", input_shape)

    def _add(self, kind: type[Step], sources: list[Symbol], shape: Shape, **fields: Any) -> Symbol:
        name = f"{kind.kind}{len(self.steps)}"
        inputs = tuple(source.name for source in sources)
        self.steps.append(kind(name=name, inputs=inputs, shape=shape, **fields))
        return Symbol(name, shape)

    def _store(self, name: str, value: Any) -> None:
        if name in self._known and np.array_equal(self._known[name], value):
            self.parameters[name] = self._known[name]
        elif value is not None:
            array = np.array(value, dtype=np.float64)
            array.flags.writeable = False
            self.parameters[name] = array

    def _claim(self, name: str, weight: Any, bias: Any) -> str:
        """Store a weight and its bias; a name that holds others already gets a number."""
        free, count = name, 1
        while f"{free}.weight" in self.parameters and not self._stores(free, weight, bias):
            count += 1
            free = f"{name}~{count}"
        if f"{free}.weight" not in self.parameters:
            self._store(f"{free}.weight", weight)
            self._store(f"{free}.bias", bias)
        return free

    def _stores(self, name: str, weight: Any, bias: Any) -> bool:
        known = self.parameters.get(f"{name}.bias")
        if (known is None) != (bias is None) or (bias is not None and not _equal(known, bias)):
            return False
        return _equal(self.parameters[f"{name}.weight"], weight)

    def linear(self, x: Symbol, weight: Any, bias: Any, name: str) -> Symbol:
        """Add y = x W^T + b on the last axis."""
        outputs, features = weight.shape
        if not x.shape or x.shape[-1] != features:
            raise UnsupportedModelError(
                f"layer {name!r} expects {features} inputs on the last axis, but its input has "
                f"shape {x.shape}; check input_shape or add a flatten before it"
            )
        name = self._claim(name, weight, bias)
        shape = (*x.shape[:-1], outputs)
        return self._add(Linear, [x], shape, weight=name, features=features)

    def conv(
        self,
        x: Symbol,
        weight: Any,
        bias: Any,
        name: str,
        stride: Shape,
        padding: Shape,
        dilation: Shape,
        groups: int,
    ) -> Symbol:
        """Add a convolution with zero padding, the same on both sides of each axis."""
        if len(x.shape) != len(stride) + 1 or x.shape[0] != weight.shape[1] * groups:
            raise UnsupportedModelError(
                f"layer {name!r} expects {weight.shape[1] * groups} channels and {len(stride)} "
                f"spatial axes, but its input has shape {x.shape}; check input_shape"
            )
        name = self._claim(name, weight, bias)
        spatial = tuple(
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(
                x.shape[1:], weight.shape[2:], stride, padding, dilation, strict=True
            )
        )
        return self._add(
            Conv,
            [x],
            (weight.shape[0], *spatial),
            weight=name,
            weight_shape=tuple(weight.shape),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )

    def conv_transpose(
        self, x: Symbol, weight: Any, bias: Any, name: str, shape: Shape, **geometry: Any
    ) -> Symbol:
        """Add a transposed convolution to `shape`."""
        if len(x.shape) != weight.ndim - 1 or x.shape[0] != weight.shape[0]:
            raise UnsupportedModelError(
                f"layer {name!r} expects {weight.shape[0]} channels and {weight.ndim - 2} spatial "
                f"axes, but its input has shape {x.shape}; check input_shape"
            )
        name, sizes = self._claim(name, weight, bias), tuple(weight.shape)
        return self._add(ConvTranspose, [x], shape, weight=name, weight_shape=sizes, **geometry)

    def taps(self, x: Symbol, places: np.ndarray, weights: np.ndarray) -> Symbol:
        """Add sums of few values each: of `x` at `places` times `weights`, (terms, *shape)."""
        terms = []
        for place, weight in zip(places, weights, strict=True):
            used = np.where(weight == 0, -1, place)
            term = self.place(x, used.ravel(), used.shape)
            terms.append(term if (weight[weight != 0] == 1).all() else self.scale(term, weight))
        return terms[0] if len(terms) == 1 else self.total(terms)

    def mix(self, parts: list[Symbol], shape: Shape, how: How, axes: Shape = ()) -> Symbol:
        """Add values of which only the wiring is known (see `Mix`)."""
        return self._add(Mix, parts, shape, how=how, axes=axes)

    def scale(self, x: Symbol, factor: Any = None, offset: Any = None) -> Symbol:
        """Add y = factor * x + offset; both must broadcast to x's shape."""
        shape = np.broadcast_shapes(x.shape, np.shape(factor), np.shape(offset))
        if shape != x.shape:
            raise UnsupportedModelError(
                f"a constant of shape {np.shape(factor) or np.shape(offset)} widens a value of "
                f"shape {x.shape}; constants must broadcast to the value they meet"
            )
        symbol = self._add(Scale, [x], x.shape)
        self._store(f"{symbol.name}.factor", factor)
        self._store(f"{symbol.name}.offset", offset)
        return symbol

    def average_pool(self, x: Symbol, window: Shape | None, **fields: Any) -> Symbol:
        """Add average pooling; with `window=None`, `shape=` gives the output's spatial shape."""
        spatial = fields.pop("shape", None)
        step = AvgPool(name="probe", inputs=(), shape=x.shape, window=window, **fields)
        if spatial is None:
            spatial = step.linear([np.zeros((1, 1, *x.shape[1:]))], {}).shape[2:]
        return self._add(AvgPool, [x], (x.shape[0], *spatial), window=window, **fields)

    def move(self, x: Symbol, function: Callable, name: str) -> Symbol:
        """Add whatever `function` does to the places of a batch's values (never to the values).

        `function` is called once on a batch of two that holds 1, 2, 3, ...: what comes out tells
        where each scalar went, zeros are padding, and samples must not mix.
        """
        import torch

        size = x.size
        labels = torch.arange(1, 2 * size + 1).reshape(2, *x.shape)
        moved = function(labels)
        if not isinstance(moved, torch.Tensor) or moved.ndim < 1 or moved.shape[0] != 2:
            raise UnsupportedModelError(
                f"node {name!r} changes the batch axis; keep samples on the first axis"
            )
        first, second = moved.reshape(2, -1).numpy()
        if not np.array_equal(np.where(first > 0, first + size, 0), second):
            raise UnsupportedModelError(
                f"node {name!r} mixes samples of a batch; keep samples on the first axis"
            )
        return self.place(x, first - 1, tuple(moved.shape[1:]))

    def place(self, x: Symbol, index: np.ndarray, shape: Shape) -> Symbol:
        """Add a move: scalar k of the result is scalar `index[k]` of `x`, or zero for -1."""
        if np.array_equal(index, np.arange(x.size)):
            return x if shape == x.shape else self._add(Move, [x], shape)
        there = np.flatnonzero(index >= 0)
        if there.size:
            fields = {"shift": int(index[there[0]]) - int(there[0]), "length": x.size}
            shifted = np.arange(len(index)) + fields["shift"]
            if np.array_equal(index, np.where((shifted < 0) | (shifted >= x.size), -1, shifted)):
                return self._add(Shift, [x], shape, **fields)
        return self._add(Move, [x], shape, index=tuple(index.tolist()))

    def swap(self, x: Symbol) -> Symbol:
        """Add the transposition of the last two axes."""
        places = np.arange(x.size).reshape(x.shape).swapaxes(-1, -2)
        return self.place(x, places.ravel(), places.shape)

    def total(self, parts: list[Symbol]) -> Symbol:
        """Add the sum of several values of one shape."""
        return self._add(Add, parts, parts[0].shape, signs=(1.0,) * len(parts))

    def add(self, x: Symbol, y: Symbol, sign: float = 1.0, both: float = 1.0) -> Symbol:
        """Add both * (x + sign * y)."""
        if x.shape != y.shape:
            raise UnsupportedModelError(
                f"an addition joins values of shapes {x.shape} and {y.shape}; they must agree"
            )
        return self._add(Add, [x, y], x.shape, signs=(both, both * sign))

    def plus(self, x: Any, y: Any, sign: float = 1.0) -> Symbol:
        """Add x + sign * y, where one of the two may be a constant array."""
        if isinstance(x, Symbol) and isinstance(y, Symbol):
            return self.add(x, y, sign)
        if isinstance(x, Symbol):
            return self.scale(x, None, sign * without_batch(x, y))
        return self.scale(y, None if sign > 0 else -1.0, without_batch(y, x))

    def normalise(
        self, x: Symbol, mean: Any, variance: Any, weight: Any, bias: Any, eps: float
    ) -> Symbol:
        """Add batch normalisation by fixed statistics; `weight` and `bias` may be None."""
        factor = 1.0 / np.sqrt(np.asarray(variance, dtype=np.float64) + eps)
        factor = factor if weight is None else factor * weight
        offset = -mean * factor if bias is None else bias - mean * factor
        shape = (-1, *([1] * (len(x.shape) - 1)))
        return self.scale(x, factor.reshape(shape), offset.reshape(shape))

    def relu(self, x: Symbol, slope: float = 0.0, slots: int = 0) -> Symbol:
        """Add a ReLU layer (LeakyReLU with `slope`; switches of maxima with `slots`)."""
        if not np.isfinite(slope):
            raise ArgumentError(f"a LeakyReLU has the negative slope {slope}; it must be finite")
        return self._add(ReLU, [x], x.shape, slope=float(slope), slots=slots)

    def windows(self, x: Symbol, kernel: Shape, ceil_mode: bool, **geometry: Shape) -> Symbol:
        """Add what sliding windows see, (slots, channels, *positions); zero in the padding."""
        counts = window_counts(x.shape[1:], kernel, ceil_mode, **geometry)
        shape = (prod(kernel), x.shape[0], *counts)
        return self._add(Window, [x], shape, sides=x.shape[1:], kernel=kernel, **geometry)

    def extreme(self, x: Symbol, sign: float = 1.0, present: np.ndarray | None = None) -> Symbol:
        """Add the maximum over the first axis of `x`, or with `sign=-1` the minimum.

        `present`, (slots, *shape[2:]), says which slots are there: each place needs one.
        """
        if present is None:
            present = np.ones((x.shape[0], *x.shape[2:]), bool)
        while x.shape[0] > 1:
            slots, each = x.shape[0], x.shape[1:]
            fields = {"slots": slots, "absent": tuple(np.flatnonzero(~present).tolist())}
            full, pairs, after = 2 * (slots // 2), (slots // 2, *each), (-(-slots // 2), *each)
            first = self._add(Pairs, [x], pairs, part="first", **fields)
            second = self._add(Pairs, [x], pairs, part="second", **fields)
            ahead = self._add(Pairs, [x], after, part="ahead", **fields)
            gain = self.relu(self.add(second, first, -1.0, sign), slots=slots)
            if full < slots:
                gain = self._add(Pairs, [gain], after, part="padded", slots=slots)
            x = self.add(ahead, gain, sign)
            last = present[full:]
            present = np.concatenate([present[0:full:2] | present[1:full:2], last])
        return self.place(x, np.arange(x.size), x.shape[1:])

    def finish(self, output: Symbol) -> ReLUNetwork:
        """Return the network that ends at `output`, without steps that do not lead there."""
        if output.name == "input":
            output = self._add(Move, [output], output.shape)
        needed = {output.name, "input"}
        kept = []
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.inputs)
                kept.append(step)
        steps = tuple(reversed(kept))
        if steps[-1].name != output.name or len(steps) == 1:
            raise UnsupportedModelError(
                "the output does not depend on the input; give a model that uses its input"
            )
        empty = next((step for step in steps if not step.size), None)
        if empty is not None:
            raise UnsupportedModelError(
                f"step {empty.name!r} of shape {empty.shape} has no values; remove empty layers"
            )
        keys = {step.name for step in steps} | {step.module for step in steps}
        parameters = {k: v for k, v in self.parameters.items() if k.rsplit(".", 1)[0] in keys}
        return ReLUNetwork(Graph(steps), parameters)
