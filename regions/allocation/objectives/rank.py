"""The rank-aware bound at the ranks that the masks have."""

from __future__ import annotations

import numpy as np

from regions.allocation.draws import make_draws
from regions.allocation.objectives import Evaluate
from regions.allocation.objectives.expected import prepare as prepare_expected
from regions.allocation.objectives.expected_log import at_ranks
from regions.allocation.objectives.on_masks import bound_on_masks
from regions.allocation.problem import Problem


def prepare(
    problem: Problem,
    rng: np.random.Generator,
    masks: str | None = None,
    dim: int | None = None,
    count_output: bool = True,
) -> Evaluate:
    """Return log2 of the bound at the structural ranks of the magnitude masks of a model.

    For random masks it is taken at the mean rank of each layer (Karp-Sipser), without any draws;
    'expected-log' averages over masks instead.
    """
    random = masks == "random" or (masks is None and problem.weights is None)
    if random:
        return prepare_expected(problem, rng, "mean", dim=dim, count_output=count_output)
    draws = make_draws(problem, masks, 1, rng)
    if not problem.is_chain:
        return bound_on_masks(problem, draws, "rank", dim, count_output)
    return at_ranks(problem, draws, dim, count_output)
