"""The number of hidden units that lie on an input-to-output path."""

from __future__ import annotations

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objectives import Evaluate
from regions.allocation.problem import Counts, Problem


def prepare(
    problem: Problem, rng: np.random.Generator, masks: str | None = None, draws: int = 20
) -> Evaluate:
    """Return the number of effective hidden units of all layers, one value per draw of masks."""
    chosen = make_draws(problem, masks, draws, rng)

    def evaluate(counts: Counts) -> np.ndarray:
        return np.array([sum(draw.alive(counts).units) for draw in chosen])

    return evaluate
