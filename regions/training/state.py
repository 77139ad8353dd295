"""Everything that changes while a stack is trained: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regions.errors import DataError
from regions.training.recipe import Recipe
from regions.training.stack import Stack, Tensors


@dataclass(frozen=True)
class State:
    """The moving tensors of one stack, all changed in place.

    `losses` and `accuracies` are (epochs, models); `kept` is a copy of the parameters to return,
    `kept_epochs` the epoch (1, 2, ..) each model's came from.
    """

    stack: Stack
    epoch: Tensor
    velocity: Tensor
    losses: Tensor
    accuracies: Tensor
    kept: Stack
    kept_epochs: Tensor

    def named(self) -> Tensors:
        """Return every moving tensor by name; writing into them changes the state."""
        found = {"values": self.stack.values, "kept_values": self.kept.values}
        found |= {f"buffer.{name}": value for name, value in self.stack.buffers.items()}
        found |= {f"kept_buffer.{name}": value for name, value in self.kept.buffers.items()}
        plain = ("epoch", "velocity", "losses", "accuracies", "kept_epochs")
        return found | {name: getattr(self, name) for name in plain}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state as arrays."""
        return {name: value.cpu().numpy() for name, value in self.named().items()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state to arrays from `arrays()`.

        Raises
        ------
        DataError
            If an array is missing, or has another shape or type.
        """
        kinds = {name: (value.shape, value.dtype) for name, value in self.arrays().items()}
        if kinds != {name: (array.shape, array.dtype) for name, array in arrays.items()}:
            raise DataError("the checkpoint holds the state of another training; delete it")
        if not 0 <= int(arrays["epoch"]) <= len(self.losses):
            raise DataError(f"the checkpoint is of epoch {arrays['epoch']}; delete it")
        for name, value in self.named().items():
            value.copy_(torch.from_numpy(arrays[name]))

    def finish_epoch(self, losses: Tensor, accuracies: Tensor, recipe: Recipe) -> None:
        """Record an epoch; keep the models whose validation accuracy is higher than ever."""
        now = int(self.epoch)
        self.losses[now], self.accuracies[now] = losses.cpu(), accuracies.cpu()
        self.epoch.add_(1)
        better = torch.ones(self.stack.size, dtype=torch.bool)
        if recipe.keep == "best" and now > 0:
            better = self.accuracies[now] > self.accuracies[:now].max(0).values
        if recipe.keep == "best" or now + 1 == recipe.epochs:
            self._keep(better)

    def _keep(self, chosen: Tensor) -> None:
        on_device = chosen.to(self.stack.values.device)
        for source, target in (
            (self.stack.parameters, self.kept.parameters),
            (self.stack.buffers, self.kept.buffers),
        ):
            for name, value in target.items():
                value[on_device] = source[name][on_device]
        self.kept_epochs[chosen] = self.epoch


def fresh_state(stack: Stack, recipe: Recipe) -> State:
    """Return the state before the first step."""
    shape = (recipe.epochs, stack.size)
    return State(
        stack=stack,
        epoch=torch.zeros((), dtype=torch.long),
        velocity=torch.zeros_like(stack.values),
        losses=torch.full(shape, torch.nan, dtype=torch.float64),
        accuracies=torch.full(shape, torch.nan, dtype=torch.float64),
        kept=stack.copy(),
        kept_epochs=torch.zeros(stack.size, dtype=torch.long),
    )
