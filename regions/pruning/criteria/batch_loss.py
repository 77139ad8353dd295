"""The loss of a model on one batch, with first and second derivatives in its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.criterion import Request
from regions.pruning.model.parameters import prunable_modules
from regions.pruning.model.plain import plain_copy
from regions.pruning.model.reading import is_module

if TYPE_CHECKING:
    import torch

# the batch is taken in parts, so that the activations of deep networks fit in memory
_AT_ONCE = 128


@dataclass(frozen=True)
class BatchLoss:
    """Mean cross-entropy on a batch as a function of the weights of Linear and Conv modules.

    In evaluation mode, without dropout, but for batch normalisation, which may take the statistics
    of the batch; the batch is then taken whole. `model` is a copy.
    """

    model: torch.nn.Module
    weights: Mapping[str, torch.Tensor]
    inputs: torch.Tensor
    labels: torch.Tensor
    temperature: float = 1.0
    at_once: int = _AT_ONCE

    def gradient(self) -> dict[str, torch.Tensor]:
        """Return dL/dw of every weight."""
        import torch

        with torch.enable_grad():
            return self._sum(self._derivative(loss) for loss in self._parts())

    def hessian_product(self, direction: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return H v, the Hessian of the loss in the weights times a direction."""
        import torch

        with torch.enable_grad():
            return self._sum(self._second(loss, direction) for loss in self._parts())

    def _second(
        self, loss: torch.Tensor, direction: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        slopes = self._derivative(loss, create_graph=True)
        steps = zip(direction.values(), slopes, strict=True)
        return self._derivative(sum((v * slope).sum() for v, slope in steps))

    def _derivative(self, value: Any, create_graph: bool = False) -> tuple[torch.Tensor, ...]:
        from torch import autograd

        wanted = list(self.weights.values())
        return autograd.grad(value, wanted, create_graph=create_graph, materialize_grads=True)

    def _parts(self) -> Iterator[torch.Tensor]:
        """Yield terms that sum to the loss."""
        from torch.nn import functional

        parts = zip(self.inputs.split(self.at_once), self.labels.split(self.at_once), strict=True)
        for x, y in parts:
            logits = self.model(x) / self.temperature
            yield functional.cross_entropy(logits, y, reduction="sum") / len(self.inputs)

    def _sum(self, terms: Iterator[tuple[torch.Tensor, ...]]) -> dict[str, torch.Tensor]:
        total = {name: weight.new_zeros(weight.shape) for name, weight in self.weights.items()}
        for term in terms:
            for sum_, part in zip(total.values(), term, strict=True):
                sum_ += part
        if not all(bool(value.isfinite().all()) for value in total.values()):
            raise ArgumentError("the loss has no finite gradient on these inputs")
        return total


def batch_loss(
    request: Request, inputs: Any, labels: Any, batch_norm: str, temperature: float = 1.0
) -> BatchLoss:
    """Return the loss of the request's model on a batch.

    Parameters
    ----------
    request : Request
    inputs : array of shape (images, *shape)
    labels : array of int, shape (images,)
    batch_norm : {"running", "batch"}
        Whose statistics batch normalisation takes: its running ones or the batch's.
    temperature : float
        What logits are divided by.
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    if not is_module(request.model):
        raise UnsupportedModelError(
            "criteria of the loss differentiate a torch module; the model given is a "
            f"{type(request.model).__name__}"
        )
    if inputs is None or labels is None:
        raise ArgumentError(
            "this criterion needs a batch of training images: inputs=, (images, *shape), and "
            "labels=, their integer class codes, (images,)"
        )
    model = plain_copy(request.model).requires_grad_(False)
    first = next(model.parameters())
    inputs = torch.as_tensor(np.asarray(inputs)).to(first)
    labels = torch.as_tensor(np.asarray(labels)).to(first.device)
    _check(model, inputs, labels)
    at_once = _AT_ONCE
    for module in model.modules() if batch_norm == "batch" else ():
        if isinstance(module, _BatchNorm):
            module.train()
            at_once = len(inputs)  # a batch in parts would have other statistics
    parts, tied = prunable_modules(model), request.reading.tied
    # one leaf per parameter: its derivative is the sum over the layers that share it
    weights = {name: _leaf(part) for name, part in parts.items() if name not in tied}
    return BatchLoss(model, weights, inputs, labels.long(), temperature, at_once)


def _leaf(part: Any) -> torch.Tensor:
    return part.weight.requires_grad_(True)


def _check(model: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> None:
    import torch

    if inputs.ndim == 0 or len(inputs) == 0 or labels.shape != inputs.shape[:1]:
        raise ArgumentError(
            f"inputs have shape {tuple(inputs.shape)} and labels {tuple(labels.shape)}; expected "
            "one integer label per input, and at least one"
        )
    if labels.is_floating_point():
        raise ArgumentError(f"labels have dtype {labels.dtype}; expected integer class codes")
    try:
        with torch.no_grad():
            logits = model(inputs[:1])
    except RuntimeError as error:
        raise ArgumentError(
            f"the model cannot take inputs of shape {tuple(inputs.shape[1:])}: {error}"
        ) from error
    if logits.ndim != 2:
        raise ArgumentError(
            f"the model returns shape {tuple(logits.shape)} for one input; expected (1, classes)"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise ArgumentError(
            f"labels run from {low} to {high}; expected 0 to {logits.shape[1] - 1}, one of the "
            "model's outputs each"
        )
