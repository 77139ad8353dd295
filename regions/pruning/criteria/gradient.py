"""Gradient: to first order, how much the loss changes if the weight becomes zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.pruning.criteria.loss_gradient import WithDecay
from regions.pruning.criterion import Request


@dataclass(frozen=True, eq=False)
class Gradient(WithDecay):
    """|w dL/dw| for every weight ("GP").

    Attributes
    ----------
    inputs, labels : array
        Training images and their classes.
    batch_norm : {"batch", "running"}
        Whose statistics batch normalisation takes (see `OnBatch`); "batch" as in public code.
    weight_decay : float
        Of the training.
    gradient : {"regularised", "data"}
        Which loss is meant:

        - ``"regularised"``: L = cross-entropy + (weight_decay / 2) |w|^2, as the paper defines it.
          In PyTorch the decay sits in the optimiser, so this is |w (g + weight_decay w)| with g
          from autograd.
        - ``"data"``: L = cross-entropy, |w g|: what most libraries call gradient pruning.

    At a minimum of the regularised loss the former is 0 for every weight, the latter ranks as
    magnitude. ``gradient="data"`` is the score that `SNIP` takes before training and that
    `Undecayed` takes with ``gradient="regularised"``: one score under three names. The paper's GP
    was run with the score of ShrinkBench, which is that one too.

    Source: Good et al. 2022, arXiv 2206.02976, section 4.
    """

    name = "gradient"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        gradients = self.loss_gradient(request)
        return {name: np.abs(weight * gradients[name]) for name, weight in request.weights.items()}
