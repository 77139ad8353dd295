"""SNIP: connection sensitivity at initialisation."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request
from regions.pruning.loss_gradient import data_gradient


def snip(request: Request) -> dict[str, np.ndarray]:
    """Return |w dL/dw| for every weight, L the cross-entropy on one batch.

    To first order, how much the loss changes if the weight becomes zero: the same numbers as
    criterion ``"gradient"`` with ``gradient="data"``, meant for networks before training and
    ``scope="global"``. The published scores are divided by their sum, which changes no order.
    Batch normalisation uses its running statistics, which before training do not normalise.

    Options (all needed): `inputs` and `labels`, one batch of training images.

    Source: Lee, Ajanthan and Torr 2019, arXiv 1810.02340.
    """
    gradients = data_gradient(request)
    return {name: np.abs(weight * gradients[name]) for name, weight in request.weights.items()}
