"""One layer among the columns of its side: where it lies, and which neurons are live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from regions.representations.rows import host

_DOUBLE = ("float64", "complex128", "int64", "int32", "int16", "int8", "uint8", "bool", "object")
_HALF = {"float16": 4e-3, "bfloat16": 3e-2}
_DIGITS = {"float16": 10, "bfloat16": 7}


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What rounding can look like in activations of some number type.

    Attributes
    ----------
    constant : float
        Range of a neuron, relative to its largest activation, below which it is constant.
    resolution : float
        Size of a direction, relative to the largest of its layer, below which it is rounding; 0
        for double precision. A layer of more neurons than inputs has dependent preactivations;
        in single precision their rounding would pass for further directions, and CCA would
        count each of them fully.
    rounding : float
        Error of a value relative to its size: units dominated by their bias vary by little more.
    """

    constant: float = 1e-12
    resolution: float = 0.0
    rounding: float = 2.0**-52

    @classmethod
    def of(cls, values: Any) -> Precision:
        """Return the precision of an array or tensor by its number type."""
        kind = str(getattr(values, "dtype", "float64")).rpartition(".")[2]
        if kind in _DOUBLE:
            return cls()
        rounding = 2.0 ** -_DIGITS.get(kind, 23)
        return cls(constant=1e-6, resolution=_HALF.get(kind, 1e-5), rounding=rounding)

    def noise(self, sizes: np.ndarray, n: int) -> np.ndarray:
        """Return what rounding adds to the sums of squares of neurons of these sizes."""
        return n * (self.rounding * sizes) ** 2


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Lowest and highest activation per neuron over the samples so far."""

    low: np.ndarray
    high: np.ndarray
    precision: Precision = field(default_factory=Precision)

    @classmethod
    def of(cls, rows: Any, values: Any = None) -> Extent:
        """Return the extent of rows; `values` is what they were before their conversion."""
        lowest, highest = (
            (rows.amin(0), rows.amax(0)) if hasattr(rows, "amin") else (rows.min(0), rows.max(0))
        )
        precision = Precision.of(rows if values is None else values)
        return cls(low=host(lowest), high=host(highest), precision=precision)

    def __or__(self, other: Extent) -> Extent:
        return Extent(
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            precision=self.precision,
        )

    @property
    def largest(self) -> np.ndarray:
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def live(self) -> np.ndarray:
        return self.high - self.low > self.precision.constant * self.largest

    @property
    def dead(self) -> np.ndarray:
        return (self.low == 0) & (self.high == 0)


class Split(NamedTuple):
    """Indices of a layer's neurons: those that vary, are always 0, or constant but not 0."""

    live: np.ndarray
    dead: np.ndarray
    constant: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Column:
    """Where one layer lies among the columns of its side, and the extent of its neurons.

    With `lengths` a column of the squared lengths of its rows follows; `shape` is that of one
    image's activations.
    """

    name: str
    start: int
    neurons: int
    extent: Extent
    lengths: bool = False
    shape: tuple[int, ...] = ()

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + self.neurons)

    @property
    def whole(self) -> slice:
        """The neurons and the column of squared lengths."""
        return slice(self.start, self.start + self.neurons + self.lengths)

    def noise(self, n: int, split: Split) -> np.ndarray:
        """Return what rounding adds to the live neurons' sums of squares."""
        return self.extent.precision.noise(self.extent.largest[split.live], n)

    def split(self, varies: np.ndarray) -> Split:
        """Return which neurons are what, given those that still vary once they are centred."""
        live, dead = self.extent.live & varies, self.extent.dead
        return Split(*map(np.flatnonzero, (live, dead, ~live & ~dead)))
