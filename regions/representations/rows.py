"""Checked input: samples in rows, neurons in columns, float64, centred."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, NoReturn

import numpy as np
import torch

from regions.arguments import as_numbers
from regions.errors import ArgumentError


def host(value: Any) -> np.ndarray:
    """Return an array or a tensor on any device as a NumPy array."""
    return value.detach().cpu().numpy() if torch.is_tensor(value) else np.asarray(value)


def as_rows(values: Any, name: str = "X") -> Any:
    """Return (samples, neurons) values in float64: a NumPy array, or a tensor off the CPU.

    Values so large or small that their products would not fit are scaled by a power of two.
    """
    rows = batch_rows(values, name)
    refuse_one_sample(rows.shape[0], rows.shape[1], name)
    return scaled(rows, exponent_of(rows))


def real_rows(values: Any, name: str) -> np.ndarray:
    """Return what `as_rows` does as a NumPy array of finite real numbers."""
    rows = host(as_rows(values, name))
    if np.iscomplexobj(rows):
        raise ArgumentError(f"{name} has complex activations; expected real numbers")
    if not np.isfinite(rows).all():
        refuse_nonfinite(rows, name)
    return rows


def exponent_of(rows: Any) -> int:
    """Return the exponent of two of the largest value; 0 where products of values are safe."""
    if not math.prod(rows.shape):
        return 0
    imaginary = np.iscomplexobj(rows) if isinstance(rows, np.ndarray) else rows.is_complex()
    sizes = abs(rows) if imaginary else rows
    largest = float(max(sizes.max(), -sizes.min()))
    if not 0 < largest < math.inf or 1 / _SAFE < largest < _SAFE:
        return 0
    return max(-1000, min(1000, math.frexp(largest)[1]))


def scaled(rows: Any, exponent: int) -> Any:
    """Return the rows divided by that power of two."""
    if not exponent:
        return rows
    found = rows * 2.0**-exponent
    lost = host(((found == 0) & (rows != 0)).any(0))
    if lost.any():
        raise ArgumentError(_UNEVEN.format(neuron=np.flatnonzero(lost)[0]))
    return found


_UNEVEN = (
    "neuron {neuron} varies by less than 1e-25 of the largest activation of its layer; scale the "
    "neurons alike, or leave it out"
)


def refuse_uneven(squares: np.ndarray, live: np.ndarray) -> None:
    """Raise ArgumentError if a live neuron's sum of squares is too small to be squared."""
    lost = live[squares[live] < _SMALLEST]
    if len(lost):
        raise ArgumentError(_UNEVEN.format(neuron=lost[0]))


def batch_rows(values: Any, name: str) -> Any:
    """Return the rows of a batch, as `as_rows` does, which may be a single one."""
    rows = _tensor_rows(values) if is_dense(values) else _array_rows(values, name)
    if rows.ndim != 2:
        raise ArgumentError(
            f"{name} has shape {tuple(rows.shape)}; expected (samples, neurons). For convolutional "
            "maps choose what a sample is: regions.representations.map_rows(maps, mode='spatial')"
        )
    return rows


def refuse_extreme(gram: np.ndarray, name: str) -> None:
    """Raise ArgumentError unless products of a layer's sums of squares stay finite and above 0."""
    largest = float(np.abs(np.diag(gram)).max(initial=0.0))
    if not (largest == 0 or 1 / _SQUARES < largest < _SQUARES):
        raise ArgumentError(
            f"layer {name!r} has activations whose sum of squares is {largest:.3g}, unlike the "
            "first batch; rescale them, or use accumulator='store'"
        )


def refuse_one_sample(samples: int, neurons: int, name: str) -> None:
    """Raise ArgumentError unless there are two samples and a neuron."""
    if samples < 2 or neurons < 1:
        raise ArgumentError(
            f"{name} has {samples} samples and {neurons} neurons; "
            "expected at least 2 samples (rows) and 1 neuron (column)"
        )


def _tensor_rows(tensor: torch.Tensor) -> Any:
    tensor = tensor.detach()
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    if tensor.device.type in ("cpu", "mps"):  # Apple's devices have no float64
        return tensor.cpu().to(wide).numpy()
    return tensor.to(wide)


def is_dense(values: Any) -> bool:
    """Whether the value is a tensor that holds every number."""
    return (
        torch.is_tensor(values)
        and values.layout == torch.strided
        and not (values.is_meta or values.is_quantized or values.is_nested)
    )


def _array_rows(values: Any, name: str) -> np.ndarray:
    array = as_numbers(values, name, "a dense array or tensor of shape (samples, neurons)")
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64, copy=False)


_BLOCK = 1024  # rows that are centred at a time, so that they stay in the cache
_ENTRIES = 2**22  # of such a block at most
_SMALLEST = 1e-150  # sum of squares
_SQUARES = 1e140  # whose squares and products are far from overflow
_SAFE = 1e50  # fourth powers of such values, summed, are far from overflow
_FAR = 30.0  # a mean of so many standard deviations is computed twice


