"""A small convolutional network for small images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def convnet(image_shape: Sequence[int], classes: int, width: int = 16) -> nn.Module:
    """Return three 3x3 convolutions (the last two with stride 2), average pooling, one layer.

    Channels are `width`, 2 `width`, 2 `width`; no batch normalisation; any image size.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(image_shape[0], width, 3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            relu3=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(2 * width, classes),
        )
    )
