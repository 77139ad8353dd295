"""What feeds the units of a plain layer: signs that follow from signs of weights alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.networks import ReLUNetwork


@dataclass(frozen=True, eq=False)
class Feeding:
    """Units that read nothing but the ReLU units of the layer before.

    Attributes
    ----------
    weight : (n, units before) array
    bias : (n,) array
    before : slice
        The units before, among all hidden units.
    """

    weight: np.ndarray
    bias: np.ndarray
    before: slice

    @classmethod
    def of(cls, net: ReLUNetwork, layer: int, units: np.ndarray) -> Feeding | None:
        """Return what feeds some units of a layer; None if that is more than the layer before."""
        step = net.graph.dense[layer]
        if layer == 0 or step is None:
            return None
        relu = net.graph.relus[layer - 1]
        if relu.slope != 0 or step.inputs != (relu.name,):
            return None
        offset = step.offset(net.parameters)
        first = sum(before.size for before in net.relu_layers[: layer - 1])
        return cls(
            net.parameters[f"{step.weight}.weight"][units],
            np.zeros(len(units)) if offset is None else offset[units],
            slice(first, first + net.relu_layers[layer - 1].size),
        )

    def signs(self, active: np.ndarray) -> np.ndarray:
        """Return the sign of every unit on every cell where it follows from weights, else 0.

        Active units are positive inside their cell, so sums of them with weights of one sign are.

        Parameters
        ----------
        active : (cells, hidden units) bool array

        Examples
        --------
        >>> feeding = Feeding(np.array([[1.0, 2.0], [1.0, -1.0]]), np.zeros(2), slice(0, 2))
        >>> feeding.signs(np.array([[True, True], [False, True], [False, False]])).tolist()
        [[1, 0], [1, -1], [-1, -1]]
        """
        on = active[:, self.before].astype(np.float32)
        above = on @ (self.weight > 0).T.astype(np.float32) + (self.bias > 0)
        below = on @ (self.weight < 0).T.astype(np.float32) + (self.bias < 0)
        return np.where(above == 0, -1, np.where(below == 0, 1, 0)).astype(np.int8)
