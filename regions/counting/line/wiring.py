"""What reaches a unit, given activations: a unit that nothing reaches is zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.networks import ReLUNetwork
from regions.networks.steps import Add, Input, Move, ReLU, Scale, Step


@dataclass(frozen=True)
class Wiring:
    """Which parameters of a network are not zero, whatever their values.

    Units are traced back to the ReLU layers that feed them, through sums and moves one by one: the
    few that are in doubt behind a pooling layer need no pass through the network.

    Examples
    --------
    >>> import regions
    >>> net = regions.as_network([([[1.0], [1.0]], None), ([[1.0, 0.0]], None), ([[1.0]], None)])
    >>> Wiring(net).dead(1, np.array([[True, False, False], [False, True, False]]), np.array([0]))
    array([[False],
           [ True]])
    """

    net: ReLUNetwork

    def dead(self, layer: int, active: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Return which units of a layer nothing reaches, (cells, units).

        Parameters
        ----------
        layer : int
        active : (cells, hidden units) bool array
            Activations of the earlier layers; an active unit counts as reached.
        units : (units,) int array
        """
        end = self.net.graph.by_name[self.net.graph.ends[layer]]
        return ~self._fed(end, units, active)

    def _fed(self, step: Step, units: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Return which units of a step something reaches, (cells, units)."""
        if isinstance(step, Input):
            return np.ones((len(active), len(units)), np.bool_)
        if isinstance(step, ReLU) and step.slope == 0.0:
            return active[:, self._starts[step.name] + units]
        read = [self.net.graph.by_name[name] for name in step.inputs]
        if isinstance(step, (Add, ReLU)):
            found = np.any([self._fed(one, units, active) for one in read], axis=0)
        elif isinstance(step, Move):
            places = step.places[units]
            found = self._fed(read[0], np.maximum(places, 0), active) & (places >= 0)
        elif isinstance(step, Scale):
            factor = self._marks.get(f"{step.name}.factor", np.ones(()))
            passing = np.broadcast_to(factor, step.shape).ravel()[units] != 0
            found = self._fed(read[0], units, active) & passing
        else:
            whole = self._fed(read[0], np.arange(read[0].size), active).astype(np.float64)
            out = step.linear([whole.reshape(-1, *read[0].shape)], self._marks)
            found = out.reshape(len(active), -1)[:, units] > 0
        offset = step.offset(self._marks)
        if offset is not None:
            found = found | (np.broadcast_to(offset, step.shape).ravel()[units] != 0)
        return found

    @cached_property
    def _starts(self) -> dict[str, int]:
        relus = self.net.graph.relus
        starts = np.cumsum([0, *(relu.size for relu in relus)]).tolist()
        return {relu.name: start for relu, start in zip(relus, starts, strict=False)}

    @cached_property
    def _marks(self) -> dict[str, np.ndarray]:
        """Ones for all parameters that are not zero."""
        parameters = self.net.parameters.items()
        return {name: (value != 0).astype(np.float64) for name, value in parameters}
