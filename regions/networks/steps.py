"""The few operations of which every network here is made; each is linear except `ReLU`.

A step says how values flow, not what the weights are: it holds names, shapes and strides only,
so a graph of steps is small, comparable and JSON-ready, and one set of masks can carry it along.
Every step works on NumPy arrays and on torch tensors, rows (samples, columns, vertices) first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from regions.networks.convolve import convolve
from regions.networks.geometry import Shape, joint_places, of_channels, window_reads


def _as_column(homogeneous: Any, like: Any) -> Any:
    """Shape a row of homogeneous coordinates so that it broadcasts over `like`'s other axes."""
    if np.ndim(homogeneous) == 0:
        return homogeneous
    return homogeneous.reshape(-1, *([1] * (like.ndim - 1)))


def _through_torch(function: Any, *arrays: Any) -> Any:
    """Call a torch `function`; if the values came as NumPy arrays, give a NumPy array back."""
    import torch

    if isinstance(arrays[0], torch.Tensor):
        return function(*arrays)
    # torch warns about read-only memory, which parameters are
    tensors = [torch.from_numpy(np.require(a, requirements=["C", "W"])) for a in arrays]
    with torch.no_grad():
        return function(*tensors).numpy()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation: its unique name, the steps it reads, the shape it gives (no batch axis)."""

    kind: ClassVar[str] = ""
    name: str
    inputs: tuple[str, ...]
    shape: Shape

    @property
    def size(self) -> int:
        """Number of scalars it gives per sample."""
        return prod(self.shape)

    @property
    def module(self) -> str | None:
        """Name of the module whose weight it uses, if any."""
        return None

    @property
    def fan_in(self) -> int:
        """Number of products in each of its sums; 1 without a weight."""
        return prod(getattr(self, "weight_shape", (1, 1))[1:])

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        """Return the linear part at `values`, arrays of shape (rows, *shape of the input)."""
        raise NotImplementedError

    def offset(self, parameters: Mapping[str, Any]) -> Any | None:
        """Return the constant part, broadcastable to `shape`, or None."""
        return None

    def push(self, values: list[Any], parameters: Mapping[str, Any], homogeneous: Any = 1.0) -> Any:
        """Return linear part + homogeneous * offset, row by row."""
        out = self.linear(values, parameters)
        offset = self.offset(parameters)
        if offset is None:
            return out
        return out + _as_column(homogeneous, out) * offset

    def value(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        """Return the step's value at points."""
        return self.push(values, parameters)

    def sizes(
        self, values: list[Any], magnitudes: Mapping[str, Any], homogeneous: float = 0.0
    ) -> Any:
        """Return bounds of the step's values, given bounds of what it reads.

        `magnitudes` are the absolute values of the parameters; offsets count `homogeneous` times.
        """
        return self.push(values, magnitudes, homogeneous)

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        """Return one sparse matrix per input, (size, size of the input): rows first."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Input(Step):
    """The network's input."""

    kind: ClassVar[str] = "input"


@dataclass(frozen=True, kw_only=True)
class Linear(Step):
    """y = x W^T + b on the last axis."""

    kind: ClassVar[str] = "linear"
    weight: str
    features: int

    @property
    def module(self) -> str:
        return self.weight

    @property
    def weight_shape(self) -> Shape:
        """Shape (outputs, inputs) of the weight."""
        return (self.shape[-1], self.features)

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        return values[0] @ parameters[f"{self.weight}.weight"].T

    def offset(self, parameters: Mapping[str, Any]) -> Any | None:
        return parameters.get(f"{self.weight}.bias")

    def push(self, values: list[Any], parameters: Mapping[str, Any], homogeneous: Any = 1.0) -> Any:
        offset = self.offset(parameters)
        if offset is None or np.ndim(homogeneous) == 0 or not isinstance(values[0], np.ndarray):
            return super().push(values, parameters, homogeneous)
        # most rows are directions, to which nothing is added
        out, points = self.linear(values, parameters), np.flatnonzero(homogeneous)
        out[points] += _as_column(homogeneous[points], out) * offset
        return out

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        weight = sp.csr_array(parameters[f"{self.weight}.weight"])
        repeats = prod(self.shape[:-1])
        return [weight if repeats == 1 else sp.csr_array(sp.kron(sp.eye_array(repeats), weight))]


