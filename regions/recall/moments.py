"""Estimator "moments": the slope after subtracting what measurement noise adds to its sums.

A recall is measured on n_c images. Its error e makes sum x^2 too large, and, because dense and
pruned network see the same images, makes sum x y too large as well. Both are estimated without
bias from the correct counts and the joint correct counts and are subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from regions.recall.balance import Scale, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.estimator import Estimator, Groups
from regions.recall.noise import Overlap, covariances, noise_of
from regions.recall.predicted import Recalls, products
from regions.recall.ratio import Ratio


@dataclass(frozen=True)
class Moments(Estimator):
    """The slope without what measurement noise adds to its sums; see `moments`.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> regions.intensification(table, Moments()).estimate.round(3).tolist()
    [2.46]
    """

    name = "moments"
    words = "moments (slope corrected for measurement noise)"
    corrected = True

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        return [moments(part, scale, self.overlap) for part in leave_one_out(groups)]

    def predicted(self, recalls: Recalls, counts: Counts, scale: Scale) -> Ratio:
        return predicted_moments(recalls, counts, scale, self.overlap)

    @property
    def overlap(self) -> Overlap:
        """How the joint correctness is known."""
        return "observed"

    def limits(self) -> tuple[Estimator, ...]:
        return _Limit(supposed="most"), _Limit(supposed="independent"), _Limit(supposed="least")


@dataclass(frozen=True)
class _Limit(Moments):
    """The same with a joint correctness that is supposed, not known."""

    supposed: Overlap = "independent"

    @property
    def overlap(self) -> Overlap:
        return self.supposed


def moments(counts: Counts, scale: Scale, overlap: Overlap = "observed") -> Ratio:
    """Return (Sxy - Vxy) / (Sxx - Vxx) as a ratio of sums over models.

    Errors of the balances by the delta method, with J = (I - (1 + x) w') / A for the derivative
    of the balances by the recalls: Vxx = sum_c W_c [J diag(v) J']_cc with the unbiased
    v_c = r(1 - r) / (n_c - 1), and Vxy likewise with g_c = (r_both - r_dense r_pruned) / (n_c - 1).

    Parameters
    ----------
    overlap
        "observed" needs joint correctness. Without it only limits are known: "least" and "most"
        take, class by class, the joint correctness that makes Vxy smallest and largest;
        "independent" takes g = 0.

    Notes
    -----
    Identical predictions give exactly 1. Single models' ratios are unstable if reliability is
    low, so the sums over models are divided, never averaged ratios.
    """
    found = balances(counts, scale)
    noise = noise_of(counts, found, overlap)
    plain = found.slopes(found.y)
    return Ratio(plain.numerator - noise.shared, plain.denominator - noise.dense)


def predicted_moments(
    recalls: Recalls, counts: Counts, scale: Scale, overlap: Overlap = "observed"
) -> Ratio:
    """Return the alpha that a null predicts for the true recalls, over the same denominator."""
    found = balances(counts, scale)
    above = products(recalls, found, covariances(counts, found, overlap))
    below = moments(counts, scale, overlap).denominator
    return Ratio(above, below)
