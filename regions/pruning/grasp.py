"""GraSP: keeps the weights whose removal would reduce the gradient flow most."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.batch_loss import batch_loss
from regions.pruning.criteria import Request


def grasp(request: Request) -> dict[str, np.ndarray]:
    """Return w (H g) for every weight: g the gradient of the loss, H its Hessian.

    Removing one weight w changes the gradient flow |g|^2 by -2 w (H g) to first order, so a high
    score says that the flow would fall. The paper calls -w (H g) the score and removes the
    weights where it is largest, which keeps the same weights. g and H are those of all Linear and
    Conv weights that are not zero; biases and normalisation take no part. Zero weights, which were
    pruned before, score -inf: others may have negative scores.

    The loss is the cross-entropy of logits / `temperature` on the batch. Batch normalisation uses
    its running statistics, which before training do not normalise.

    Options: `inputs` and `labels`, one batch of training images (the authors take 10 or 25 per
    class), and `temperature`, by default 200 as in the authors' code.

    Source: Wang, Zhang and Grosse 2020, arXiv 2002.07376.
    """
    loss = batch_loss(request, _temperature(request.options.get("temperature", 200.0)))
    flow = {name: slope * (loss.weights[name] != 0) for name, slope in loss.gradient().items()}
    curved = loss.hessian_product(flow)
    products = {name: curved[name].cpu().double().numpy() for name in request.weights}
    return {
        name: np.where(weight == 0, -np.inf, weight * products[name])
        for name, weight in request.weights.items()
    }


def _temperature(given: Any) -> float:
    if not (isinstance(given, (int, float)) and 0 < given < float("inf")):
        raise ArgumentError(f"temperature is {given!r}; expected a positive number")
    return float(given)
