"""What cells given by halfspaces are: arrays, one cell after the other; also for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Batch(NamedTuple):
    """The cells' halfspaces one after the other, bounds and witnesses (see `HalfspaceCells`).

    `domain` holds the bounds of `cell.Cell`; a cell whose witness is NaN is passed over.
    """

    rows: np.ndarray
    off: np.ndarray
    starts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    domain: np.ndarray


class Stack(NamedTuple):
    """Cells still to do: witness, next unit, units that cut it, signs, whether it is to recentre.

    With one more row each than a layer has units.
    """

    points: np.ndarray
    units: np.ndarray
    cuts: np.ndarray
    number: np.ndarray
    signs: np.ndarray
    fresh: np.ndarray


class Answer(NamedTuple):
    """The answer to the last question.

    Attributes
    ----------
    numbers : (2,) array
        What the unit does (-1 if nothing was asked), and the sign at `point`.
    point : (d,) array
        The cell's witness from now on.
    found : (d,) array
        A point on the other side.
    """

    numbers: np.ndarray
    point: np.ndarray
    found: np.ndarray


class Recall(NamedTuple):
    """Signs that are known to follow from those of earlier units, on the current cell."""

    needs: np.ndarray
    follows: np.ndarray
    number: np.ndarray


class Children(NamedTuple):
    """The cells found, or empty arrays to count them alone."""

    owner: np.ndarray
    points: np.ndarray
    signs: np.ndarray
    cuts: np.ndarray
    number: np.ndarray


class Walks(NamedTuple):
    """One child of every cell, chosen at random, and its weight."""

    points: np.ndarray
    signs: np.ndarray
    cuts: np.ndarray
    number: np.ndarray
    log2: np.ndarray


@dataclass(frozen=True)
class HalfspaceCells:
    """A batch of cells, each given by halfspaces, bounds and an interior point.

    Attributes
    ----------
    rows : (total, d + 1) array
        ``rows @ (y, 1) >= 0``, the halfspaces of all cells one after the other, scaled by powers of
        two.
    off : (total, 4) array
        What each row can be off (see `certificates`).
    units : (total,) int array
        Hidden unit of every row, -1 - k for the domain's side k.
    starts : (cells + 1,) int array
        Where each cell's rows begin.
    low, high : (cells, d) arrays
        Bounds that hold for the whole cell.
    points : (cells, d) array
        A point strictly inside every cell; NaN where no float64 point is known there.
    inner : (cells,) object array
        There a point in homogeneous integers instead, else None.
    """

    rows: np.ndarray
    off: np.ndarray
    units: np.ndarray
    starts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    inner: np.ndarray

    @classmethod
    def joined(cls, parts: list[HalfspaceCells]) -> HalfspaceCells:
        """Return all cells of several batches as one."""
        heights = np.concatenate([np.diff(part.starts) for part in parts])
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("rows", "off", "units", "low", "high", "points", "inner")
        }
        return cls(starts=np.concatenate([[0], np.cumsum(heights)]), **arrays)

    def batch(self, bounds: np.ndarray) -> Batch:
        """Return what the kernels take, in a domain of these bounds (see `cell.Cell`)."""
        return Batch(self.rows, self.off, self.starts, self.low, self.high, self.points, bounds)

    def rows_of(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, starts): where the rows of some cells are, one cell after the other."""
        heights = np.diff(self.starts)[index]
        starts = np.concatenate([[0], np.cumsum(heights)])
        return np.arange(starts[-1]) + np.repeat(self.starts[index] - starts[:-1], heights), starts

    def take(self, index: np.ndarray) -> HalfspaceCells:
        """Return the cells at `index` (repeats allowed)."""
        rows, starts = self.rows_of(index)
        return HalfspaceCells(
            rows=self.rows[rows],
            off=self.off[rows],
            units=self.units[rows],
            starts=starts,
            low=self.low[index],
            high=self.high[index],
            points=self.points[index],
            inner=self.inner[index],
        )
