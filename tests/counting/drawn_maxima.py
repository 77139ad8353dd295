"""Networks with max pooling over images, by seed: windows that overlap, leap and end outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from rational_oracle import maxima_oracle
from torch import nn

import regions


@dataclass(frozen=True)
class Drawn:
    """A network, the same for the oracle, and a domain."""

    net: regions.ReLUNetwork
    layers: list
    domain: object

    def regions(self, kind="activation"):
        """Return the number of regions by rational arithmetic."""
        return maxima_oracle(self.layers, self.domain, self.net.input_size, kind)


def windows_of(pool, height, width):
    """Return which places of an image each window of a pooling layer sees, in their order."""
    tall, wide = pool(torch.zeros(1, 1, height, width)).shape[2:]
    both = [
        part if isinstance(part, tuple) else (part, part)
        for part in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    ]
    (down, right), (s0, s1), (p0, p1), (d0, d1) = both
    return [
        [
            row * width + column
            for row in range(i * s0 - p0, i * s0 - p0 + d0 * down, d0)
            for column in range(j * s1 - p1, j * s1 - p1 + d1 * right, d1)
            if 0 <= row < height and 0 <= column < width
        ]
        for i in range(tall)
        for j in range(wide)
    ]


def drawn(seed):
    """Return linear layers, ReLUs or not, and one or two poolings over images of 2 to 9 values."""
    rng = np.random.default_rng([seed, 7])
    inputs = int(rng.integers(1, 4))
    modules, layers, size = [], [], inputs
    for last in (False,) if rng.random() < 0.6 else (False, True):
        height, width = int(rng.integers(1, 4)), int(rng.integers(2, 4))
        if last or inputs == 3:
            height = min(height, 2)
        linear = _linear(rng, size, height * width)
        modules.append(linear)
        layers.append(tuple(t.detach().double().numpy() for t in (linear.weight, linear.bias)))
        if rng.random() < 0.4:
            modules.append(nn.ReLU())
            layers.append("relu")
        pool = _pool(rng, height, width)
        modules += [nn.Unflatten(1, (1, height, width)), pool, nn.Flatten()]
        layers.append(windows_of(pool, height, width))
        size = len(layers[-1])
    modules.append(_linear(rng, size, 2))
    layers.append(tuple(t.detach().double().numpy() for t in modules[-1].parameters()))
    net = regions.as_network(nn.Sequential(*modules), input_shape=(inputs,))
    half = float(rng.choice([1.0, 3.0]))
    return Drawn(net, layers, regions.Box.cube(inputs, -half, half))


def _pool(rng, height, width):
    while True:
        kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
        geometry = {
            "stride": tuple(int(n) for n in rng.integers(1, 3, 2)),
            "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
            "dilation": tuple(int(n) for n in rng.integers(1, 3, 2)),
            "ceil_mode": bool(rng.random() < 0.5),
        }
        pool = nn.MaxPool2d(kernel, **geometry)
        try:
            windows = windows_of(pool, height, width)
        except RuntimeError:  # larger than the image
            continue
        if len(windows) and all(windows) and max(map(len, windows)) > 1:
            return pool


def _linear(rng, inputs, outputs):
    linear = nn.Linear(inputs, outputs)
    grid, kept = rng.random() < 0.5, rng.choice([0.5, 1.0])
    with torch.no_grad():
        for tensor in (linear.weight, linear.bias):
            values = rng.integers(-2, 3, tensor.shape) if grid else rng.normal(size=tensor.shape)
            values = values * (rng.random(tensor.shape) < kept)
            tensor.copy_(torch.from_numpy(np.asarray(values, dtype=float)))
        if outputs > 2 and rng.random() < 0.3:  # two values that tie everywhere
            linear.weight[0], linear.bias[0] = linear.weight[-1], linear.bias[-1]
    return linear
