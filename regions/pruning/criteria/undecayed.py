"""Undecayed: gradient pruning without the share of weight decay in the loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.pruning.criteria.loss_gradient import WithDecay
from regions.pruning.criterion import Request


@dataclass(frozen=True, eq=False)
class Undecayed(WithDecay):
    """|-w dL/dw + weight_decay w^2| for every weight ("UP").

    Attributes
    ----------
    inputs, labels : array
        Training images and their classes.
    batch_norm : {"batch", "running"}
        Whose statistics batch normalisation takes (see `OnBatch`); "batch" as in public code.
    weight_decay : float
        Of the training.
    gradient : {"regularised", "data"}
        Which gradient stands for dL/dw:

        - ``"regularised"``: that of the loss with decay, as the paper's formula means it. The
          decay then cancels: |w g| with g from autograd of the cross-entropy, the first-order
          effect of zeroing the weight on the cross-entropy alone.
        - ``"data"``: g itself, |-w g + weight_decay w^2|, as in the authors' public code.

    At a minimum of the regularised loss both rank as magnitude: weight_decay w^2 and twice that.

    Source: Good et al. 2022, arXiv 2206.02976, section 4.
    """

    name = "undecayed"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        gradients = self.loss_gradient(request)
        return {
            name: np.abs(self.weight_decay * weight**2 - weight * gradients[name])
            for name, weight in request.weights.items()
        }
