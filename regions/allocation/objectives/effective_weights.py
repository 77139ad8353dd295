"""The number of kept weights that lie on an input-to-output path."""

from __future__ import annotations

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objectives import Evaluate
from regions.allocation.problem import Counts, Problem


def prepare(
    problem: Problem, rng: np.random.Generator, masks: str | None = None, draws: int = 20
) -> Evaluate:
    """Return the number of effective weights in the budgeted layers, one value per draw of masks.

    Weights of layers that are kept whole and outside the budget do not count.
    """
    chosen = make_draws(problem, masks, draws, rng)
    names = problem.budgeted

    def evaluate(counts: Counts) -> np.ndarray:
        alive = [draw.alive(counts).weights for draw in chosen]
        return np.array([sum(weights[name] for name in names) for weights in alive])

    return evaluate
