"""What alpha to expect if pruning does nothing class-specific: reference nulls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import optimize, special

from regions.errors import ArgumentError
from regions.recall.balance import Balances, normalised
from regions.recall.estimator import Estimator
from regions.recall.ratio import Ratio, Reference

Ratios = tuple[float, ...]


@dataclass(frozen=True)
class Null(ABC):
    """What alpha is tested against: a named choice.

    Attributes
    ----------
    name, words, label : str
        The public word for it, what it says of alpha in a summary, and of the loss in a picture.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def reference(self, ratio: Ratio, ratios: Ratios, found: Balances, by: Estimator) -> Reference:
        """Return what the null predicts for the `ratio` that the estimator `by` made of `found`."""


@dataclass(frozen=True)
class One(Null):
    """No intensification, as published."""

    name = "one"
    words = "alpha = 1"
    label = "null: 1"

    def reference(self, ratio: Ratio, ratios: Ratios, found: Balances, by: Estimator) -> Reference:
        return np.ones(len(ratios))


@dataclass(frozen=True)
class Proportional(One):
    """R' = s R: balances stay as they are."""

    name = "proportional"
    words = "alpha = 1, all recalls shrinking by one factor"
    label = "null: equal relative loss"


@dataclass(frozen=True)
class Control(Null):
    """The alpha of ratio 1: networks trained further as the pruned ones were, but not pruned."""

    name = "control"
    words = "alpha of the control arm, trained further without pruning"
    label = "null: control arm"

    def reference(self, ratio: Ratio, ratios: Ratios, found: Balances, by: Estimator) -> Reference:
        if 1.0 not in ratios:
            raise ArgumentError(
                'null="control" needs ratio 1 in the table: networks trained further as the '
                f"pruned ones were, but not pruned; the ratios are {ratios}"
            )
        return ratio.select(np.full(len(ratios), ratios.index(1.0)))


@dataclass(frozen=True)
class Prediction(Null):
    """A null that predicts the pruned recalls of each model from its dense ones."""

    def reference(self, ratio: Ratio, ratios: Ratios, found: Balances, by: Estimator) -> Reference:
        return by.predicted(found, self.balances(found))

    @abstractmethod
    def balances(self, found: Balances) -> np.ndarray:
        """Return the pruned balances that the null predicts: like ``found.y``."""


@dataclass(frozen=True)
class Additive(Prediction):
    """R' = R - (A - A_t)."""

    name = "additive"
    words = "alpha if all classes lost the same recall"
    label = "null: equal loss of recall"

    def balances(self, found: Balances) -> np.ndarray:
        lost = found.accuracy_dense - found.accuracy_pruned
        return normalised(found.recall_dense - lost[..., None], found.accuracy_pruned)


@dataclass(frozen=True)
class Flips(Prediction):
    """R' = s R + (1 - s) / C: the share s of predictions is kept, the rest is guessed."""

    name = "flips"
    words = "alpha if the same share of all predictions were replaced by guesses"
    label = "null: label-blind flips"

    def balances(self, found: Balances) -> np.ndarray:
        guess = 1 / len(found.sizes)
        kept = (found.accuracy_pruned - guess) / (found.accuracy_dense - guess)
        recall = kept[..., None] * (found.recall_dense - guess) + guess
        return normalised(recall, found.accuracy_pruned)


@dataclass(frozen=True)
class LogitShift(Prediction):
    """Equal loss of log-odds; recalls of 0 and 1 count as half an image from there."""

    name = "logit_shift"
    words = "alpha if all classes lost the same log-odds"
    label = "null: equal loss of log-odds"

    def balances(self, found: Balances) -> np.ndarray:
        edge = 0.5 / (found.sizes + 1)
        inside = np.clip(found.recall_dense, edge, 1 - edge)
        accuracies = found.accuracy_pruned
        predicted = np.array(
            [
                [logit_shift(inside[m], a, found.centre) for m, a in enumerate(row)]
                for row in accuracies
            ]
        )
        return normalised(predicted, accuracies)


NULLS: Mapping[str, type[Null]] = {
    null.name: null for null in (One, LogitShift, Proportional, Additive, Flips, Control)
}


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
