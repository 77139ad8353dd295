"""How far float64 can be off: running error bounds of values pushed through a network.

A sum of n products, in whatever order, is off by at most gamma_n = n u / (1 - n u) times the sum
of the products' sizes, u = 2^-53 [1]_. The sizes are those really met: they are pushed through the
network with the absolute values of its weights, beside the values themselves, and a unit that is
dead on the cell adds nothing. Where all numbers are multiples of some 2^g and none reaches
2^(53 + g), nothing was rounded at all, and the bound is exactly zero.

.. [1] N. J. Higham, Accuracy and Stability of Numerical Algorithms, SIAM 2002, sections 3.1, 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regions.exact.scaled import exponent_of
from regions.networks import ReLUNetwork, State
from regions.networks.network import absolute
from regions.networks.steps import Add, Move, ReLU, Step

UNIT = 2.0**-53
_FINEST = -900  # multiples of 2^-900 and their products with bounds stay clear of underflow
_UNDERFLOWN = 1e-300  # what products lost by underflow add up to, at the most
_COARSE = -48  # finer grids hold no numbers of size 1 without rounding


def grid(values: Iterable[np.ndarray]) -> int:
    """Return the largest g such that all values are multiples of 2^g (1000 if all are zero).

    Examples
    --------
    >>> grid([np.array([0.5, 3.0]), np.array([0.0])])
    -1
    """
    found = [exponent_of(value) for value in values if np.any(value)]
    return min(found, default=1000)


def roundings(step: Step) -> int:
    """Return how many roundings one term of a step's sums can go through."""
    if step.module is not None:
        return step.fan_in + 2
    if isinstance(step, Move):
        return 0
    return {"scale": 2, "add": len(step.inputs)}.get(step.kind, step.size + 256)


@dataclass(frozen=True)
class Rounding:
    """Error bounds of rows of values that go through one network.

    Attributes
    ----------
    net : ReLUNetwork
    start : int
        What goes in are multiples of 2^start.
    shares : tuple of float, optional
        What every linear segment rounds at the most, as a share of the sizes of its terms, if it
        is not computed in plain float64.
    """

    net: ReLUNetwork
    start: int
    shares: tuple[float, ...] | None = None

    @cached_property
    def twin(self) -> ReLUNetwork:
        """The network that adds up magnitudes."""
        return absolute(self.net)

    @cached_property
    def gammas(self) -> tuple[float, ...]:
        """The bound gamma_n of every linear segment, the slopes of the layer before included."""
        if self.shares is not None:
            return self.shares
        counts = [1 + sum(map(roundings, part)) for part in self.net.graph.segments]
        return tuple(1.01 * (n + 2) * UNIT for n in counts)

    @cached_property
    def grids(self) -> tuple[int, ...]:
        """The grid 2^g that the values of every linear segment lie on."""
        graph = self.net.graph
        found = graph.run(
            {"input": self.start},
            lambda step, inputs: _grid_of(step, min(inputs), self.net),
            keep=True,
        )
        return tuple(max(found[name], -(10**6)) for name in graph.ends)

    def advance(
        self, errors: State, sizes: State, layer: int, constant: np.ndarray
    ) -> tuple[np.ndarray, State]:
        """Push error bounds through linear segment `layer`.

        Parameters
        ----------
        errors, sizes : State
            Bounds of the errors of the rows that go in, and bounds of the rows' own sizes.
        layer : int
        constant : (rows,) array
            1 for rows to which the biases are added, 0 for the others.

        Returns
        -------
        bounds : (rows, units) array
            How far the segment's values can be off.
        state : State
            What `activated` needs next.
        """
        gamma, finest = self.gammas[layer], self.grids[layer]
        if finest <= _COARSE:
            both = State(
                {name: value + gamma * sizes.values[name] for name, value in errors.values.items()}
            )
            bounds, after = self.twin.advance(both, layer, gamma * constant)
        else:
            exact_below = 2.0 ** min(52 + finest, 1000)
            bounds, after = self.twin.advance(errors, layer, 0.0)
            met, made = self.twin.advance(sizes, layer, constant)
            # every value of the segment, not its end alone: others may be carried on
            values = {
                name: value
                + np.where(made.values[name] < exact_below, 0.0, gamma) * made.values[name]
                for name, value in after.values.items()
            }
            after = State(values)
            bounds = bounds + np.where(met < exact_below, 0.0, gamma) * met
        if finest < _FINEST:
            bounds, after = bounds + _UNDERFLOWN, after.map(lambda value: value + _UNDERFLOWN)
        return bounds, after


def _grid_of(step: Step, before: int, net: ReLUNetwork) -> int:
    """Return the grid of a step's values, given that of what it reads."""
    if isinstance(step, ReLU):
        return before + min(grid([np.array(step.slope)]), 0)
    if isinstance(step, (Add, Move)):
        return before
    name = step.module or step.name
    factors = [net.parameters.get(f"{name}.{part}") for part in ("weight", "factor")]
    if step.kind == "avgpool":
        return -(10**6)
    after = before + min(sum(grid([value]) for value in factors if value is not None), 1000)
    offset = step.offset(net.parameters)
    return after if offset is None else min(after, grid([np.asarray(offset)]))
