"""Forward and gradient of a stack of any module: torch.func.vmap, or one model after another."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from regions.training.stack import Tensors

# Batched convolutions become grouped ones, which on a CPU pay only for tiny images.
_VMAP_PIXELS = 12 * 12


@dataclass(frozen=True)
class ModuleEngine:
    """Cross-entropy and its gradient for any module, by autograd.

    `together` pushes all models through one vmapped call; otherwise they take turns.
    """

    template: nn.Module
    together: bool

    def gather(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return images (models, batch, *shape) for row numbers (models, batch)."""
        return images.index_select(0, rows.reshape(-1)).view(*rows.shape, *images.shape[1:])

    def share(self, images: Tensor, size: int) -> Tensor:
        """Return the same images (batch, *shape) for each of `size` models."""
        return images.expand(size, *images.shape)

    def logits(self, parameters: Tensors, buffers: Tensors, inputs: Tensor) -> Tensor:
        """Return the outputs (models, batch, classes) in evaluation mode."""
        self.template.eval()
        with torch.no_grad():
            return self._call(parameters, buffers, inputs)

    def step(
        self,
        parameters: Tensors,
        gradients: Tensors,
        buffers: Tensors,
        x: Tensor,
        y: Tensor,
        smoothing: float,
    ) -> Tensor:
        """Write the gradients of the mean cross-entropy; return that loss for each model."""
        self.template.train()
        leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        outputs = self._call(leaves, buffers, x)
        losses = F.cross_entropy(
            outputs.flatten(0, 1), y.reshape(-1), reduction="none", label_smoothing=smoothing
        )
        losses = losses.view(y.shape).mean(1)
        found = torch.autograd.grad(losses.sum(), list(leaves.values()))
        for name, value in zip(leaves, found, strict=True):
            gradients[name].copy_(value)
        return losses.detach()

    def _call(self, parameters: Tensors, buffers: Tensors, inputs: Tensor) -> Tensor:
        def one(parameters: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
            return functional_call(self.template, (parameters, buffers), (x,))

        if self.together:
            return vmap(one, randomness="different")(parameters, buffers, inputs)
        each = [
            one(_row(parameters, index), _row(buffers, index), x) for index, x in enumerate(inputs)
        ]
        return torch.stack(each)


def _row(stacked: Tensors, index: int) -> Tensors:
    return {name: value[index] for name, value in stacked.items()}


def module_engine(
    model: nn.Module, image_shape: tuple[int, ...], device: torch.device
) -> ModuleEngine:
    """Return the engine for `model`: vmapped where that is the faster way."""
    convolutional = any(isinstance(m, nn.Conv1d | nn.Conv2d) for m in model.modules())
    pixels = image_shape[-1] * image_shape[-2] if len(image_shape) > 1 else 1
    together = not convolutional or pixels <= _VMAP_PIXELS or device.type != "cpu"
    return ModuleEngine(copy.deepcopy(model).to(device), together)
