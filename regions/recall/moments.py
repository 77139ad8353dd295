"""Estimator "moments": the slope after subtracting what measurement noise adds to its sums.

A recall is measured on n_c images. Its error e makes sum x^2 too large, and, because dense and
pruned network see the same images, makes sum x y too large as well. Both are estimated without
bias from the correct counts and the joint correct counts and are subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from regions.errors import ArgumentError
from regions.recall.balance import Balances, Scale, balances
from regions.recall.counts import Counts, leave_one_out
from regions.recall.estimator import Estimator, Groups
from regions.recall.ratio import Ratio

Overlap = Literal["observed", "independent", "least", "most"]


@dataclass(frozen=True)
class Moments(Estimator):
    """The slope without what measurement noise adds to its sums; see `moments`."""

    name = "moments"
    words = "moments (slope corrected for measurement noise)"

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        return [moments(part, scale) for part in leave_one_out(groups)]

    def limits(self) -> tuple[Estimator, ...]:
        return _Limit(overlap="most"), _Limit(overlap="independent"), _Limit(overlap="least")


@dataclass(frozen=True)
class _Limit(Moments):
    """The same with a joint correctness that is supposed, not known."""

    overlap: Overlap = "independent"

    def ratios(self, groups: Groups, scale: Scale, rng: Generator) -> list[Ratio]:
        return [moments(part, scale, self.overlap) for part in leave_one_out(groups)]


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


@dataclass(frozen=True, eq=False)
class Noise:
    """What measurement noise adds to Sxx (models,), Syy and Sxy (ratios, models)."""

    dense: np.ndarray
    pruned: np.ndarray
    shared: np.ndarray


def noise_of(counts: Counts, found: Balances, overlap: Overlap = "observed") -> Noise:
    """Return Vxx, Vyy and Vxy; see `moments`."""
    r0, rt = found.recall_dense, found.recall_pruned
    joint = _joint(counts, found, overlap)
    freedom = counts.sizes - 1
    relative = 1 + found.x, 1 + found.y
    a0, at = found.accuracy_dense, found.accuracy_pruned
    dense = _propagate((r0 - r0 * r0) / freedom, relative[0], relative[0], found) / (a0 * a0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pruned = _propagate((rt - rt * rt) / freedom, relative[1], relative[1], found) / (at * at)
        shared = _propagate((joint - r0 * rt) / freedom, relative[0], relative[1], found)
        return Noise(dense, pruned, shared / (a0 * at))


def _propagate(v: np.ndarray, left: np.ndarray, right: np.ndarray, found: Balances) -> np.ndarray:
    """Return sum_c W_c [(I - left w') diag(v) (I - right w')']_cc."""
    w, weights = found.centre, found.slope
    spread = (w * w * v).sum(-1)[..., None]
    return (weights * (v - w * v * (left + right) + left * right * spread)).sum(-1)


def _joint(counts: Counts, found: Balances, overlap: Overlap) -> np.ndarray:
    r0, rt = found.recall_dense, found.recall_pruned
    if overlap == "observed":
        return require_both(counts) / counts.sizes
    if overlap == "independent":
        return r0 * rt
    low, high = np.maximum(0, r0 + rt - 1), np.minimum(r0, rt)
    most = high if overlap == "most" else low
    least = low if overlap == "most" else high
    return np.where(_derivative(found) >= 0, most, least)


def require_both(counts: Counts) -> np.ndarray:
    """Return the joint correct counts, or refuse if they are unknown."""
    if counts.both is None:
        raise ArgumentError(
            "joint correctness is unknown: the table has only the counts of the dense and of the "
            "pruned networks; give k_both (images that both get right), or predictions"
        )
    return counts.both


def _derivative(found: Balances) -> np.ndarray:
    """Return the derivative of A_0 A_t Vxy by g_c."""
    w, weights = found.centre, found.slope
    left, right = 1 + found.x, 1 + found.y
    total = (weights * left * right).sum(-1)[..., None]
    return weights * (1 - w * (left + right)) + w * w * total
