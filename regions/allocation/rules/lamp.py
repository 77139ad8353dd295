"""LAMP: one threshold for magnitudes that are rescaled within their layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.allocation.rules.ranking import counts_of_best


@dataclass(frozen=True)
class LAMP(Rule):
    """The counts of layer-adaptive magnitude pruning (Lee et al., arXiv:2010.07611)."""

    name = "lamp"

    def counts(self, problem: Problem) -> dict[str, int]:
        return counts_of_best(problem, lamp_scores)


def lamp_scores(weight: np.ndarray) -> np.ndarray:
    """Return w_u^2 / sum of w_v^2 over the weights v of the layer that are no smaller than u.

    Equal weights are ordered by their place, the earlier one counting as larger.

    >>> lamp_scores(np.array([[1.0, -2.0, 2.0]])).round(3).tolist()
    [[0.111, 1.0, 0.5]]
    """
    squares = np.square(weight.ravel())
    order = np.argsort(-squares, kind="stable")
    sums = np.cumsum(squares[order])
    scores = np.zeros(squares.size)
    np.divide(squares[order], sums, out=sums, where=sums > 0)
    scores[order] = sums
    return scores.reshape(weight.shape)
