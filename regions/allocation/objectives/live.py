"""The bound that counts a unit only if a path leads to it from an input."""

from __future__ import annotations

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objectives import Evaluate
from regions.allocation.objectives.on_masks import bound_on_masks
from regions.allocation.problem import Problem


def prepare(
    problem: Problem,
    rng: np.random.Generator,
    masks: str | None = None,
    draws: int = 10,
    dim: int | None = None,
    count_output: bool = True,
) -> Evaluate:
    """Return log2 of the 'live' bound, one value per draw of masks."""
    return bound_on_masks(
        problem, make_draws(problem, masks, draws, rng), "live", dim, count_output
    )
