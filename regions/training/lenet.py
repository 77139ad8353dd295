"""LeNet-5 with ReLUs and average pooling, so that it is piecewise linear."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from regions.errors import ArgumentError


def lenet5(image_shape: Sequence[int], classes: int) -> nn.Module:
    """Return LeNet-5: two 5x5 convolutions (6 and 16 channels) and layers of 120, 84, `classes`.

    Images below 32 pixels are padded by 2 in the first convolution, as usual for MNIST's 28x28,
    so that 400 numbers reach `fc1` for both sizes. The original had other nonlinearities and
    trainable subsampling (LeCun et al. 1998, doi:10.1109/5.726791).
    """
    channels, height, width = image_shape
    padding = 2 if min(height, width) < 32 else 0
    rows, columns = (_after(size, padding) for size in (height, width))
    if min(rows, columns) < 1:
        raise ArgumentError(f"LeNet-5 needs images of at least 12x12, got {height}x{width}")
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 6, 5, padding=padding),
            relu1=nn.ReLU(),
            pool1=nn.AvgPool2d(2),
            conv2=nn.Conv2d(6, 16, 5),
            relu2=nn.ReLU(),
            pool2=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(16 * rows * columns, 120),
            relu3=nn.ReLU(),
            fc2=nn.Linear(120, 84),
            relu4=nn.ReLU(),
            fc3=nn.Linear(84, classes),
        )
    )


def _after(size: int, padding: int) -> int:
    """Return what two 5x5 convolutions with pooling leave of `size` pixels."""
    return ((size + 2 * padding - 4) // 2 - 4) // 2
