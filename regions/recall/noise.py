"""What measurement noise adds to sums of squares and products of recall balances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from regions.errors import ArgumentError
from regions.recall.balance import Balances
from regions.recall.counts import Counts

JOINT = "correct_both, the images that both networks get right (k_both of from_counts)"
PREDICTIONS = "predictions (RecallTable.from_predictions, which regions.recall.report takes)"

Overlap = Literal["observed", "independent", "least", "most"]


@dataclass(frozen=True, eq=False)
class Covariances:
    """Unbiased variances of measured recalls, dense and pruned, and their covariance by class.

    Shapes (models, classes), and twice (ratios, models, classes).
    """

    dense: np.ndarray
    pruned: np.ndarray
    shared: np.ndarray


def covariances(counts: Counts, found: Balances, overlap: Overlap = "observed") -> Covariances:
    """Return v, u and g of the recalls; see `regions.recall.moments`."""
    r0, rt = found.recall_dense, found.recall_pruned
    joint, freedom = _joint(counts, found, overlap), counts.sizes - 1
    return Covariances(
        (r0 - r0 * r0) / freedom, (rt - rt * rt) / freedom, (joint - r0 * rt) / freedom
    )


@dataclass(frozen=True, eq=False)
class Noise:
    """What measurement noise adds to Sxx (models,), Syy and Sxy (ratios, models)."""

    dense: np.ndarray
    pruned: np.ndarray
    shared: np.ndarray


def noise_of(counts: Counts, found: Balances, overlap: Overlap = "observed") -> Noise:
    """Return Vxx, Vyy and Vxy; see `regions.recall.moments`."""
    raw = covariances(counts, found, overlap)
    left, right = 1 + found.x, 1 + found.y
    a0, at = found.accuracy_dense, found.accuracy_pruned
    dense = _propagate(raw.dense, left, left, found) / (a0 * a0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pruned = _propagate(raw.pruned, right, right, found) / (at * at)
        shared = _propagate(raw.shared, left, right, found)
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
            f"pruned networks; give {JOINT}, or {PREDICTIONS}"
        )
    return counts.both


def _derivative(found: Balances) -> np.ndarray:
    """Return the derivative of A_0 A_t Vxy by g_c."""
    w, weights = found.centre, found.slope
    left, right = 1 + found.x, 1 + found.y
    total = (weights * left * right).sum(-1)[..., None]
    return weights * (1 - w * (left + right)) + w * w * total
