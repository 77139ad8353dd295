"""Networks around whose points everything can be looked at."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

import regions


def dense(rng, widths, zero=0.0):
    """Return a network of random layers, some weights zero; the last layer is the output."""
    layers = []
    for n, m in pairwise(widths):
        weight = rng.normal(size=(m, n)) * (rng.random((m, n)) >= zero)
        layers.append((weight, rng.normal(size=m)))
    return regions.as_network(layers)


class Block(nn.Module):
    """A convolution around which the input is added."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.relu = (
            nn.Conv2d(3, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)) + x)


def residual(seed=0):
    """Return a small convolutional network with a shortcut, as torch model and as network."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = (
            nn.Sequential(
                nn.Conv2d(2, 3, 3, padding=1),
                nn.ReLU(),
                Block(),
                nn.AvgPool2d(2),
                nn.Flatten(),
                nn.Linear(27, 8),
                nn.LeakyReLU(0.1),
                nn.Linear(8, 4),
            )
            .double()
            .eval()
        )
    return model, regions.as_network(model, input_shape=(2, 6, 6))
