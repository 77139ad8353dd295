"""How many kept weights, or hidden units, lie on an input-to-output path."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from regions.allocation.draws import Draw, make_draws
from regions.allocation.objective import Evaluate, Objective
from regions.allocation.problem import Counts, Problem


@dataclass(frozen=True)
class OnPaths(Objective):
    """A number of what lies on a path of the kept weights, one value per draw of masks.

    Attributes
    ----------
    masks : {"magnitude", "random"}, optional
        By default "magnitude" with a model, "random" with widths.
    draws : int
        Number of random masks.
    """

    masks: str | None = None
    draws: int = 20

    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        chosen = make_draws(problem, self.masks, self.draws, rng)
        return lambda counts: np.array(
            [self.number(problem, draw, counts) for draw in chosen], dtype=float
        )

    @abstractmethod
    def number(self, problem: Problem, draw: Draw, counts: Counts) -> int:
        """Return the number for one draw."""


@dataclass(frozen=True)
class EffectiveWeights(OnPaths):
    """The number of effective weights in the budgeted layers.

    Weights of layers that are kept whole and outside the budget do not count.
    """

    name = "effective-weights"

    def ceiling(self, problem: Problem) -> float:
        return float(problem.budget + sum(problem.given[name] for name in problem.fixed))

    def number(self, problem: Problem, draw: Draw, counts: Counts) -> int:
        weights = draw.alive(counts).weights
        return sum(weights[name] for name in problem.budgeted)


@dataclass(frozen=True)
class EffectiveUnits(OnPaths):
    """The number of effective hidden units of all layers."""

    name = "effective-units"

    def ceiling(self, problem: Problem) -> float:
        if problem.is_perceptron:
            return float(sum(problem.widths[1:-1]))
        return float(sum(relu.size for relu in problem.wiring("effective units").relus))

    def number(self, problem: Problem, draw: Draw, counts: Counts) -> int:
        return sum(draw.alive(counts).units)
