"""What alpha to expect if pruning does nothing class-specific: reference nulls.

Examples
--------
>>> from regions.recall import NULLS
>>> sorted(NULLS)
['additive', 'control', 'flips', 'logit_shift', 'one', 'proportional']
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from regions.arguments import check_numbers, is_number
from regions.errors import ArgumentError
from regions.recall.balance import Balances, Scale, normalised
from regions.recall.counts import Counts
from regions.recall.estimator import Estimator
from regions.recall.ratio import Ratio, Reference

Ratios = tuple[float, ...]

# of log-odds: limits of the search for a shift, and when it ends
_FARTHEST = 60.0
_NEAR = 1e-13
_MOST_STEPS = 200


@dataclass(frozen=True)
class Null(ABC):
    """What alpha is tested against: a named choice.

    Attributes
    ----------
    name, words, label : str
        The public word for it, what it says of alpha in a summary, and of the loss in a picture.
    undefined : str
        Where it predicts nothing.

    Examples
    --------
    >>> sorted(NULLS), NULLS["one"]().words
    (['additive', 'control', 'flips', 'logit_shift', 'one', 'proportional'], 'alpha = 1')
    """

    name: ClassVar[str]
    words: ClassVar[str]
    label: ClassVar[str]
    undefined: ClassVar[str] = "is undefined at an accuracy of 0 or 1"

    @abstractmethod
    def reference(
        self, ratio: Ratio, ratios: Ratios, counts: Counts, scale: Scale, by: Estimator
    ) -> Reference:
        """Return what the null predicts for the `ratio` that estimator `by` made of `counts`."""


@dataclass(frozen=True)
class One(Null):
    """No intensification, as published."""

    name = "one"
    words = "alpha = 1"
    label = "null: 1"

    def reference(
        self, ratio: Ratio, ratios: Ratios, counts: Counts, scale: Scale, by: Estimator
    ) -> Reference:
        return np.ones(len(ratios))


@dataclass(frozen=True)
class Proportional(One):
    """R' = s R: balances stay as they are."""

    name = "proportional"
    words = "alpha = 1, all recalls shrinking by one factor"
    label = "null: equal relative loss"

    def reference(
        self, ratio: Ratio, ratios: Ratios, counts: Counts, scale: Scale, by: Estimator
    ) -> Reference:
        if by.diluted:
            raise by.incomparable()
        return super().reference(ratio, ratios, counts, scale, by)


@dataclass(frozen=True)
class Control(Null):
    """The alpha of ratio 1: networks trained further as the pruned ones were, but not pruned."""

    name = "control"
    words = "alpha of the control arm (rows of ratio 1), trained further without pruning"
    label = "null: control arm"

    def reference(
        self, ratio: Ratio, ratios: Ratios, counts: Counts, scale: Scale, by: Estimator
    ) -> Reference:
        if 1.0 not in ratios:
            raise ArgumentError(
                'null="control" needs ratio 1 in the table: networks trained further as the '
                f"pruned ones were, but not pruned; the ratios are {ratios}"
            )
        return ratio.select(np.full(len(ratios), ratios.index(1.0)))


