"""The smallest and largest activation of every neuron: which are dead, constant, or live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.representations.rows import host

CONSTANT = 1e-12  # range of a constant neuron, relative to its largest activation
CONSTANT_SINGLE = 1e-6  # the same for activations in single or half precision


def constant_tolerance(values: Any) -> float:
    """Return the relative range below which a neuron of such values counts as constant."""
    kind = str(getattr(values, "dtype", "float64")).rpartition(".")[2]
    return CONSTANT if kind in ("float64", "complex128") else CONSTANT_SINGLE


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Lowest and highest activation per neuron over the samples so far."""

    low: np.ndarray
    high: np.ndarray
    tolerance: float

    @classmethod
    def of(cls, rows: Any, tolerance: float) -> Extent:
        lowest, highest = (
            (rows.amin(0), rows.amax(0)) if hasattr(rows, "amin") else (rows.min(0), rows.max(0))
        )
        return cls(low=host(lowest), high=host(highest), tolerance=tolerance)

    def __or__(self, other: Extent) -> Extent:
        return Extent(
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            tolerance=self.tolerance,
        )

    @property
    def live(self) -> np.ndarray:
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        return self.high - self.low > self.tolerance * largest

    @property
    def dead(self) -> np.ndarray:
        return (self.low == 0) & (self.high == 0)
