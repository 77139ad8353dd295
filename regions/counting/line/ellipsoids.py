"""Errors of a layer's units taken together: ellipsoids, which linear maps do not make larger.

Bounds of single units grow with the absolute weights, by a factor of several at every layer. In a
chain of many narrow layers the errors are bounded together instead: by ellipsoids, one for every
block of neighbouring gaps, which go through weights and activations as the errors themselves do
(Kurzhanski and Valyi 1997, Ellipsoidal Calculus for Estimation and Control).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_BLOCKS = 16
_ROUNDED = 1e-10  # of an ellipsoid's size: more than it is rounded


@dataclass(frozen=True)
class Ellipsoids:
    """Errors e with c . e <= scale sqrt(c . Q c) for all c, in every block of a piece.

    Attributes
    ----------
    edges : (blocks + 1,) int array
        The knots between the blocks.
    shapes : (kinds, blocks, units, units) array
        Q, for errors of values and, if they are wanted, those of slopes.
    scales : (kinds,) array
    """

    edges: np.ndarray
    shapes: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, bounds: np.ndarray, knots: int) -> Ellipsoids:
        """Return the errors within `bounds`, (kinds, units), all along a piece."""
        kinds, units = bounds.shape
        none = cls(np.array([0, knots - 1]), np.zeros((kinds, 1, units, units)), np.ones(kinds))
        return none.plus(bounds[:, None])

    @property
    def bounds(self) -> np.ndarray:
        """The largest errors of single units, (kinds, units)."""
        return self._sizes().max(axis=1)

    def _sizes(self) -> np.ndarray:
        diagonal = np.diagonal(self.shapes, axis1=2, axis2=3)
        return self.scales[:, None, None] * np.sqrt(diagonal)

    def plus(self, box: np.ndarray) -> Ellipsoids:
        """Return what contains the sums of these errors and those in `box`.

        Parameters
        ----------
        box : (kinds, blocks or 1, units) array
            The most that each unit's error may be.
        """
        size = box.sum(axis=2)
        largest = np.maximum(self.scales, size.max(axis=1))
        largest = np.where(largest > 0, largest, 1.0)
        shapes = self.shapes * ((self.scales / largest) ** 2)[:, None, None, None]
        box = box / largest[:, None, None]
        # an ellipsoid around the box, and one around the sum of two, both of the least trace
        around = box * box.sum(axis=2, keepdims=True)
        traces = np.trace(shapes, axis1=2, axis2=3), around.sum(axis=2)
        ratio = np.sqrt(traces[0] / np.where(traces[1] > 0, traces[1], 1.0))
        one = np.where(ratio > 0, 1 + 1 / np.where(ratio > 0, ratio, 1.0), 1.0)
        two = np.where(traces[1] > 0, 1 + ratio, 0.0)
        one = np.where(traces[1] > 0, one, 1.0)
        shapes *= one[:, :, None, None]
        diagonal = np.einsum("kbii->kbi", shapes)
        diagonal += two[:, :, None] * around + _ROUNDED * (traces[0] + traces[1])[:, :, None]
        return replace(self, shapes=shapes, scales=largest)

    def through(self, weight: np.ndarray, rounding: np.ndarray) -> Ellipsoids:
        """Return the errors behind a linear map, (units, units behind), and its own rounding."""
        norm = np.sqrt((weight**2).sum()) or 1.0
        weight = weight / norm
        shapes = weight.T @ self.shapes @ weight
        return replace(self, shapes=shapes, scales=self.scales * norm).plus(rounding[:, None])

    def behind(
        self, edges: np.ndarray, multipliers: np.ndarray, mixed: np.ndarray, box: np.ndarray
    ) -> Ellipsoids:
        """Return the errors behind a ReLU layer.

        Parameters
        ----------
        edges : (blocks + 1,) int array
        multipliers : (blocks, units) array
            The units' slopes, or their mean where there are two.
        mixed : (blocks, units) array
            How much slopes differ from that.
        box : (kinds, units) array
            Further errors, all along the piece.
        """
        extra = mixed * self._sizes() + box[:, None]
        shapes = self.shapes * (multipliers[:, :, None] * multipliers[:, None, :])
        return replace(self, edges=edges, shapes=shapes).plus(extra)

    def split(self, old: np.ndarray, knots: int) -> Ellipsoids:
        """Return smaller blocks, after knots were inserted: old[i] is where knot i is now."""
        edges, parents = list(old[self.edges]), list(range(len(self.edges) - 1))
        while len(parents) < _BLOCKS:
            sizes = np.diff(edges)
            at = int(np.argmax(sizes))
            if sizes[at] < 2:
                break
            edges.insert(at + 1, edges[at] + sizes[at] // 2)
            parents.insert(at, parents[at])
        return replace(self, edges=np.array(edges), shapes=self.shapes[:, parents])

    def part(self, low: int, high: int, rounding: np.ndarray) -> Ellipsoids:
        """Return the blocks from gap `low` to gap `high`, and further errors, (kinds, units)."""
        first = int(np.searchsorted(self.edges, low, side="right")) - 1
        last = int(np.searchsorted(self.edges, high, side="right")) - 1
        edges = np.concatenate([[low], self.edges[first + 1 : last + 1], [high + 1]]) - low
        return replace(self, edges=edges, shapes=self.shapes[:, first : last + 1]).plus(
            rounding[:, None]
        )
