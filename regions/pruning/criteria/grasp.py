"""GraSP: keeps the weights whose removal would reduce the gradient flow most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.criteria.loss_gradient import OnBatch
from regions.pruning.criterion import Request


@dataclass(frozen=True, eq=False)
class GraSP(OnBatch):
    """w (H g) for every weight: g the gradient of the loss, H its Hessian.

    Removing one weight w changes the gradient flow |g|^2 by -2 w (H g) to first order, so a high
    score says that the flow would fall. The paper calls -w (H g) the score and removes the
    weights where it is largest, which keeps the same weights. g and H are those of all Linear and
    Conv weights that are not zero; biases and normalisation take no part. Zero weights, which were
    pruned before, score -inf: others may have negative scores.

    The loss is the cross-entropy of logits / `temperature` on the batch. The authors' code draws
    the weights of all layers anew before it scores them and works in training mode; here the
    model's own weights are scored (draw them first if that is meant), with one batch for g and H
    alike. They rank all layers together, the output layer included: ``scope="global",
    prune_output=True``.

    Attributes
    ----------
    inputs, labels : array
        One batch of training images (the authors take 10 or 25 per class) and their classes.
    temperature : float
        As in the authors' code.
    batch_norm : {"batch", "running"}
        Whose statistics batch normalisation takes (see `OnBatch`); "batch" as in that code.

    Source: Wang, Zhang and Grosse 2020, arXiv 2002.07376.
    """

    name = "grasp"
    temperature: float = 200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.temperature
        if not (isinstance(given, (int, float)) and 0 < given < float("inf")):
            raise ArgumentError(f"temperature is {given!r}; expected a positive number")

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        loss = self.loss(request, float(self.temperature))
        flow = {name: slope * (loss.weights[name] != 0) for name, slope in loss.gradient().items()}
        curved = loss.hessian_product(flow)
        products = {name: curved[name].cpu().double().numpy() for name in request.weights}
        return {
            name: np.where(weight == 0, -np.inf, weight * products[name])
            for name, weight in request.weights.items()
        }
