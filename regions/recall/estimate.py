"""From a table to the contrasts that are tested: estimator, aggregate, null, groups of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.balance import Balances, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.cross_model import cross_model, pairs
from regions.recall.moments import Overlap, moments
from regions.recall.nulls import expected_balances
from regions.recall.ols import mean_of, ols, per_model, slopes
from regions.recall.options import Options
from regions.recall.ratio import Contrast, Ratio
from regions.recall.split_half import split_half
from regions.recall.table import RecallTable


@dataclass(frozen=True, eq=False)
class Estimate:
    """Contrasts of one table, and the ratios at which they cannot be computed.

    `whole` is from all images, `left_out` without each group; `reasons[ratio]` says why a ratio
    has no value.
    """

    whole: Contrast
    left_out: list[Contrast]
    reasons: dict[float, str]


def estimate(
    table: RecallTable, options: Options, rng: np.random.Generator, overlap: Overlap = "observed"
) -> Estimate:
    """Return the estimator minus what the null predicts."""
    groups = _groups(table, options, rng)
    ratios = _ratios(groups, options, rng, overlap)
    contrasts = [
        Contrast(ratio, _reference(counts, ratio, table.ratios, options))
        for counts, ratio in zip(leave_one_out(groups), ratios, strict=True)
    ]
    reasons = _reasons(table, contrasts[0], options)
    return Estimate(contrasts[0], contrasts[1:], reasons)


def _groups(table: RecallTable, options: Options, rng: np.random.Generator) -> list[Counts]:
    if options.population == "test_set":
        return [table.counts]
    if table.predictions is None:
        raise ArgumentError(
            'population="examples" resamples images, so it needs predictions '
            "(RecallTable.from_predictions); the table holds only counts"
        )
    number = options.groups
    smallest = int(table.sizes.min()) // (2 if options.estimator == "split_half" else 1)
    if smallest < number:
        raise ArgumentError(
            f"the smallest class has {int(table.sizes.min())} images, too few for {number} groups "
            f"with estimator {options.estimator!r}; give groups={max(2, smallest)} or fewer"
        )
    return table.predictions.groups(number, rng)


def _ratios(
    groups: Sequence[Counts], options: Options, rng: np.random.Generator, overlap: Overlap
) -> list[Ratio]:
    scale = options.scale
    if options.estimator == "split_half":
        return split_half(groups, scale, rng)
    parts = leave_one_out(groups)
    if options.estimator == "moments":
        return [moments(part, scale, overlap) for part in parts]
    if options.estimator == "cross_model":
        return [cross_model(part, scale) for part in parts]
    found = [ols(part, scale) for part in parts]
    return [mean_of(per_model(ratio)) for ratio in found] if options.averaged else found


def _reference(
    counts: Counts, ratio: Ratio, ratios: tuple[float, ...], options: Options
) -> Ratio | np.ndarray:
    """Return what the null predicts: ones, the control arm's ratio, or a ratio of its own."""
    if options.null in ("one", "proportional"):
        return np.ones(len(ratios))
    if options.null == "control":
        if 1.0 not in ratios:
            raise ArgumentError(
                'null="control" needs ratio 1 in the table: networks trained further as the '
                f"pruned ones were, but not pruned; the ratios are {ratios}"
            )
        return ratio.select(np.full(len(ratios), ratios.index(1.0)))
    found = balances(counts, options.scale)
    return predicted(found, expected_balances(found, counts.sizes, options.null), options)


def predicted(found: Balances, y: np.ndarray, options: Options) -> Ratio:
    """Return alpha of balances `y` that a null predicts without noise, aggregated as asked."""
    if options.estimator == "cross_model":
        return pairs(found.x, y, found.slope)
    ratio = slopes(found, y)
    return mean_of(per_model(ratio)) if options.averaged else ratio


def _reasons(table: RecallTable, contrast: Contrast, options: Options) -> dict[float, str]:
    """Return why ratios have no value."""
    signal = _no_signal(contrast.ratio, options)
    reasons = {}
    for row, ratio in enumerate(table.ratios):
        if (table.accuracy_pruned[row] == 0).any() or (table.accuracy_dense == 0).any():
            reasons[ratio] = "a network has accuracy 0, so recall relative to it is undefined"
        elif signal[row]:
            reasons[ratio] = signal[row]
        elif not np.isfinite(contrast.value[row]):
            reasons[ratio] = f"null {options.null!r} is undefined at an accuracy of 0 or 1"
    return reasons


def _no_signal(ratio: Ratio, options: Options) -> list[str]:
    """Say for each row whether the dense recalls differ by more than measurement noise."""
    if options.averaged:
        text = "all recalls of a dense network are equal, so its slope is undefined"
        return [text if np.isnan(row).any() else "" for row in ratio.numerator]
    if options.estimator == "ols":
        text = "all recalls of the dense networks are equal, so the slope is undefined"
        return ["" if total > 1e-20 else text for total in ratio.total().tolist()]
    share = ratio.denominator if ratio.denominator.ndim == 2 else ratio.denominator.sum(-1)
    half = 0.0
    if ratio.models > 1:
        half = stats.t.ppf(0.975, ratio.models - 1) * share.std(-1, ddof=1) / np.sqrt(ratio.models)
    lower = share.mean(-1) - half
    text = (
        "dense recalls do not differ by more than measurement noise (the 95 % interval of the "
        "corrected denominator reaches 0)"
    )
    return ["" if value > 1e-20 else text for value in np.asarray(lower).tolist()]
