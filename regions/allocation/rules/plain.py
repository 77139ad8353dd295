"""The three simplest rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.allocation.rules.ranking import counts_of_best


@dataclass(frozen=True)
class Uniform(Rule):
    """Counts at the same density in every layer."""

    name = "uniform"

    def counts(self, problem: Problem) -> dict[str, int]:
        return problem.uniform()


@dataclass(frozen=True)
class Equal(Rule):
    """The same number of weights for every layer, as far as its size allows."""

    name = "equal"

    def counts(self, problem: Problem) -> dict[str, int]:
        return problem.share({name: 1.0 for name in problem.free})


@dataclass(frozen=True)
class GlobalMagnitude(Rule):
    """The counts that one magnitude threshold for all layers gives."""

    name = "global"

    def counts(self, problem: Problem) -> dict[str, int]:
        return counts_of_best(problem, np.abs)
