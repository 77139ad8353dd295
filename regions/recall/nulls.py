"""What alpha to expect if pruning does nothing class-specific: reference nulls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, special

from regions.recall.balance import Balances, normalised

NULLS = ("one", "proportional", "additive", "logit_shift", "flips", "control")


def logit_shift(
    recall: np.ndarray, accuracy: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the recalls after all classes lose the same log-odds and the mean is `accuracy`.

    R'_c = expit(logit R_c - d), with d solved so that sum_c w_c R'_c = accuracy.

    Parameters
    ----------
    recall : array, (classes,)
        Inside (0, 1).
    accuracy : float
        Inside (0, 1), otherwise the result is NaN.
    weights : array, optional
        Of the mean, summing to 1; equal by default.

    Examples
    --------
    >>> logit_shift(np.array([0.95, 0.9, 0.85, 0.8]), 0.8120185).round(4).tolist()
    [0.9202, 0.8452, 0.7746, 0.7081]
    """
    recall = np.asarray(recall, dtype=float)
    w = np.full(len(recall), 1 / len(recall)) if weights is None else weights
    if not 0 < accuracy < 1:
        return np.full(len(recall), np.nan)
    odds = special.logit(recall)
    # at d = max(odds) - logit(accuracy) every recall is at most the accuracy, and vice versa
    low, high = odds.min() - special.logit(accuracy), odds.max() - special.logit(accuracy)
    shift = low
    if high > low:

        def gap(d: float) -> float:
            return float(w @ special.expit(odds - d)) - accuracy

        shift = float(optimize.brentq(gap, low - 1e-9, high + 1e-9, xtol=1e-14))  # type: ignore[arg-type]
    return special.expit(odds - shift)


def expected_balances(found: Balances, sizes: np.ndarray, null: str) -> np.ndarray:
    """Return the pruned balances that `null` predicts from the dense recalls: like ``found.y``."""
    return _PREDICTIONS[null](found, sizes)


def _proportional(found: Balances, sizes: np.ndarray) -> np.ndarray:
    """R' = s R."""
    return np.broadcast_to(found.x, found.y.shape)


def _additive(found: Balances, sizes: np.ndarray) -> np.ndarray:
    """R' = R - (A - A_t)."""
    lost = found.accuracy_dense - found.accuracy_pruned
    return normalised(found.recall_dense - lost[..., None], found.accuracy_pruned)


def _flips(found: Balances, sizes: np.ndarray) -> np.ndarray:
    """R' = s R + (1 - s) / C: the share s of predictions is kept, the rest is guessed."""
    guess = 1 / len(sizes)
    kept = (found.accuracy_pruned - guess) / (found.accuracy_dense - guess)
    return normalised(kept[..., None] * (found.recall_dense - guess) + guess, found.accuracy_pruned)


def _logit_shift(found: Balances, sizes: np.ndarray) -> np.ndarray:
    """Equal loss of log-odds; recalls of 0 and 1 count as half an image from there."""
    edge = 0.5 / (sizes + 1)
    inside = np.clip(found.recall_dense, edge, 1 - edge)
    accuracies = found.accuracy_pruned
    predicted = np.array(
        [[logit_shift(inside[m], a, found.centre) for m, a in enumerate(row)] for row in accuracies]
    )
    return normalised(predicted, accuracies)


_PREDICTIONS: dict[str, Callable[[Balances, np.ndarray], np.ndarray]] = {
    "proportional": _proportional,
    "additive": _additive,
    "flips": _flips,
    "logit_shift": _logit_shift,
}
