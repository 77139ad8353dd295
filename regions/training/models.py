"""Standard small models by name, all piecewise linear, with named layers.

Examples
--------
>>> from regions.training import MODELS
>>> "mlp" in MODELS
True
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from regions.choices import check_name, check_options
from regions.errors import ArgumentError
from regions.training.convnet import convnet
from regions.training.lenet import lenet5
from regions.training.mlp import mlp
from regions.training.resnet import resnet
from regions.training.vgg import vgg

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "lenet5": lenet5,
    "convnet": convnet,
    **{f"vgg{depth}": partial(vgg, depth=depth) for depth in (11, 16)},
    **{f"resnet{depth}": partial(resnet, depth=depth) for depth in (20, 32, 44, 56, 110)},
}
MODELS = tuple(_BUILDERS)


def build_model(
    name: str, image_shape: Sequence[int], classes: int, *, seed: int = 0, **options: Any
) -> nn.Module:
    """Build a standard model; equal seeds give equal parameters, global random state is untouched.

    Parameters
    ----------
    name
        One of `MODELS`: "mlp" (option `hidden`, widths of the hidden layers, default (100, 100)),
        "lenet5", "convnet", "vgg11", "vgg16", "resnet20", "resnet32", "resnet44", "resnet56",
        "resnet110" (option `width`, channels of the first stage, except for "lenet5").
    image_shape
        (channels, height, width), for "mlp" also (features,).
    classes
        Number of logits.
    seed
        Decides the initial parameters: PyTorch's default initialisation (normal as in He et al.
        for the ResNets).

    Examples
    --------
    >>> model = build_model("resnet20", (3, 32, 32), 10)
    >>> sum(parameter.numel() for parameter in model.parameters())
    269722
    """
    check_name("model", name, MODELS)
    shape = tuple(int(size) for size in image_shape)
    if (len(shape) != 3 and name != "mlp") or min(shape, default=0) < 1:
        raise ArgumentError(f"{name}: expected image_shape (channels, height, width), got {shape}")
    builder = _BUILDERS[name]
    known = [key for key in inspect.signature(builder).parameters if key in ("hidden", "width")]
    check_options(f"model {name!r}", options, known)
    if classes < 1 or any(size < 1 for size in _sizes(options)):
        raise ArgumentError(f"classes and widths must be 1 or more, got {classes} and {options}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return builder(shape, classes, **options)


def _sizes(options: dict[str, Any]) -> list[int]:
    return [*options.get("hidden", ()), options.get("width", 1)]
