"""Values along a line that cancel because they are made alike, found without exact arithmetic.

Background pixels of an image are equal, so the entries of a pooling window over them are the same
function of the input, and what compares them is zero along the whole line. Every value gets a name
of 64 bits: what the terms of its sum are called, each times a random number that stands for its
weight, added up modulo 2**64 and mixed, so that factors of 2 do not gather over the layers. Sums
of the same terms have one name, and sums whose terms cancel the name 0, whatever the weights and
inputs are. Other values have the name 0 with a chance of about 2**-50 each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import scipy.sparse as sp

from regions.counting.exact.forms import Place
from regions.networks import ReLUNetwork
from regions.networks.steps import Step

_AT_ONCE = 64  # cells whose values are named together
_MIXED, _MOST_WORN = -1, 12  # bits
_PLACE, _START = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95)  # odd


@dataclass(frozen=True)
class Names:
    """Names of a network's values along a line, given activations.

    Attributes
    ----------
    net : ReLUNetwork
    place : Place
        The line.
    """

    net: ReLUNetwork
    place: Place

    def zero(self, layer: int, active: np.ndarray) -> np.ndarray:
        """Return which units of a layer are zero along the line by their names, (cells, units).

        Parameters
        ----------
        layer : int
        active : (cells, hidden units) bool array
            Activations of the earlier layers.
        """
        parts = range(0, len(active), _AT_ONCE)
        return np.concatenate([self._zero(layer, active[at : at + _AT_ONCE]) for at in parts])

    def _zero(self, layer: int, active: np.ndarray) -> np.ndarray:
        graph, at = self.net.graph, 0
        values = {"input": np.repeat(self._inputs[:, None], len(active), axis=1)}
        for index in range(layer):
            relu = graph.relus[index]
            own = active[:, at : at + relu.size].T
            factors = np.where(own, np.uint64(1), _names(np.array([relu.slope]))[0])
            values = graph.run(values, self._push, graph.segments[index])
            values = graph.run(values, lambda _, read, by=factors: read[0] * by, (relu,))
            self._worn[relu.name] = self._worn[relu.inputs[0]]
            at += relu.size
        end = graph.ends[layer]
        steps = [s for s in graph.segments[layer] if graph.position[s.name] <= graph.position[end]]
        return graph.run(values, self._push, steps)[end].T == 0

    @cached_property
    def _inputs(self) -> np.ndarray:
        line = [
            _of_integers(part.ints.ravel()) for part in (self.place.directions, self.place.start)
        ]
        return _mixed(line[0] * _PLACE + line[1] * _START)

    @cached_property
    def _matrices(self) -> dict[str, list[sp.csr_array]]:
        return {}

    @cached_property
    def _worn(self) -> dict[str, int]:
        return {}

    def _push(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        if step.name not in self._matrices:
            shapes = [self.net.graph.by_name[name].shape for name in step.inputs]
            parts = step.matrices(shapes, self.net.parameters)
            self._matrices[step.name] = [
                sp.csr_array((_names(part.data), part.indices, part.indptr), shape=part.shape)
                for part in parts
            ]
            self._worn[step.name] = self._after(step, parts)
        pairs = zip(self._matrices[step.name], inputs, strict=True)
        found = reduce(np.add, (part @ read for part, read in pairs))
        offset = step.offset(self.net.parameters)
        if offset is not None:
            found += (_names(np.broadcast_to(offset, step.shape).ravel()) * _START)[:, None]
        return _mixed(found) if self._worn[step.name] == _MIXED else found

    def _after(self, step: Step, parts: list[sp.csr_array]) -> int:
        """Return how many factors of 2 unmixed names may have got, or that they are to be mixed.

        Sums and differences stay as they are, so that b + (a - b) is called a.
        """
        plain = all((np.abs(part.data) == 1.0).all() for part in parts)
        if not plain or step.offset(self.net.parameters) is not None:
            return _MIXED
        terms = sum(int(np.diff(part.indptr).max(initial=0)) for part in parts)
        before = max(0, *(self._worn.get(name, _MIXED) for name in step.inputs))
        worn = before + max(terms - 1, 0).bit_length()
        return worn if worn <= _MOST_WORN else _MIXED


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return random integers for integers, 0 for 0, and of the other sign for the other sign."""
    other = np.uint64(0) - numbers
    below = numbers < other
    numbers = np.where(below, numbers, other)  # then SplitMix64, a permutation
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    numbers = numbers ^ (numbers >> np.uint64(31))
    return np.where(below, numbers, np.uint64(0) - numbers)


def _names(numbers: np.ndarray) -> np.ndarray:
    """Return a random integer for every size, 0 and 1 for themselves, with the number's sign."""
    numbers = np.asarray(numbers, dtype=np.float64)
    mixed = _mixed(np.abs(numbers).view(np.uint64))
    mixed[np.abs(numbers) == 1.0] = 1
    mixed[numbers == 0.0] = 0
    return np.where(numbers < 0, np.uint64(0) - mixed, mixed)


def _of_integers(ints: np.ndarray) -> np.ndarray:
    """Return names of integers of any length: equal ones have equal names."""
    known: dict[int, int] = {0: 0}
    rng = np.random.default_rng(0)
    found = np.empty(len(ints), np.uint64)
    for i, number in enumerate(ints.tolist()):
        size = abs(number)
        if size not in known:
            known[size] = int(rng.integers(1, 2**64, dtype=np.uint64, endpoint=False))
        found[i] = known[size] if number > 0 else -known[size] % 2**64
    return found
