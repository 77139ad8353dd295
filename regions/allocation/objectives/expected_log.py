"""The mean of log2 of the rank-aware bound over random masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objective import Evaluate, Objective
from regions.allocation.problem import Counts, Problem
from regions.bounds.cai import log2_at_ranks


@dataclass(frozen=True)
class ExpectedLog(Objective):
    """E[log2 B(ranks)], one value per draw of masks with exact counts.

    Unlike log2 E[B] ('expected') it is not dominated by rare masks of high rank.

    Attributes
    ----------
    draws : int
        Number of random masks.
    dim, count_output
        As for `Expected`.
    """

    name = "expected-log"
    draws: int = 20
    dim: int | None = None
    count_output: bool = True

    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        problem.require_perceptron("objective 'expected-log'")
        drawn = make_draws(problem, "random", self.draws, rng)
        return at_ranks(problem, drawn, self.dim, self.count_output)


def at_ranks(problem: Problem, draws: list, dim: int | None, count_output: bool) -> Evaluate:
    """Return log2 of the rank-aware bound at the structural ranks of each draw's masks."""
    widths = problem.widths if count_output else problem.widths[:-1]
    names = list(problem.shapes)[: len(widths) - 1]

    units = [np.ones(width, dtype=bool) for width in widths]
    layers = list(zip(names, units, units[1:], strict=False))

    def evaluate(counts: Counts) -> np.ndarray:
        ranks = [
            [draw.rank(name, counts[name], rows, cols) for name, cols, rows in layers]
            for draw in draws
        ]
        size = widths[0] if dim is None else dim
        return np.array([log2_at_ranks(widths, tuple_of, size) for tuple_of in ranks])

    return evaluate
