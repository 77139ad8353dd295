"""Predictions of a null from noisy recalls, without the bias that noise adds to a curved function.

A null predicts pruned recalls from z = (dense recalls, pruned accuracy) of a model, and z is
measured. The mean of a curved function of measurements is not the function of their mean. So the
function is expanded to second order about the mean of z over models, where noise is smallest; of
this quadratic the bias is known, because the covariance of the measurement is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regions.recall.balance import Balances, normalised
from regions.recall.noise import Covariances

Recalls = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Pruned recalls (..., classes) from dense recalls, pruned accuracies (...) and centre weights."""

# of the differences that stand for derivatives: error about _STEP^2 of the fourth derivative
_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class _Curves:
    """Value at the mean of z, and first and second derivatives along directions."""

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray


def products(recalls: Recalls, found: Balances, noise: Covariances) -> np.ndarray:
    """Return sum_c W_c x_c f_c of each model without the bias of noise: (ratios, models).

    f is the balance that the null predicts.
    """

    def summed(recall: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
        x = normalised(recall, recall @ found.centre)
        f = normalised(recalls(recall, accuracy, found.centre), accuracy)
        return (found.slope * x * f).sum(-1)

    return _without_noise(summed, found, noise)


def means(recalls: Recalls, found: Balances, noise: Covariances) -> np.ndarray:
    """Return the balances that the null predicts for each model: (ratios, models, classes).

    Their mean over models is without the bias of noise; the spread of the models themselves, which
    moves the mean of a curved prediction too, stays.
    """

    def balance(recall: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
        return normalised(recalls(recall, accuracy, found.centre), accuracy)

    return _without_noise(balance, found, noise)


def _without_noise(function: Callable, found: Balances, noise: Covariances) -> np.ndarray:
    """Return a function of each model's z, to second order, minus tr(H V) / 2.

    H are its second derivatives, (classes + 1)^2, and V is the covariance of the measured z.
    """
    models, classes = found.y.shape[1:]
    w, own = found.centre, _deviations(found)
    units = np.eye(classes, classes + 1)
    last = np.zeros((1, classes + 1))
    last[0, -1] = 1.0
    axes = np.concatenate([units, units + last, last])
    axes = np.broadcast_to(axes, (len(own), *axes.shape))
    curves = _expanded(function, found, np.concatenate([own, axes], axis=1))
    along, by_axis = curves.curvature[:, :models], curves.curvature[:, models:]
    by_class, with_last, by_accuracy = np.split(by_axis, [classes, 2 * classes], axis=1)
    mixed = (with_last - by_class - by_accuracy) / 2
    dense = np.broadcast_to(noise.dense, noise.shared.shape)
    bias = np.einsum("rc...,rmc->rm...", by_class, dense)
    bias += 2 * np.einsum("rc...,rmc->rm...", mixed, w * noise.shared)
    bias += np.einsum("r...,rm->rm...", by_accuracy[:, 0], (w * w * noise.pruned).sum(-1))
    return curves.value + curves.slope[:, :models] + (along - bias) / 2


def _deviations(found: Balances) -> np.ndarray:
    """Return z of each model minus its mean: (ratios, models, classes + 1)."""
    recall = found.recall_dense - found.recall_dense.mean(-2, keepdims=True)
    accuracy = found.accuracy_pruned - found.accuracy_pruned.mean(-1, keepdims=True)
    recall = np.broadcast_to(recall, found.y.shape)
    return np.concatenate([recall, accuracy[..., None]], axis=-1)


def _expanded(function: Callable, found: Balances, directions: np.ndarray) -> _Curves:
    """Expand a function about the mean of z, along (ratios, k, classes + 1)."""
    recall = found.recall_dense.mean(-2, keepdims=True)
    accuracy = found.accuracy_pruned.mean(-1)[:, None]
    length = np.abs(directions).max(-1)
    # no direction, no derivative: an infinite step divides what rounding leaves
    step = np.where(length > 0, _STEP / np.where(length > 0, length, 1.0), np.inf)
    moved = np.where(length > 0, step, 0.0)[..., None] * directions
    at = function(np.broadcast_to(recall, (len(accuracy), *recall.shape[-2:])), accuracy)
    above = function(recall + moved[..., :-1], accuracy + moved[..., -1])
    below = function(recall - moved[..., :-1], accuracy - moved[..., -1])
    step = step.reshape(step.shape + (1,) * (above.ndim - step.ndim))
    return _Curves(at, (above - below) / (2 * step), (above - 2 * at + below) / step**2)
