"""What a hidden unit, its pieces and a pattern are where there are maxima.

A *piecewise unit* has finitely many affine pieces. A ReLU or leaky ReLU has two. A unit that takes
the maximum of k values (maxout, max pooling, a minimum likewise) has k: its piece is the first of
its inputs that is largest all over a cell [1]_. The *pattern* of a point says which piece each unit
is on, and an activation region is a full-dimensional set of inputs that share a pattern; it is
convex, and the network is affine on it. A clamp (ReLU6, hardtanh) has three pieces between two
parallel hyperplanes, and is the difference of two ReLU units, whose activations say which piece it
is on [2]_.

A maximum of k is computed in rounds by k - 1 ReLU units: max(a, b) = a + relu(b - a). These are its
*switches*. They say more than which piece it is on (also who is larger among those that lose), so
regions are counted by what this file makes of their activations. Where b - a is zero all over a
cell, the switch is inactive, and the first of the two is ahead.

.. [1] G. Montufar, R. Pascanu, K. Cho, Y. Bengio, On the number of linear regions of deep neural
   networks, NeurIPS 2014, arXiv:1402.1869, for the regions of maxout units.
.. [2] A. Goujon, A. Etemadi, M. Unser, On the number of regions of piecewise linear neural
   networks, arXiv:2206.08615, for units with any number of pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from regions.networks.graph import Graph
from regions.networks.steps import ReLU
from regions.networks.windows import Pairs


@dataclass(frozen=True)
class Maxima:
    """The switches of one layer of maxima of `slots[0]` values each.

    Attributes
    ----------
    layers : tuple of int
        The ReLU layer of each round.
    starts : tuple of int
        The first hidden unit of each round; units are in the order (pairs, *shape of the maxima).
    slots : tuple of int
        How many values meet in each round.
    present : tuple of (slots, maxima) bool arrays
        Which of them are there, for every round: none is where a window reaches into the padding.
    size : int
        Number of maxima.
    """

    layers: tuple[int, ...]
    starts: tuple[int, ...]
    slots: tuple[int, ...]
    present: tuple[np.ndarray, ...]
    size: int

    @property
    def end(self) -> int:
        """The hidden unit behind its last one."""
        return self.starts[-1] + self.size

    def winners(self, active: np.ndarray, maxima: np.ndarray | None = None) -> np.ndarray:
        """Return which slot some maxima (all by default) are on: (rows, maxima) ints.

        `active` are the activations of all hidden units, (rows, units).
        """
        maxima = np.arange(self.size) if maxima is None else maxima
        slot = np.zeros((len(active), len(maxima)), np.int64)
        rows = np.arange(len(active))[:, None]
        rounds = zip(self.starts, self.slots, self.present, strict=True)
        for start, slots, present in reversed(list(rounds)):
            met = slot < slots // 2
            pair = np.where(met, slot, 0)
            second = active[rows, start + pair * self.size + maxima] | ~present[2 * pair, maxima]
            slot = 2 * slot + (met & second)
        return slot


@dataclass(frozen=True)
class Pieces:
    """The piecewise units of a network: `Maxima`, and all hidden units that are no switches.

    Examples
    --------
    >>> import torch, regions
    >>> from regions.networks.pieces import Pieces
    >>> net = regions.as_network(torch.nn.MaxPool1d(3), input_shape=(1, 3))
    >>> switches = net.pattern([[[1.0, 5.0, 2.0]], [[3.0, 5.0, 9.0]]])
    >>> Pieces(net.graph).patterns(switches).tolist()
    [[1], [2]]
    """

    graph: Graph

    @cached_property
    def maxima(self) -> tuple[Maxima, ...]:
        """The layers of maxima of more than two values: others are on the piece of one switch."""
        found: list[Maxima] = []
        rounds: list[tuple[int, int, int, np.ndarray]] = []
        start = 0
        for layer, relu in enumerate(self.graph.relus):
            if relu.slots:
                rounds.append((layer, start, relu.slots, self._present(relu)))
            if relu.slots == 2:
                if len(rounds) > 1:
                    found.append(Maxima(*zip(*rounds, strict=True), size=relu.size))
                rounds = []
            start += relu.size
        return tuple(found)

    def _present(self, relu: ReLU) -> np.ndarray:
        """Return which slots are there that meet in a round, (slots, maxima)."""
        gap = self.graph.by_name[relu.inputs[0]]
        pairs = self.graph.by_name[gap.inputs[0]]
        assert isinstance(pairs, Pairs)
        each = pairs.shape[1:]
        return np.broadcast_to(pairs.present, (relu.slots, *each)).reshape(relu.slots, -1)

    @cached_property
    def layer_of(self) -> np.ndarray:
        """The ReLU layer of each hidden unit."""
        return np.repeat(np.arange(len(self.graph.relus)), [r.size for r in self.graph.relus])

    @cached_property
    def owner(self) -> np.ndarray:
        """The number of the layer of maxima that each hidden unit is a switch of, else -1."""
        owner = np.full(len(self.layer_of), -1)
        for number, maxima in enumerate(self.maxima):
            for start, slots in zip(maxima.starts, maxima.slots, strict=True):
                owner[start : start + slots // 2 * maxima.size] = number
        return owner

    @cached_property
    def layers(self) -> np.ndarray:
        """The ReLU layer of each piecewise unit, of a maximum its last round's."""
        last = [np.full(maxima.size, maxima.layers[-1]) for maxima in self.maxima]
        return np.concatenate([self.layer_of[self.owner < 0], *last])

    @property
    def units(self) -> int:
        """Number of piecewise units."""
        return len(self.layers)

    def patterns(self, active: np.ndarray) -> np.ndarray:
        """Return the pieces of all units, (rows, units), for activations of all hidden units."""
        alone = active[:, self.owner < 0].astype(np.int64)
        return np.hstack([alone, *(maxima.winners(active) for maxima in self.maxima)])

    def names(self, active: np.ndarray) -> Iterator[bytes]:
        """Yield for each row of activations 16 bytes that stand for its pattern."""
        if len(active):
            for row in np.ascontiguousarray(self.patterns(active).astype(np.int32)):
                yield blake2b(row.tobytes(), digest_size=16).digest()

    def first_change(self, before: np.ndarray, after: np.ndarray, switched: np.ndarray) -> int:
        """Return the first ReLU layer where a unit changes its piece, or -1.

        `before` and `after` are activations that differ in the hidden units `switched`.
        """
        owners = self.owner[switched]
        layers = [int(self.layer_of[unit]) for unit in switched[owners < 0]]
        for number in np.unique(owners[owners >= 0]):
            maxima = self.maxima[number]
            mine = switched[owners == number]
            starts = np.asarray(maxima.starts)
            at = (mine - starts[np.searchsorted(starts, mine, side="right") - 1]) % maxima.size
            one, two = (maxima.winners(x[None], at)[0] for x in (before, after))
            layers += [int(self.layer_of[unit]) for unit in mine[one != two]]
        return min(layers, default=-1)
