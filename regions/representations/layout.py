"""Which axis of an activation holds what: known from the modules, not from the shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from regions.errors import ArgumentError

_CHANNELS_FIRST = (
    *(nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.GroupNorm),
    *(nn.MaxPool1d, nn.AvgPool1d, nn.LPPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
)
_MAPS = (
    *(nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase),
    *(nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd),
    *(nn.modules.pooling._AdaptiveMaxPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd),
)
_RECURRENT = (nn.RNNBase, nn.MultiheadAttention)


@dataclass(frozen=True)
class Layout:
    """How activations of three and four axes are laid out where the model is now.

    Modules of one spatial axis give (images, channels, length), linear layers, embeddings and
    norms of the last axis (..., features), recurrent layers and attention (images, time,
    features) or, without `batch_first`, (time, images, features). All others, such as a ReLU,
    keep what they are given. `features` is the length of the last axis of maps (images, height,
    width, features); 0 where the channels are first.
    """

    channels_first: bool = False
    time_first: bool = False
    features: int = 0

    def after(self, module: nn.Module, given: Any = None) -> Layout:
        """Return the layout of what the module takes and gives; `given` is its first input."""
        if isinstance(module, _RECURRENT):
            return Layout(time_first=not module.batch_first)
        if isinstance(module, _CHANNELS_FIRST):
            return Layout(channels_first=True)
        if isinstance(module, _MAPS):
            return replace(self, features=0)
        width = _features(module)
        if not width:
            return self
        axes = (given.ndim if torch.is_tensor(given) else 0) + isinstance(module, nn.Embedding)
        if axes != 4:
            return Layout(time_first=self.time_first, features=self.features)
        turned = _turns_maps(module) and given.shape[1] == width
        return self if turned else Layout(time_first=self.time_first, features=width)

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
        if tensor.ndim == 4 and self._has_features_last(module, tensor):
            return tensor.movedim(-1, 1)
        if tensor.ndim != 3:
            return tensor
        if self.channels_first:
            return tensor[..., None]
        return tensor.transpose(0, 1) if self.time_first else tensor

    def _has_features_last(self, module: nn.Module, maps: torch.Tensor) -> bool:
        """Whether maps are (images, height, width, features).

        What follows a linear layer may have been turned round by a function, which shows in the
        lengths of the axes; where all are alike a module without parts keeps what it is given.
        """
        if isinstance(module, (nn.Linear, nn.Embedding)):
            return True
        width = _features(module)
        if (width or self.features) != maps.shape[-1]:
            return False
        if maps.shape[1] != maps.shape[-1]:
            return True
        return not (_turns_maps(module) if width else list(module.children()))


def _features(module: nn.Module) -> int:
    """Return the length of the last axis that the module gives; 0 if it does not decide it."""
    if isinstance(module, nn.Linear):
        return module.out_features
    if isinstance(module, nn.Embedding):
        return module.embedding_dim
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        return module.normalized_shape[0]
    return 0


def _turns_maps(module: nn.Module) -> bool:
    """Whether a norm may be of a kind that takes (images, channels, height, width) itself."""
    return isinstance(module, nn.LayerNorm) and type(module) is not nn.LayerNorm
