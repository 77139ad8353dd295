"""What bounds the region of a point: functions that are affine on it and vanish on its walls.

A ReLU unit has one, its preactivation. A maximum of k values (`regions.networks.pieces`) has k: by
how much the slot that is ahead leads each of the others, for the region ends where another one
takes the lead, and not where two of those that lose change places. The lead over a slot is the sum
of what was between the two sides of every pair on its way: with z = second - first and s = 1 where
the second is ahead, s z for the first and (s - 1) z for the second, of each pair that it is in or
behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.networks import ReLUNetwork
from regions.networks.pieces import Maxima, Pieces


@dataclass(frozen=True)
class Walls:
    """The walls that one ReLU layer makes, or one layer of maxima.

    Attributes
    ----------
    layers : tuple of int
        The ReLU layers that they are computed from.
    size : int
        Their number: units, or (slots, maxima) in a row.
    maxima : Maxima or None
    """

    layers: tuple[int, ...]
    size: int
    maxima: Maxima | None = None

    @property
    def last(self) -> int:
        """The ReLU layer with which all of them are known."""
        return self.layers[-1]

    def terms(self, walls: np.ndarray) -> Iterator[tuple[int, np.ndarray, Any, Any]]:
        """Yield the layers that some walls of maxima are sums over: layer, units, sides, meetings.

        A wall's term is meeting * (active - side) * preactivation of the unit: `sides` are 1 for
        the second of a pair, `meetings` 0 where a slot is not there or has no partner.
        """
        assert self.maxima is not None
        slot, place = np.divmod(walls, self.maxima.size)
        for layer, present in zip(self.layers, self.maxima.present, strict=True):
            pair, side = np.divmod(slot, 2)
            partner = np.minimum(slot ^ 1, len(present) - 1)  # itself, where it has none
            meets = (partner != slot) & present[slot, place] & present[partner, place]
            yield layer, np.where(meets, pair, 0) * self.maxima.size + place, side, meets * 1
            slot = pair

    def values(self, found: Sequence[Any], slopes: Sequence[Any]) -> Any:
        """Return all walls, (..., size), from what every layer's preactivations are.

        Parameters
        ----------
        found : sequence of (..., units) arrays or tensors, one for each ReLU layer
            Preactivations, columns of their Jacobian, or their values along directions.
        slopes : sequence of arrays or tensors that broadcast to them
            What every layer multiplies its units by around the point.
        """
        if self.maxima is None:
            return found[self.last]
        return self._sum(..., np.arange(self.size), found, slopes)

    def each(self, walls: np.ndarray, found: Sequence[Any], slopes: Sequence[Any]) -> Any:
        """Return one wall for each row, (rows,), from (rows, units) arrays or tensors."""
        rows = np.arange(len(walls))
        if self.maxima is None:
            return found[self.last][rows, walls]
        return self._sum(rows, walls, found, slopes)

    def _sum(self, rows: Any, walls: np.ndarray, found: Sequence[Any], slopes: Sequence[Any]):
        """Return the sums of some walls' terms, in some rows."""
        total: Any = 0.0
        for layer, units, side, meets in self.terms(walls):
            side, meets = (_like(part, found[layer]) for part in (side, meets))
            total = total + (slopes[layer][rows, units] - side) * meets * found[layer][rows, units]
        return total

    def makers(
        self, walls: np.ndarray, slopes: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ReLU layer and the unit that switches behind some walls, one for each row.

        That is the last pair on a slot's way that it has not won: where it meets who is ahead.
        """
        layers, units = np.full(len(walls), self.last), walls.copy()
        if self.maxima is not None:
            rows = np.arange(len(walls))
            for layer, unit, side, meets in self.terms(walls):
                lost = meets * (slopes[layer][rows, unit] - side) != 0
                layers[lost], units[lost] = layer, unit[lost]
        return layers, units


def walls_of(net: ReLUNetwork) -> tuple[Walls, ...]:
    """Return the walls of all layers of a network.

    Examples
    --------
    >>> import torch, regions
    >>> net = regions.as_network(torch.nn.MaxPool1d(3), input_shape=(1, 3))
    >>> (walls,) = walls_of(net)
    >>> walls.layers, walls.size
    ((0, 1), 3)
    """
    maxima = Pieces(net.graph).maxima
    rounds = {layer for each in maxima for layer in each.layers}
    alone = [
        Walls((layer,), relu.size)
        for layer, relu in enumerate(net.graph.relus)
        if layer not in rounds
    ]
    several = [Walls(each.layers, each.slots[0] * each.size, each) for each in maxima]
    return tuple(sorted([*alone, *several], key=lambda walls: walls.last))


def _like(numbers: np.ndarray, other: Any) -> Any:
    """Return numbers as an array or tensor of the other's kind."""
    if isinstance(other, np.ndarray):
        return numbers.astype(other.dtype)
    return other.new_tensor(numbers)
