"""Gradient: to first order, how much the loss changes if the weight becomes zero."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request
from regions.pruning.loss_gradient import loss_gradient


def gradient(request: Request) -> dict[str, np.ndarray]:
    """Return |w dL/dw| for every weight ("GP").

    Options (all needed): `inputs` and `labels`, training images; `weight_decay`; and `gradient`,
    which loss is meant:

    - ``"regularised"``: L = cross-entropy + (weight_decay / 2) |w|^2, as the paper defines it. In
      PyTorch the decay sits in the optimiser, so this is |w (g + weight_decay w)| with g from
      autograd.
    - ``"data"``: L = cross-entropy, |w g|: what most libraries call gradient pruning.

    At a minimum of the regularised loss the former is 0 for every weight, the latter ranks as
    magnitude.

    Source: Good et al. 2022, arXiv 2206.02976, section 4.
    """
    gradients = loss_gradient(request)
    return {name: np.abs(weight * gradients[name]) for name, weight in request.weights.items()}