@dataclass(frozen=True, kw_only=True)
class Conv(Step):
    """Convolution in one to three dimensions with zero padding."""

    kind: ClassVar[str] = "conv"
    weight: str
    weight_shape: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int

    @property
    def module(self) -> str:
        return self.weight

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        weight, rest = (
            parameters[f"{self.weight}.weight"],
            (self.stride, self.padding, self.dilation),
        )
        if isinstance(values[0], np.ndarray) and len(self.stride) == 2 and self.groups == 1:
            return convolve(values[0], weight, *rest)
        from torch.nn import functional

        axes: Any = (functional.conv1d, functional.conv2d, functional.conv3d)
        apply = axes[len(self.stride) - 1]
        return _through_torch(
            lambda x, weight: apply(x, weight, None, *rest, self.groups), values[0], weight
        )

    def offset(self, parameters: Mapping[str, Any]) -> Any | None:
        bias = parameters.get(f"{self.weight}.bias")
        return None if bias is None else bias.reshape(-1, *([1] * len(self.stride)))

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        weight = np.asarray(parameters[f"{self.weight}.weight"])
        taps = self.taps(shapes[0])
        outputs, positions = weight.shape[0], taps.shape[-1]
        per_group = outputs // self.groups
        group = np.repeat(np.arange(self.groups), per_group)
        seen = taps.reshape(self.groups, -1, positions).swapaxes(1, 2).astype(np.int32)
        columns = seen[group]  # (outputs, positions, taps): row by row, so that nothing is sorted
        values = np.broadcast_to(weight.reshape(outputs, 1, -1), columns.shape)
        keep = (columns >= 0) & (values != 0)
        starts = np.concatenate([[0], np.cumsum(np.count_nonzero(keep, axis=2))])
        shape = (outputs * positions, prod(shapes[0]))
        return [sp.csr_array((values[keep], columns[keep], starts), shape=shape)]

    def taps(self, shape: Shape) -> np.ndarray:
        """Return the input index (or -1) seen by each tap of each position: (taps, positions)."""
        sides = shape[1:]
        rest = (self.weight_shape[2:], self.stride, self.padding, self.dilation)
        axes = zip(sides, self.shape[1:], *rest, strict=True)
        spatial = joint_places(sides, [window_reads(*numbers) for numbers in axes])
        places = of_channels(spatial, shape[0], sides).swapaxes(0, 1)
        return places.reshape(shape[0] * len(spatial), -1)


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Step):
    """Transposed convolution: the adjoint of the convolution of the same weight.

    `weight_shape` is (inputs, outputs / groups, *kernel), as torch has it.
    """

    kind: ClassVar[str] = "convtranspose"
    weight: str
    weight_shape: Shape
    stride: Shape
    padding: Shape
    output_padding: Shape
    dilation: Shape
    groups: int

    @property
    def module(self) -> str:
        return self.weight

    @property
    def fan_in(self) -> int:
        return prod(self.weight_shape) // self.weight_shape[1] // self.groups

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        from torch.nn import functional

        axes: Any = (
            functional.conv_transpose1d,
            functional.conv_transpose2d,
            functional.conv_transpose3d,
        )
        rest = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return _through_torch(
            lambda x, weight: axes[len(self.stride) - 1](x, weight, None, *rest),
            values[0],
            parameters[f"{self.weight}.weight"],
        )

    def offset(self, parameters: Mapping[str, Any]) -> Any | None:
        bias = parameters.get(f"{self.weight}.bias")
        return None if bias is None else bias.reshape(-1, *([1] * len(self.stride)))

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        back = Conv(
            name=self.name,
            inputs=self.inputs,
            shape=shapes[0],
            weight=self.weight,
            weight_shape=self.weight_shape,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return [sp.csr_array(back.matrices([self.shape], parameters)[0].T)]


@dataclass(frozen=True, kw_only=True)
class Scale(Step):
    """y = factor * x + offset, element by element: BatchNorm in eval mode, or constants."""

    kind: ClassVar[str] = "scale"

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        factor = parameters.get(f"{self.name}.factor")
        return values[0] if factor is None else values[0] * factor

    def offset(self, parameters: Mapping[str, Any]) -> Any | None:
        return parameters.get(f"{self.name}.offset")

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        factor = parameters.get(f"{self.name}.factor", np.ones(()))
        diagonal = np.broadcast_to(factor, self.shape).ravel()
        return [sp.csr_array(sp.diags_array(diagonal))]


@dataclass(frozen=True, kw_only=True)
class AvgPool(Step):
    """Average pooling over the last one or two axes; `window=None` pools to the output's shape."""

    kind: ClassVar[str] = "avgpool"
    window: Shape | None
    stride: Shape = ()
    padding: Shape = ()
    ceil_mode: bool = False
    count_include_pad: bool = True

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        from torch.nn import functional

        one = len(self.shape) == 2

        def apply(x: Any) -> Any:
            if self.window is None:
                adapt: Any = (
                    functional.adaptive_avg_pool1d if one else functional.adaptive_avg_pool2d
                )
                return adapt(x, self.shape[1:])
            pool = functional.avg_pool1d if one else functional.avg_pool2d
            rest = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
            return pool(x, self.window, *rest)

        return _through_torch(apply, values[0])

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        area = prod(shapes[0][1:])
        images = np.eye(area).reshape(area, 1, *shapes[0][1:])
        one = self.linear([images], parameters).reshape(area, -1).T
        return [sp.csr_array(sp.kron(sp.eye_array(shapes[0][0]), sp.csr_array(one)))]


@dataclass(frozen=True, kw_only=True)
class Move(Step):
    """Values moved, dropped, repeated or padded with zeros: reshape, flatten, slice, permute, pad.

    `index` holds, per output scalar, the input scalar it copies, or -1 for zero; None keeps the
    order (a pure reshape).
    """

    kind: ClassVar[str] = "move"
    index: tuple[int, ...] | None = None

    @cached_property
    def places(self) -> np.ndarray:
        """The index as an array."""
        return np.arange(self.size) if self.index is None else np.asarray(self.index)

    @cached_property
    def zeros(self) -> np.ndarray:
        """The output scalars that copy nothing."""
        return np.flatnonzero(self.places < 0)

    @cached_property
    def reshapes(self) -> bool:
        """Whether the order of all values stays as it is."""
        return type(self) is Move and self.index is None

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        flat = values[0].reshape(len(values[0]), -1)
        if not self.reshapes:
            known = np.maximum(self.places, 0)
            array = isinstance(flat, np.ndarray)
            flat = np.take(flat, known, axis=1) if array else flat[:, known]
            if self.zeros.size:
                flat[:, self.zeros] = 0.0
        return flat.reshape(len(flat), *self.shape)

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        rows = np.flatnonzero(self.places >= 0)
        entries = (np.ones(len(rows)), (rows, self.places[rows]))
        return [sp.csr_array(entries, shape=(self.size, prod(shapes[0])))]


@dataclass(frozen=True, kw_only=True)
class Add(Step):
    """Sum of the inputs, each times its sign: residual additions and differences."""

    kind: ClassVar[str] = "add"
    signs: tuple[float, ...]

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        total = self.signs[0] * values[0]
        for sign, value in zip(self.signs[1:], values[1:], strict=True):
            total = total + sign * value
        return total

    def sizes(
        self, values: list[Any], magnitudes: Mapping[str, Any], homogeneous: float = 0.0
    ) -> Any:
        pairs = zip(self.signs[1:], values[1:], strict=True)
        return sum((abs(sign) * value for sign, value in pairs), abs(self.signs[0]) * values[0])

    def matrices(self, shapes: list[Shape], parameters: Mapping[str, Any]) -> list[sp.csr_array]:
        return [sp.csr_array(sign * sp.eye_array(self.size)) for sign in self.signs]


@dataclass(frozen=True, kw_only=True)
class ReLU(Step):
    """max(x, 0), or max(x, 0) + slope * min(x, 0) when `slope` is not zero (LeakyReLU).

    With `slots`, its units are switches of maxima: so many slots meet in pairs, (slots // 2, *shape
    of the maxima) (`regions.networks.pieces`).
    """

    kind: ClassVar[str] = "relu"
    slope: float = 0.0
    slots: int = 0

    def value(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        if isinstance(values[0], np.ndarray):
            return np.where(values[0] > 0, values[0], self.slope * values[0])
        from torch.nn import functional

        return functional.leaky_relu(values[0], self.slope)

    def sizes(
        self, values: list[Any], magnitudes: Mapping[str, Any], homogeneous: float = 0.0
    ) -> Any:
        return values[0] if abs(self.slope) <= 1.0 else abs(self.slope) * values[0]