@dataclass(frozen=True, kw_only=True)
class CentredRows:
    """Rows minus their column means, without a copy of the rows.

    `drift` corrects the mean where the offset is so large that rounding shows.
    """

    values: Any
    mean: Any
    drift: Any = None

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def full(self) -> Any:
        """Return all centred rows."""
        centred = self.values - self.mean
        return centred if self.drift is None else centred - self.drift

    def fill(self, start: int, out: np.ndarray) -> None:
        """Write the centred rows from `start` on into `out`."""
        np.subtract(self.values[start : start + len(out)], self.mean, out=out)
        if self.drift is not None:
            out -= self.drift


def gram_of(sides: Sequence[CentredRows]) -> np.ndarray:
    """Return the products of all pairs of columns of the sides put beside each other."""
    if _in_memory(sides):
        return reduce(add, (block.conj().T @ block for block in _blocks(sides)))
    full = _beside([side.full() for side in sides])
    return host(full.conj().T @ full)


def cross_of(left: Sequence[CentredRows], right: Sequence[CentredRows]) -> np.ndarray:
    """Return the products of all columns of the left sides with all of the right ones."""
    if _in_memory([*left, *right]):
        pairs = zip(_blocks(left), _blocks(right), strict=True)
        return reduce(add, (x.conj().T @ y for x, y in pairs))
    x, y = (_beside([side.full() for side in sides]) for sides in (left, right))
    return host(x.conj().T @ y) if type(x) is type(y) else host(x).conj().T @ host(y)


def _in_memory(sides: Sequence[CentredRows]) -> bool:
    return all(isinstance(side.values, np.ndarray) for side in sides)


def _blocks(sides: Sequence[CentredRows]) -> Iterator[np.ndarray]:
    """Yield blocks of centred rows of all sides; each overwrites the one before."""
    count, width = len(sides[0].values), sum(side.width for side in sides)
    kind = np.result_type(*(side.values for side in sides))
    size = min(_BLOCK, count, max(1, _ENTRIES // max(1, width)))
    room = np.empty((size, width), kind)
    starts = np.cumsum([0, *(side.width for side in sides)])
    for start in range(0, count, size):
        block = room[: min(size, count - start)]
        for side, first, last in zip(sides, starts[:-1], starts[1:], strict=True):
            side.fill(start, block[:, first:last])
        yield block


def _beside(parts: list[Any]) -> Any:
    if all(map(torch.is_tensor, parts)):
        return torch.hstack(parts)
    return np.hstack([host(part) for part in parts])


def squares_of(side: CentredRows) -> np.ndarray:
    """Return the sum of squares of every column."""
    if not _in_memory([side]):
        return host((abs(side.full()) ** 2).sum(0))
    return reduce(add, (np.real(block * block.conj()).sum(axis=0) for block in _blocks([side])))


def centre(*named: tuple[Any, str]) -> tuple[list[CentredRows], np.ndarray | None]:
    """Return each side's centred rows and one Gram matrix of all of them beside each other.

    No Gram matrix where a side has more columns than rows, which would be larger than needed.
    Takes (rows, name) pairs; raises ArgumentError unless all activations are finite.
    """
    wide = any(rows.shape[1] > rows.shape[0] for rows, _ in named)

    def squares() -> tuple[np.ndarray | None, np.ndarray]:
        if wide:
            return None, np.concatenate([squares_of(side) for side in sides])
        gram = gram_of(sides)
        return gram, np.real(np.diag(gram))

    with np.errstate(invalid="ignore", over="ignore"):
        sides = [CentredRows(values=rows, mean=_mean(rows)) for rows, _ in named]
        for side, (rows, name) in zip(sides, named, strict=True):
            if not np.isfinite(host(side.mean)).all():
                refuse_nonfinite(host(rows), name)
        gram, lengths = squares()
    spread = np.sqrt(lengths / len(named[0][0]))
    if np.any(np.abs(np.concatenate([host(side.mean) for side in sides])) > _FAR * spread):
        sides = [replace(side, drift=_mean(side.full())) for side in sides]
        gram, _ = squares()
    return sides, gram


def _mean(rows: Any) -> Any:
    if isinstance(rows, np.ndarray):
        return np.ones(len(rows)) @ rows / len(rows)
    return rows.mean(0)


def refuse_nonfinite(rows: np.ndarray, name: str) -> NoReturn:
    """Raise ArgumentError with the number and the first place of NaN or infinite entries."""
    bad = np.argwhere(~np.isfinite(rows))
    raise ArgumentError(
        f"{name} has {len(bad)} NaN or infinite activations of {rows.size}, the first at "
        f"sample {bad[0][0]}, neuron {bad[0][1]}; expected finite numbers "
        "(did the network diverge, or half precision overflow?)"
    )


def check_paired(n_x: int, n_y: int) -> None:
    """Raise ArgumentError unless both sides have the same number of samples."""
    if n_x != n_y:
        raise ArgumentError(
            f"X has {n_x} samples and Y has {n_y}; row i of both must be the same input. If "
            "samples are in columns, pass X.T and Y.T"
        )
