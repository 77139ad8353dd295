"""Estimator "ols": the slope through the origin, as published; diluted by measurement noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from regions.recall.balance import Scale, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.estimator import Estimator, Groups
from regions.recall.ratio import NOTHING, Ratio


@dataclass(frozen=True)
class OLS(Estimator):
    """The published slope of pruned on dense balances, not corrected for measurement noise.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> regions.intensification(table, OLS(aggregate="pooled")).estimate.round(3).tolist()
    [2.42]
    """

    name = "ols"
    words = "ols (published slope through the origin, not corrected for measurement noise)"
    diluted = True
    averages = True

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        return [self._aggregated(ols(part, scale)) for part in leave_one_out(groups)]

    def silent(self, ratio: Ratio) -> tuple[np.ndarray, str]:
        if self.averaged:
            undefined = np.asarray(np.isnan(ratio.numerator).any(-1))
            return undefined, "all recalls of a dense network are equal, so its slope is undefined"
        none = ~(ratio.total() > NOTHING)
        return none, "all recalls of the dense networks are equal, so the slope is undefined"

    def _aggregated(self, ratio: Ratio) -> Ratio:
        return ratio.averaged() if self.averaged else ratio


def ols(counts: Counts, scale: Scale) -> Ratio:
    """Return sum_c W_c x_c y_c / sum_c W_c x_c^2 for each model, as a ratio of sums over models.

    Source: Good et al. 2022, arXiv 2206.02976: alpha_t(m) for one model, the slopes printed in
    its scatter plots for all models together.
    """
    found = balances(counts, scale)
    return found.slopes(found.y)
