"""Multilayer perceptrons."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def mlp(image_shape: Sequence[int], classes: int, hidden: Sequence[int] = (100, 100)) -> nn.Module:
    """Return a perceptron with layers `fc1`, `relu1`, `fc2`, ... of any widths.

    >>> [name for name, _ in mlp((1, 8, 8), 10, hidden=(30,)).named_children()]
    ['flatten', 'fc1', 'relu1', 'fc2']
    """
    widths = [math.prod(image_shape), *hidden, classes]
    modules: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for depth in range(1, len(widths)):
        modules[f"fc{depth}"] = nn.Linear(widths[depth - 1], widths[depth])
        if depth < len(widths) - 1:
            modules[f"relu{depth}"] = nn.ReLU()
    return nn.Sequential(modules)
