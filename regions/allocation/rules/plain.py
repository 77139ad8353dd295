"""The three simplest rules."""

from __future__ import annotations

import numpy as np

from regions.allocation.problem import Problem
from regions.allocation.rules.ranking import counts_of_best


def uniform(problem: Problem) -> dict[str, int]:
    """Return counts at the same density in every layer."""
    return problem.uniform()


def equal(problem: Problem) -> dict[str, int]:
    """Return the same number of weights for every layer, as far as its size allows."""
    return problem.share({name: 1.0 for name in problem.free})


def global_magnitude(problem: Problem) -> dict[str, int]:
    """Return the counts that one magnitude threshold for all layers gives."""
    return counts_of_best(problem, np.abs)
