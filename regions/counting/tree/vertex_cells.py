"""What cells given by vertices are: arrays, one cell after the other; also for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class VertexCells:
    """A batch of cells, each given by its vertices.

    Attributes
    ----------
    vertices : (total, d + 4) array
        All cells' vertices one after the other (see `signs`).
    masks : (total, words) uint64 array
        The facets every vertex lies on, as bits.
    starts : (cells + 1,) int array
        Where each cell's vertices begin.
    facets : (cells, 64 * words) int32 array
        What every bit stands for, a row of `planes`.
    planes : (rows, d + 6) array
        The facets' forms, up to a sign (see `signs.UnitForms`).
    units : (rows,) int array
        Whose they are: a hidden unit's, -1 - k for the domain's side k, or `INFINITE`.
    """

    vertices: np.ndarray
    masks: np.ndarray
    starts: np.ndarray
    facets: np.ndarray
    planes: np.ndarray
    units: np.ndarray


class Polytopes(NamedTuple):
    """A batch of cells (see `VertexCells`)."""

    vertices: np.ndarray
    masks: np.ndarray
    starts: np.ndarray
    facets: np.ndarray
    planes: np.ndarray


class Stack(NamedTuple):
    """Cells that are still to be cut, one after the other.

    The vertices, masks and facets of each, where its vertices start, its next unit, the signs of
    the units before it, and vertices of the top cell that are in doubt.
    """

    vertices: np.ndarray
    masks: np.ndarray
    facets: np.ndarray
    starts: np.ndarray
    units: np.ndarray
    signs: np.ndarray
    doubts: np.ndarray


class Children(NamedTuple):
    """The cells found, or empty arrays to count them alone."""

    owner: np.ndarray
    signs: np.ndarray
    starts: np.ndarray
    vertices: np.ndarray
    masks: np.ndarray
    facets: np.ndarray
