"""VGG networks in the form used for CIFAR: batch normalisation and a single linear layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

# Convolutions per stage; stages have 1, 2, 4, 8, 8 times the channels of the first.
_STAGES = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
_MULTIPLES = (1, 2, 4, 8, 8)


def vgg(image_shape: Sequence[int], classes: int, depth: int, width: int = 64) -> nn.Module:
    """Return VGG-11 or VGG-16 with batch normalisation (Simonyan and Zisserman, arXiv 1409.1556).

    Average pooling takes the place of max pooling, so that the network has an exact
    piecewise-linear description with one ReLU layer per convolution. Images smaller than 32x32
    are pooled only while they can be.
    """
    channels, pixels = image_shape[0], min(image_shape[1:])
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for stage, (count, multiple) in enumerate(zip(_STAGES[depth], _MULTIPLES, strict=True), 1):
        for _ in range(count):
            number += 1
            modules[f"conv{number}"] = nn.Conv2d(channels, width * multiple, 3, padding=1)
            modules[f"bn{number}"] = nn.BatchNorm2d(width * multiple)
            modules[f"relu{number}"] = nn.ReLU()
            channels = width * multiple
        if pixels >= 2:
            modules[f"pool{stage}"] = nn.AvgPool2d(2)
            pixels //= 2
    modules["gap"] = nn.AdaptiveAvgPool2d(1)
    modules["flatten"] = nn.Flatten()
    modules["fc"] = nn.Linear(channels, classes)
    return nn.Sequential(modules)
