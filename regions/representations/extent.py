"""The smallest and largest activation of every neuron: which are dead, constant, or live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.representations.rows import host

_DOUBLE = ("float64", "complex128", "int64", "int32", "int16", "int8", "uint8", "bool", "object")
# largest rounding in a unit's sum, relative to the largest direction of its layer
_RESOLUTION = {"float16": 4e-3, "bfloat16": 3e-2}
_RESOLUTION_SINGLE = 1e-5
_CONSTANT = 1e-12
_CONSTANT_SINGLE = 1e-6


def resolution(values: Any) -> float:
    """Return the relative size below which directions of such values are rounding; 0 for double.

    A layer of more neurons than inputs has dependent preactivations; in single precision their
    rounding would pass for further directions, and CCA would count each of them fully.
    """
    kind = _kind(values)
    return 0.0 if kind in _DOUBLE else _RESOLUTION.get(kind, _RESOLUTION_SINGLE)


def constant_tolerance(values: Any) -> float:
    """Return the range, relative to its largest activation, of a neuron that is constant."""
    return _CONSTANT if _kind(values) in _DOUBLE else _CONSTANT_SINGLE


def _kind(values: Any) -> str:
    return str(getattr(values, "dtype", "float64")).rpartition(".")[2]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Lowest and highest activation per neuron over the samples so far."""

    low: np.ndarray
    high: np.ndarray
    tolerance: float = _CONSTANT
    resolution: float = 0.0

    @classmethod
    def of(cls, rows: Any, values: Any = None) -> Extent:
        """Return the extent of rows; `values` is what they were before their conversion."""
        values = rows if values is None else values
        lowest, highest = (
            (rows.amin(0), rows.amax(0)) if hasattr(rows, "amin") else (rows.min(0), rows.max(0))
        )
        return cls(
            low=host(lowest),
            high=host(highest),
            tolerance=constant_tolerance(values),
            resolution=resolution(values),
        )

    def __or__(self, other: Extent) -> Extent:
        return Extent(
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            tolerance=self.tolerance,
            resolution=self.resolution,
        )

    @property
    def live(self) -> np.ndarray:
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        return self.high - self.low > self.tolerance * largest

    @property
    def dead(self) -> np.ndarray:
        return (self.low == 0) & (self.high == 0)
