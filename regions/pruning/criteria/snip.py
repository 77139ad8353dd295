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
    `Gradient` with ``gradient="data"`` and `Undecayed` with ``gradient="regularised"``, meant for
    networks before training. The published scores are divided by their sum, which changes no
    order; they rank all layers together, the output layer included: ``scope="global",
    prune_output=True``.

    Attributes
    ----------
    inputs, labels : array
        One batch of training images and their integer classes.
    batch_norm : {"batch", "running"}
        Whose statistics batch normalisation takes (see `OnBatch`); "batch" as in public code.

    Source: Lee, Ajanthan and Torr 2019, arXiv 1810.02340.
    """

    name = "snip"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        gradients = self.data_gradient(request)
        return {name: np.abs(weight * gradients[name]) for name, weight in request.weights.items()}
