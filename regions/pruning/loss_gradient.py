"""The gradient of the loss at a model's weights, with or without weight decay."""

from __future__ import annotations

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.batch_loss import batch_loss
from regions.pruning.criteria import CRITERIA, Request


def loss_gradient(request: Request) -> dict[str, np.ndarray]:
    """Return dL/dw of each layer, in the convention that the caller chose.

    L is the loss of `data_gradient`, plus (weight_decay / 2) |w|^2 if ``gradient="regularised"``.
    """
    decay, regularised = _convention(request)
    gradients = data_gradient(request)
    return {
        name: gradients[name] + (decay * weight if regularised else 0.0)
        for name, weight in request.weights.items()
    }


def data_gradient(request: Request) -> dict[str, np.ndarray]:
    """Return dL/dw of each layer to prune, L the mean cross-entropy on `inputs` and `labels`.

    In evaluation mode: running statistics of batch norm, no dropout.
    """
    found = batch_loss(request).gradient()
    return {name: found[name].cpu().double().numpy() for name in request.weights}


def weight_decay(request: Request) -> float:
    """Return the weight decay given as an option."""
    return _convention(request)[0]


def _convention(request: Request) -> tuple[float, bool]:
    missing = [name for name in CRITERIA["gradient"] if name not in request.options]
    if missing:
        raise ArgumentError(
            f"this criterion needs {missing}: inputs and labels of training images, the weight "
            'decay of the training, and gradient="data" or "regularised": which gradient the '
            "formula is put on (see regions.pruning.gradient)"
        )
    decay, gradient = request.options["weight_decay"], request.options["gradient"]
    if not (isinstance(decay, (int, float)) and 0 <= decay < float("inf")):
        raise ArgumentError(f"weight_decay is {decay!r}; expected a number >= 0")
    if gradient not in ("data", "regularised"):
        raise ArgumentError(f"gradient is {gradient!r}; choose 'data' or 'regularised'")
    return float(decay), gradient == "regularised"
