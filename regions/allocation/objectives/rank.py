"""The rank-aware bound at the ranks that the masks have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objective import Evaluate, Objective
from regions.allocation.objectives.expected import Expected
from regions.allocation.objectives.expected_log import at_ranks
from regions.allocation.objectives.on_masks import bound_on_masks
from regions.allocation.problem import Problem


@dataclass(frozen=True)
class Rank(Objective):
    """log2 of the bound at the structural ranks of the magnitude masks of a model.

    For random masks it is taken at the mean rank of each layer (Karp-Sipser), without any draws;
    'expected-log' averages over masks instead.

    Attributes
    ----------
    masks : {"magnitude", "random"}, optional
        By default "magnitude" with a model, "random" with widths.
    dim, count_output
        As for `Expected`.
    """

    name = "rank"
    masks: str | None = None
    dim: int | None = None
    count_output: bool = True

    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        if self.masks == "random" or (self.masks is None and problem.weights is None):
            mean = Expected(rank="mean", dim=self.dim, count_output=self.count_output)
            return mean.prepare(problem, rng)
        draws = make_draws(problem, self.masks, 1, rng)
        if not problem.is_perceptron:
            return bound_on_masks(problem, draws, "rank", self.dim, self.count_output)
        return at_ranks(problem, draws, self.dim, self.count_output)
