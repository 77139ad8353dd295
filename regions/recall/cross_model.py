"""Estimator "cross_model": do classes that are hard for dense models on average fall further?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from regions.recall.balance import Scale, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.estimator import Estimator, Groups
from regions.recall.noise import covariances
from regions.recall.predicted import Recalls, means
from regions.recall.ratio import Ratio


@dataclass(frozen=True)
class CrossModel(Estimator):
    """sum_c sum_{m != m'} x_mc y_m'c / sum_c sum_{m != m'} x_mc x_m'c.

    The dense balance of one model is compared with the pruned balances of the others, so what is
    particular to one seed cancels: no regression to the mean over seeds, and no noise of one
    model's measurement. Noise of the images themselves, shared by all models, stays: alpha is
    that of the models' mean recalls on these images. A null predicts the recalls of each model,
    whose mean over models is compared; where joint correctness is unknown, errors of a dense
    recall and of the pruned accuracy are taken as independent. In simulations of equal loss of
    log-odds (10 to 100 models, recalls .75 to .99, 20 to 1,000 images a class, models alike or
    .25 apart in log-odds) it rejects in .009 to .033 a side, nominal .025.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> regions.intensification(table, CrossModel()).estimate.round(3).tolist()
    [2.461]
    """

    name = "cross_model"
    words = "cross_model (dense and pruned recalls from different models)"

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        parts = [balances(part, scale) for part in leave_one_out(groups)]
        return [pairs(found.x, found.y, found.slope) for found in parts]

    def predicted(self, recalls: Recalls, counts: Counts, scale: Scale) -> Ratio:
        found = balances(counts, scale)
        overlap = "independent" if counts.both is None else "observed"
        noise = covariances(counts, found, overlap)
        return pairs(found.x, means(recalls, found, noise), found.slope)


def pairs(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Ratio:
    """Return the sums over pairs of different models, for `Ratio`."""
    different = 1.0 - np.eye(y.shape[1])
    x = np.broadcast_to(x, y.shape)
    across = (weights * x) @ np.swapaxes(y, -1, -2)
    return Ratio(across * different, (weights * x) @ np.swapaxes(x, -1, -2) * different)