@dataclass(frozen=True)
class Prediction(Null):
    """A null that predicts the pruned recalls of each model from its dense ones."""

    def reference(
        self, ratio: Ratio, ratios: Ratios, counts: Counts, scale: Scale, by: Estimator
    ) -> Reference:
        return by.predicted(self.recalls, counts, scale)

    @abstractmethod
    def recalls(self, recall: np.ndarray, accuracy: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the pruned recalls that the null predicts.

        Parameters
        ----------
        recall : array, (..., classes)
            Dense.
        accuracy : array, (...)
            Pruned; NaN results where it cannot be reached.
        weights : array, (classes,)
            Of the accuracy.
        """

    def balances(self, found: Balances) -> np.ndarray:
        """Return the pruned balances that the measured recalls predict: like ``found.y``."""
        accuracy = found.accuracy_pruned
        recall = np.broadcast_to(found.recall_dense, found.y.shape)
        return normalised(self.recalls(recall, accuracy, found.centre), accuracy)


@dataclass(frozen=True)
class Additive(Prediction):
    """R' = R - (A - A_t)."""

    name = "additive"
    words = "alpha if all classes lost the same recall"
    label = "null: equal loss of recall"

    def recalls(self, recall: np.ndarray, accuracy: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return recall - (recall @ weights - accuracy)[..., None]


@dataclass(frozen=True)
class Flips(Prediction):
    """R' = s R + (1 - s) / C: the share s of predictions is kept, the rest is guessed.

    Undefined where a dense accuracy is 1 / C, as guesses change nothing there.
    """

    name = "flips"
    words = "alpha if the same share of all predictions were replaced by guesses"
    label = "null: predictions replaced by guesses"
    undefined = "is undefined where dense networks only guess (accuracy 1 / classes), or at 0"

    def recalls(self, recall: np.ndarray, accuracy: np.ndarray, weights: np.ndarray) -> np.ndarray:
        guess = 1 / len(weights)
        above = recall @ weights - guess
        kept = (accuracy - guess) / np.where(np.abs(above) > 1e-12, above, np.nan)
        return kept[..., None] * (recall - guess) + guess


@dataclass(frozen=True)
class LogitShift(Prediction):
    """Equal loss of log-odds; recalls of 0 and 1 stay."""

    name = "logit_shift"
    words = "alpha if all classes lost the same log-odds"
    label = "null: equal loss of log-odds"

    def recalls(self, recall: np.ndarray, accuracy: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return _equally_shifted(recall, accuracy, weights)


NULLS: Mapping[str, type[Null]] = {
    null.name: null for null in (One, LogitShift, Proportional, Additive, Flips, Control)
}


def logit_shift(
    recall: ArrayLike, accuracy: ArrayLike, weights: ArrayLike | None = None
) -> np.ndarray:
    """Return the recalls after all classes lose the same log-odds and the mean is `accuracy`.

    R'_c = expit(logit R_c - d) = s R_c / (1 - R_c + s R_c) with s = exp(-d), and d solved so that
    sum_c w_c R'_c = accuracy.

    Parameters
    ----------
    recall : array, (..., classes)
        Inside [0, 1]; 0 and 1 stay what they are.
    accuracy : float or array, (...)
        Inside [0, 1]. NaN results where no shift reaches it.
    weights : array, optional
        Of the mean, at least 0 and summing to 1; equal by default.

    Raises
    ------
    ArgumentError
        If one of these is no array of such numbers, or shapes differ.

    Examples
    --------
    >>> logit_shift(np.array([0.95, 0.9, 0.85, 0.8]), 0.8120185).round(4).tolist()
    [0.9202, 0.8452, 0.7746, 0.7081]
    """
    recall = check_numbers(recall, "recall", least=0, most=1)
    number = np.atleast_1d(accuracy) if is_number(accuracy) else accuracy
    wanted = check_numbers(number, "accuracy", least=0, most=1)
    wanted = wanted[0] if is_number(accuracy) else wanted
    classes = recall.shape[-1]
    w = np.full(classes, 1 / classes) if weights is None else check_numbers(weights, "weights")
    if w.shape != (classes,) or w.min() < 0 or abs(w.sum() - 1) > 1e-9:
        raise ArgumentError(f"weights must be {classes} numbers >= 0 that sum to 1; got {weights}")
    if np.ndim(wanted) and np.shape(wanted) != recall.shape[:-1]:
        raise ArgumentError(
            f"accuracy has shape {np.shape(wanted)}; expected a number or {recall.shape[:-1]}, as "
            "recall without its classes"
        )
    return _equally_shifted(recall, wanted, w)


def _equally_shifted(recall: np.ndarray, accuracy: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the same of numbers that may be measured ones, a little outside of [0, 1]."""
    wanted = np.broadcast_to(accuracy, recall.shape[:-1])
    low, high = (np.full(wanted.shape, bound) for bound in (-_FARTHEST, _FARTHEST))
    shift = np.zeros(wanted.shape)
    for _ in range(_MOST_STEPS):
        shifted = _shifted(recall, shift)
        gap = shifted @ w - wanted
        low, high = np.where(gap > 0, shift, low), np.where(gap > 0, high, shift)
        fall = (shifted * (1 - shifted)) @ w
        newton = shift + gap / np.where(fall > 0, fall, np.nan)
        inside = (newton > low) & (newton < high)
        moved = np.where(inside, newton, (low + high) / 2)
        done = np.nanmax(np.abs(moved - shift), initial=0.0) < _NEAR
        shift = moved
        if done:
            break
    shifted = _shifted(recall, shift)
    reached = (wanted > 0) & (wanted < 1) & (np.abs(shifted @ w - wanted) < 1e-9)
    return np.where(reached[..., None], shifted, np.nan)


def _shifted(recall: np.ndarray, shift: np.ndarray) -> np.ndarray:
    kept = np.exp(-shift)[..., None] * recall
    below = 1 - recall + kept
    return kept / np.where(below != 0, below, np.nan)
