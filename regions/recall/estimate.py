"""From a table to the contrasts that are tested: estimator, aggregate, null, groups of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.errors import ArgumentError
from regions.recall.counts import Counts, leave_one_out
from regions.recall.noise import JOINT
from regions.recall.options import Options
from regions.recall.ratio import Contrast
from regions.recall.table import RecallTable

WITHIN_BOUNDS = (
    f"alpha is known only within bounds (joint correctness is unknown); give {JOINT}, or "
    'estimator="ols"'
)
GROUPS = 50
"""Groups of images that are left out in turn, if every class has as many images."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Contrasts of one table, and the ratios at which they cannot be computed.

    `whole` is from all images, `left_out` without each group; `reasons[ratio]` says why a ratio
    has no value.
    """

    whole: Contrast
    left_out: list[Contrast]
    reasons: dict[float, str]


def estimate(table: RecallTable, options: Options, rng: np.random.Generator) -> Estimate:
    """Return the estimator minus what the null predicts."""
    groups, scale = _groups(table, options, rng), options.scale
    ratios = options.estimator.ratios(groups, scale, rng)
    contrasts = [
        Contrast(ratio, options.null.reference(ratio, table.ratios, part, scale, options.estimator))
        for part, ratio in zip(leave_one_out(groups), ratios, strict=True)
    ]
    reasons = _reasons(table, contrasts[0], options)
    return Estimate(contrasts[0], contrasts[1:], reasons)


def estimate_known(
    table: RecallTable, options: Options, rng: np.random.Generator
) -> tuple[Estimate, Options]:
    """Return the estimate by these options where it is a number, and the options settled.

    Raises
    ------
    ArgumentError
        If alpha is known only within bounds.
    """
    chosen = options.settled(table.predictions is not None)
    if table.both is None and chosen.estimator.limits():
        raise ArgumentError(WITHIN_BOUNDS)
    return estimate(table, chosen, rng), chosen


def _groups(table: RecallTable, options: Options, rng: np.random.Generator) -> list[Counts]:
    if options.population != "examples":
        return [table.counts]
    if table.predictions is None:
        raise ArgumentError(
            'population="examples" resamples images, so it needs predictions '
            "(RecallTable.from_predictions); the table holds only counts"
        )
    smallest = int(table.sizes.min()) // options.estimator.least_images
    number = options.groups or max(2, min(GROUPS, smallest))
    if smallest < number:
        raise ArgumentError(
            f"the smallest class has {int(table.sizes.min())} images, too few for {number} groups "
            f"with estimator {options.estimator.name!r}; give groups={max(2, smallest)} or fewer"
        )
    if int(table.sizes.min()) - -(-int(table.sizes.min()) // number) < 2:
        raise ArgumentError(
            f"the smallest class has {int(table.sizes.min())} images, too few to leave out any; "
            'give more images, or population="independent" (of ols and cross_model "test_set")'
        )
    return table.predictions.groups(number, rng)


def _reasons(table: RecallTable, contrast: Contrast, options: Options) -> dict[float, str]:
    """Return why ratios have no value."""
    silent, why = options.estimator.silent(contrast.ratio)
    reasons = {}
    for row, ratio in enumerate(table.ratios):
        if (table.accuracy_pruned[row] == 0).any() or (table.accuracy_dense == 0).any():
            reasons[ratio] = "a network has accuracy 0, so recall relative to it is undefined"
        elif silent[row]:
            reasons[ratio] = why
        elif not np.isfinite(contrast.value[row]):
            reasons[ratio] = f"null {options.null.name!r} {options.null.undefined}"
    return reasons
