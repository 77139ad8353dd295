"""Recall balance: how far each class's recall is from the accuracy, relative to the accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from regions.recall.counts import Counts
from regions.recall.ratio import Ratio

Center = Literal["accuracy", "balanced_accuracy"]
Weights = Literal["size", "equal"]


@dataclass(frozen=True)
class Scale:
    """Where balances are centred and how classes are weighted in slopes.

    With equal class sizes all choices agree. Otherwise the weighted balances sum to zero only for
    ("accuracy", "size") and ("balanced_accuracy", "equal").
    """

    center: Center = "accuracy"
    weights: Weights = "size"

    def centre_weights(self, sizes: np.ndarray) -> np.ndarray:
        """Return w with A = sum_c w_c R^c, summing to 1: n_c / N or 1 / C."""
        return sizes / sizes.sum() if self.center == "accuracy" else _equal(sizes) / len(sizes)

    def slope_weights(self, sizes: np.ndarray) -> np.ndarray:
        """Return the weights of the classes in a slope, of mean 1: C n_c / N or 1."""
        return len(sizes) * sizes / sizes.sum() if self.weights == "size" else _equal(sizes)


def _equal(sizes: np.ndarray) -> np.ndarray:
    return np.ones(len(sizes))


@dataclass(frozen=True, eq=False)
class Balances:
    """Normalised recall balances and what they were made from.

    Attributes
    ----------
    x : array, (models, classes)
        Dense: Bn_1^c = R_1^c / A_1 - 1.
    y : array, (ratios, models, classes)
        Pruned: Bn_t^c = R_t^c / A_t - 1.
    recall_dense, recall_pruned
        R, of the same shapes.
    accuracy_dense, accuracy_pruned
        A, the centre: (models,) and (ratios, models).
    sizes, centre, slope
        Test images of the classes, and their weights in the centre and in slopes.
    """

    x: np.ndarray
    y: np.ndarray
    recall_dense: np.ndarray
    recall_pruned: np.ndarray
    accuracy_dense: np.ndarray
    accuracy_pruned: np.ndarray
    sizes: np.ndarray
    centre: np.ndarray
    slope: np.ndarray

    def slopes(self, y: np.ndarray) -> Ratio:
        """Return the slope through the origin of balances `y`, (ratios, models, classes), on x."""
        squares = np.broadcast_to((self.slope * self.x * self.x).sum(-1), y.shape[:2])
        return Ratio((self.slope * self.x * y).sum(-1), squares.copy())


def balances(counts: Counts, scale: Scale) -> Balances:
    """Return the normalised recall balances of all models; NaN where an accuracy is zero.

    Source: Good et al. 2022, arXiv 2206.02976, section 3.
    """
    centre = scale.centre_weights(counts.sizes)
    dense, pruned = counts.dense / counts.sizes, counts.pruned / counts.sizes
    accuracy_dense, accuracy_pruned = dense @ centre, pruned @ centre
    return Balances(
        x=normalised(dense, accuracy_dense),
        y=normalised(pruned, accuracy_pruned),
        recall_dense=dense,
        recall_pruned=pruned,
        accuracy_dense=accuracy_dense,
        accuracy_pruned=accuracy_pruned,
        sizes=counts.sizes,
        centre=centre,
        slope=scale.slope_weights(counts.sizes),
    )


def normalised(recall: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Return R / A - 1 along the last axis; NaN where A is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = recall / np.where(accuracy > 0, accuracy, np.nan)[..., None] - 1
    # equal recalls must give exactly zero, not the rounding of A
    return np.where(np.abs(relative) < 1e-13, 0.0, relative)
