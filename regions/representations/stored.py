"""All rows of two layers, kept: for small data, and for the transform by frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.representations.extent import Column
from regions.representations.layer import layer_of
from regions.representations.pair import Pair, pair_layers
from regions.representations.rows import host


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Batches of rows of both sides; joined when a pair is asked for."""

    parts_x: tuple[np.ndarray, ...]
    parts_y: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, x: Any, y: Any, positions: int | None = None) -> Stored:
        return cls(parts_x=(host(x),), parts_y=(host(y),))

    def __add__(self, other: Stored) -> Stored:
        return Stored(parts_x=self.parts_x + other.parts_x, parts_y=self.parts_y + other.parts_y)

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows of both sides."""
        return np.concatenate(self.parts_x), np.concatenate(self.parts_y)

    def maps(self, x: Column, y: Column) -> tuple[np.ndarray, np.ndarray]:
        """Return one layer of each side as (images, channels, height, width)."""
        rows_x, rows_y = self.rows()
        return _maps(rows_x[:, x.columns], x.shape), _maps(rows_y[:, y.columns], y.shape)

    def pair(self, x: Column, y: Column) -> Pair:
        """Return the centred pair of one layer of each side."""
        rows_x, rows_y = self.rows()
        return pair_layers(
            layer_of(rows_x[:, x.columns], x.name, x.extent),
            layer_of(rows_y[:, y.columns], y.name, y.extent),
        )


def _maps(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return rows.reshape(len(rows), *shape, *((1, 1) if len(shape) == 1 else ()))
