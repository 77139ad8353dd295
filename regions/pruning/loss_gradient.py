"""The gradient of the data loss at a model's weights, for the criteria that use it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.criteria import CRITERIA, Request
from regions.pruning.reading import is_module, prunable_modules

if TYPE_CHECKING:
    import torch

_AT_ONCE = 256


def loss_gradient(request: Request) -> dict[str, np.ndarray]:
    """Return dL/dw of each layer, in the convention that the caller chose.

    L is the mean cross-entropy on `inputs` and `labels`, in evaluation mode (running statistics
    of batch norm, no dropout), plus (weight_decay / 2) |w|^2 if ``gradient="regularised"``.
    """
    decay, regularised = _convention(request)
    gradients = _data_gradient(request)
    return {
        name: gradients[name] + (decay * weight if regularised else 0.0)
        for name, weight in request.weights.items()
    }


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


def weight_decay(request: Request) -> float:
    """Return the weight decay given as an option."""
    return _convention(request)[0]


def _data_gradient(request: Request) -> dict[str, np.ndarray]:
    import torch
    from torch.nn import functional

    if not is_module(request.model):
        raise UnsupportedModelError(
            "gradient criteria differentiate a torch module; the model given is a "
            f"{type(request.model).__name__}"
        )
    model = plain_copy(request.model)
    first = next(model.parameters())
    inputs = torch.as_tensor(np.asarray(request.options["inputs"])).to(first)
    labels = torch.as_tensor(np.asarray(request.options["labels"])).to(first.device)
    _check(inputs, labels)
    model.zero_grad()
    for x, y in zip(inputs.split(_AT_ONCE), labels.split(_AT_ONCE), strict=True):
        loss = functional.cross_entropy(model(x), y.long(), reduction="sum") / len(inputs)
        loss.backward()
    parts = prunable_modules(model)
    return {name: _gradient_of(parts[name]) for name in request.weights}


def _check(inputs: torch.Tensor, labels: torch.Tensor) -> None:
    if len(inputs) == 0 or labels.shape != inputs.shape[:1]:
        raise ArgumentError(
            f"inputs have shape {tuple(inputs.shape)} and labels {tuple(labels.shape)}; expected "
            "one integer label per input, and at least one"
        )
    if labels.is_floating_point():
        raise ArgumentError(f"labels have dtype {labels.dtype}; expected integer class codes")


def plain_copy(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in evaluation mode whose masked weights are ordinary parameters."""
    from torch.nn.utils import parametrize, prune

    # torch prune keeps the masked weight as a computed tensor, which cannot be deep-copied
    found = [part.__dict__.get("weight") for part in prunable_modules(model).values()]
    memo = {id(weight): weight.detach().clone() for weight in found if weight is not None}
    model = copy.deepcopy(model, memo).eval()
    for part in prunable_modules(model).values():
        if hasattr(part, "weight_mask"):
            prune.remove(part, "weight")
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
        part.weight.requires_grad_(True)  # type: ignore[union-attr]
    return model


def _gradient_of(part: Any) -> np.ndarray:
    weight = part.weight
    gradient = weight.grad if weight.grad is not None else weight.new_zeros(weight.shape)
    if not bool(gradient.isfinite().all()):
        raise ArgumentError("the loss has no finite gradient on these inputs")
    return gradient.detach().cpu().double().numpy()
