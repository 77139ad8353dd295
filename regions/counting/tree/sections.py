"""A batch of cells whose children are counted through sections, where float64 certifies it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regions.counting.tree import flat_kernel as kernel
from regions.counting.tree.cutting import Cutting

_BYTES = 2**26  # for points on sections under way


@dataclass(frozen=True)
class Sections:
    """How many children the cells of a batch have (see `flat_kernel.count_sections`).

    Attributes
    ----------
    cutting : Cutting
        The cells, and the units that cut them.
    cubes : (cells, n + 1) array
    doubtful : (cells,) bool array
    """

    cutting: Cutting
    cubes: np.ndarray
    doubtful: np.ndarray

    @classmethod
    def of(cls, cutting: Cutting) -> Sections:
        """Return those of a batch, nothing counted yet."""
        count, n, _ = cutting.unit.shape
        return cls(cutting, np.zeros((count, n + 1), np.int64), np.zeros(count, bool))

    def found(self) -> Iterator[None]:
        """Count; yield now and then."""
        cutting = self.cutting
        n, d = cutting.unit.shape[1], cutting.unit.shape[2] - 1
        levels = min(n, d) + 2
        room = max(min(levels * (n + 1), _BYTES // (8 * d + 8)), n)
        under_way = kernel.UnderWay(
            np.zeros((levels, 3), np.int64),
            np.zeros(levels, np.int64),
            np.empty((levels, d)),
            np.empty(room, np.int64),
            np.empty((room, d)),
            np.empty(room),
        )
        cursor, code = np.zeros(2, np.int64), kernel.PAUSED
        while code == kernel.PAUSED:
            cutting.effort.check()
            code = kernel.count_sections(
                cutting.unit, cutting.off, cutting.known, cutting.batch, cursor, under_way,
                self.cubes, self.doubtful, cutting.corner, cutting.work,
            )  # fmt: skip
            yield

    def total(self, cells: np.ndarray | slice = slice(None)) -> int:
        """Return how many children some of the cells have, as far as they are counted."""
        return sum(
            int(number) << k for k, number in enumerate(self.cubes[cells].sum(axis=0).tolist())
        )

    def each(self) -> np.ndarray:
        """Return how many children every cell has, as far as they are counted."""
        return self.cubes @ np.exp2(np.arange(self.cubes.shape[1]))
