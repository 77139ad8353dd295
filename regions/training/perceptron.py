"""Forward and gradient of a stack of multilayer perceptrons, by hand, as batched products."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regions.training.stack import Tensors


@dataclass(frozen=True)
class PerceptronEngine:
    """Cross-entropy and its gradient for Linear, ReLU, Linear, ..., Linear.

    The same numbers as autograd up to rounding, in fewer and larger operations. `layers` are the
    names of the linear modules in order.
    """

    layers: tuple[str, ...]

    def gather(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return flattened images (models, batch, inputs) for row numbers (models, batch)."""
        return images.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)

    def share(self, images: Tensor, size: int) -> Tensor:
        """Return the same images (batch, inputs) for each of `size` models."""
        return images.expand(size, *images.shape)

    def logits(self, parameters: Tensors, buffers: Tensors, inputs: Tensor) -> Tensor:
        """Return the outputs (models, batch, classes)."""
        return self._forward(parameters, inputs)[1].transpose(1, 2)

    def _forward(self, parameters: Tensors, inputs: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the inputs of every layer and the outputs, transposed (models, classes, batch).

        With the classes before the images, the softmax runs along whole rows.
        """
        states = [inputs]
        for name in self.layers[:-1]:
            states.append(_affine(parameters, name, states[-1]).relu_())
        weight, bias = parameters[f"{self.layers[-1]}.weight"], self._bias(parameters)
        outputs = torch.bmm(weight, states[-1].transpose(1, 2))
        return states, outputs if bias is None else outputs.add_(bias.unsqueeze(2))

    def _bias(self, parameters: Tensors) -> Tensor | None:
        return parameters.get(f"{self.layers[-1]}.bias")

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
        states, outputs = self._forward(parameters, x)
        log_p = torch.log_softmax(outputs, 1)
        chosen = y.unsqueeze(1)
        loss = log_p.gather(1, chosen).mean((1, 2)).mul_(smoothing - 1)
        if smoothing:
            loss -= smoothing * log_p.mean((1, 2))
        target = log_p.new_full(chosen.shape, smoothing - 1)
        error = log_p.exp_().scatter_add_(1, chosen, target)
        if smoothing:
            error -= smoothing / error.shape[1]
        error.div_(y.shape[1])
        for depth in range(len(self.layers) - 1, -1, -1):
            last = depth == len(self.layers) - 1
            name, state = self.layers[depth], states[depth]
            left = error if last else error.transpose(1, 2)
            torch.bmm(left, state, out=gradients[f"{name}.weight"])
            if f"{name}.bias" in gradients:
                torch.sum(error, 2 if last else 1, out=gradients[f"{name}.bias"])
            if depth > 0:
                right = error.transpose(1, 2) if last else error
                error = torch.bmm(right, parameters[f"{name}.weight"])
                error = torch.ops.aten.threshold_backward(error, state, 0)
        return loss


def _affine(parameters: Tensors, name: str, inputs: Tensor) -> Tensor:
    weight = parameters[f"{name}.weight"].transpose(1, 2)
    bias = parameters.get(f"{name}.bias")
    if bias is None:
        return torch.bmm(inputs, weight)
    return torch.baddbmm(bias.unsqueeze(1), inputs, weight)


def linear_modules(model: nn.Module) -> tuple[str, ...] | None:
    """Return the names of the linear modules if `model` is a plain perceptron, else None."""
    if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
        return None
    modules = list(model._modules.items())
    if modules and type(modules[0][1]) is nn.Flatten:
        modules = modules[1:]
    kinds = [type(module) for _, module in modules]
    expected = [nn.ReLU if index % 2 else nn.Linear for index in range(len(kinds))]
    hooked = any(module._forward_hooks or module._forward_pre_hooks for _, module in modules)
    if kinds != expected or len(kinds) % 2 == 0 or hooked:
        return None
    return tuple(name for name, _ in modules[::2])
