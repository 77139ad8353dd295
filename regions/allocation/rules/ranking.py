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
        scores = score(problem.weights[name]).ravel()
        others = scores.size - problem.least[name]
        rest.append(np.partition(scores, others)[:others] if others < scores.size else scores)
    budget = problem.budget - sum(problem.least.values())
    taken = _taken(rest, budget)
    pairs = zip(problem.least.items(), taken, strict=True)
    return {name: least + int(count) for (name, least), count in pairs}


def _taken(scores: list[np.ndarray], count: int) -> list[int]:
    """Return how many of the `count` best of all scores are in each array, the first of equals."""
    joined = np.concatenate(scores)
    if count == 0:
        return [0] * len(scores)
    last = np.partition(joined, joined.size - count)[joined.size - count]
    above = [int(np.count_nonzero(part > last)) for part in scores]
    left, taken = count - sum(above), []
    for part, found in zip(scores, above, strict=True):
        equal = min(left, int(np.count_nonzero(part == last)))
        left -= equal
        taken.append(found + equal)
    return taken
