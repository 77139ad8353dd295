"""The three simplest rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.allocation.rules.ranking import counts_of_best
from regions.errors import BudgetError

_LAST = 0.2


@dataclass(frozen=True)
class Uniform(Rule):
    """Counts at the same density in every layer."""

    name = "uniform"

    def counts(self, problem: Problem) -> dict[str, int]:
        return problem.uniform()


@dataclass(frozen=True)
class UniformPlus(Rule):
    """Uniform, but the first convolution stays whole and the last layer keeps at least a fifth.

    The other free layers share the rest at one density. A model without convolutions has no layer
    that stays whole. Known to us as the baseline of LAMP (Lee et al., arXiv:2010.07611), after
    Gale, Elsen and Hooker (arXiv:1902.09574).
    """

    name = "uniform+"

    def counts(self, problem: Problem) -> dict[str, int]:
        least, most = dict(problem.least), problem.most
        convolutions = [name for name, shape in problem.shapes.items() if len(shape) > 2]
        for name in convolutions[:1]:
            if name in least:
                least[name] = most[name]
        ends = list(problem.shapes)[-1:] if problem.graph is None else problem.graph.last_layers
        for name in ends:
            if name in least:
                least[name] = max(least[name], min(ceil(_LAST * problem.sizes[name]), most[name]))
        if sum(least.values()) > problem.budget:
            raise BudgetError(
                f"rule 'uniform+' keeps the first convolution whole and a fifth of the last layer, "
                f"at least {sum(least.values())} weights, but there are {problem.budget}"
            )
        return replace(problem, least=least).uniform()


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
