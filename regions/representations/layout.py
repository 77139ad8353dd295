"""Which axis of an activation holds what: known from the modules, not from the shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from regions.errors import ArgumentError

_CHANNELS_FIRST = (
    *(nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.GroupNorm),
    *(nn.MaxPool1d, nn.AvgPool1d, nn.LPPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
)
_FEATURES_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding)
_RECURRENT = (nn.RNNBase, nn.MultiheadAttention)


@dataclass(frozen=True)
class Layout:
    """How three-dimensional activations are laid out where the model is now.

    Modules of one spatial axis give (images, channels, length), linear layers and embeddings
    (..., features), recurrent layers and attention (images, time, features) or, without
    `batch_first`, (time, images, features). All others, such as a ReLU, keep what they are given.
    """

    channels_first: bool = False
    time_first: bool = False

    def after(self, module: nn.Module) -> Layout:
        """Return the layout of what the module takes and gives."""
        if isinstance(module, _RECURRENT):
            return Layout(time_first=not module.batch_first)
        if isinstance(module, _CHANNELS_FIRST):
            return Layout(channels_first=True)
        if isinstance(module, _FEATURES_LAST):
            return Layout(time_first=self.time_first)
        return self

    def by_image(self, name: str, module: nn.Module, tensor: torch.Tensor) -> torch.Tensor:
        """Return activations as (images, features), (images, tokens, features) or maps.

        Maps are (images, channels, height, width); those of one axis have width 1.
        """
        if tensor.ndim == 0:
            raise ArgumentError(
                f"layer {name!r} gives one number for a whole batch, which compares nothing image "
                "by image; leave it out by `layers`, or pick another output by `select`"
            )
        if tensor.ndim == 1:
            return tensor[:, None]
        if tensor.ndim == 4 and isinstance(module, (nn.Linear, nn.LayerNorm)):
            return tensor.movedim(-1, 1)
        if tensor.ndim != 3:
            return tensor
        if self.channels_first:
            return tensor[..., None]
        return tensor.transpose(0, 1) if self.time_first else tensor
