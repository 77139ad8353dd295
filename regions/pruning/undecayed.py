"""Undecayed: gradient pruning without the share of weight decay in the loss."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request
from regions.pruning.loss_gradient import loss_gradient, weight_decay


def undecayed(request: Request) -> dict[str, np.ndarray]:
    """Return |-w dL/dw + weight_decay w^2| for every weight ("UP").

    Options (all needed): `inputs` and `labels`, training images; `weight_decay`; and `gradient`,
    which gradient stands for dL/dw:

    - ``"regularised"``: that of the loss with decay, as the paper's formula means it. The decay
      then cancels: |w g| with g from autograd of the cross-entropy, the first-order effect of
      zeroing the weight on the cross-entropy alone.
    - ``"data"``: g itself, |-w g + weight_decay w^2|, as in the authors' public code.

    At a minimum of the regularised loss both rank as magnitude: weight_decay w^2 and twice that.

    Source: Good et al. 2022, arXiv 2206.02976, section 4.
    """
    gradients, decay = loss_gradient(request), weight_decay(request)
    return {
        name: np.abs(decay * weight**2 - weight * gradients[name])
        for name, weight in request.weights.items()
    }
