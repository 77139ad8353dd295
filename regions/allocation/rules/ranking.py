"""Counts that result when the weights of all layers are ranked together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regions.allocation.problem import Problem
from regions.errors import ArgumentError


def counts_of_best(problem: Problem, score: Callable[[np.ndarray], np.ndarray]) -> dict[str, int]:
    """Return how many of the best-scored weights fall into each free layer.

    Every layer first gets its minimum; ties go to the earlier layer.
    """
    if problem.weights is None:
        raise ArgumentError("this rule ranks weights and needs a model, but got widths")
    rest = []
    for name in problem.free:
        scores = np.sort(score(problem.weights[name]).ravel())[::-1]
        rest.append(scores[problem.least[name] :])
    layer = np.repeat(np.arange(len(rest)), [scores.size for scores in rest])
    order = np.argsort(-np.concatenate(rest), kind="stable")
    budget = problem.budget - sum(problem.least.values())
    taken = np.bincount(layer[order[:budget]], minlength=len(rest))
    pairs = zip(problem.least.items(), taken, strict=True)
    return {name: least + int(count) for (name, least), count in pairs}
