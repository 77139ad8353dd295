"""SNIP: connection sensitivity at initialisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.pruning.criteria.loss_gradient import OnBatch
from regions.pruning.criterion import Request


@dataclass(frozen=True, eq=False)
class SNIP(OnBatch):
    """|w dL/dw| for every weight, L the cross-entropy on one batch.

    To first order, how much the loss changes if the weight becomes zero: the same numbers as
    `Gradient` with ``gradient="data"``, meant for networks before training and
    ``scope="global"``. The published scores are divided by their sum, which changes no order.
    Batch normalisation uses its running statistics, which before training do not normalise.

    Attributes
    ----------
    inputs, labels : array
        One batch of training images and their integer classes.

    Source: Lee, Ajanthan and Torr 2019, arXiv 1810.02340.
    """

    name = "snip"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        gradients = self.data_gradient(request)
        return {name: np.abs(weight * gradients[name]) for name, weight in request.weights.items()}
