"""Estimator "split_half": dense balances from one half of the images, pruned from the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from regions.arguments import check_whole
from regions.errors import ArgumentError
from regions.recall.balance import Scale, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.estimator import Estimator, Groups
from regions.recall.moments import predicted_moments
from regions.recall.noise import require_both
from regions.recall.predicted import Recalls
from regions.recall.ratio import Ratio


@dataclass(frozen=True)
class SplitHalf(Estimator):
    """sum (x_a y_b + x_b y_a) / sum 2 x_a x_b over models and random halves a, b.

    Errors in different halves are independent, so the slope is not diluted (an instrumental
    variable). Images of a class are exchangeable, so halves are drawn from the counts: how many
    of the images that both, one or none of the networks get right fall into half a. Each group of
    images is halved by itself, so that one group can be left out without drawing again.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> result = regions.intensification(table, SplitHalf(splits=5))
    >>> result.options.estimator.splits
    5
    """

    name = "split_half"
    corrected = True
    words = "split_half (dense and pruned recalls from different halves of the images)"
    least_images = 2

    splits: int = 20
    """How often the images are halved."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self.splits, "splits")

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        for group in groups:
            if group.sizes.min() < self.least_images:
                raise ArgumentError(
                    f"split_half needs at least 2 images of each class in each of its "
                    f"{len(groups)} groups of images; a class has {group.sizes.min()}"
                )
        found: list[Ratio] = []
        for _ in range(self.splits):
            halves = [_half(group, rng) for group in groups]
            others = [group - half for group, half in zip(groups, halves, strict=True)]
            sums = [
                _products(a, b, scale)
                for a, b in zip(leave_one_out(halves), leave_one_out(others), strict=True)
            ]
            found = [s + t for s, t in zip(found, sums, strict=True)] if found else sums
        return found

    def predicted(self, recalls: Recalls, counts: Counts, scale: Scale) -> Ratio:
        # a prediction needs no second half: the bias of noise is subtracted
        return predicted_moments(recalls, counts, scale)


def _half(counts: Counts, rng: Generator) -> Counts:
    """Return the counts of a random half of each class's images, drawn for each model and ratio.

    The dense counts then differ between ratios: they get the shape (ratios, models, classes).
    """
    both = require_both(counts)
    left = np.broadcast_to(counts.sizes, both.shape)
    size = to_draw = counts.sizes // 2
    drawn = []
    for kind in (both, counts.dense - both, counts.pruned - both):
        left = left - kind
        drawn.append(rng.hypergeometric(kind, left, to_draw))
        to_draw = to_draw - drawn[-1]
    return Counts(size, drawn[0] + drawn[1], drawn[0] + drawn[2], drawn[0])


def _products(a: Counts, b: Counts, scale: Scale) -> Ratio:
    first, second = balances(a, scale), balances(b, scale)
    weights = first.slope
    across = first.x * second.y + second.x * first.y
    return Ratio((weights * across).sum(-1), 2 * (weights * first.x * second.x).sum(-1))
