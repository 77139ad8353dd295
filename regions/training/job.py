"""One stack to train: its networks, its images and its recipe, ready on the device."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regions.errors import ArgumentError
from regions.training.datasets import DataSet, Split
from regions.training.recipe import Recipe
from regions.training.stack import Tensors


@dataclass(frozen=True)
class Job:
    """Networks of one architecture with their initial parameters, and what to train them on.

    `layers` are the linear modules of a plain perceptron, None for any other module.
    """

    template: nn.Module
    layers: tuple[str, ...] | None
    parameters: Tensors
    buffers: Tensors
    masks: Tensors | None
    seeds: tuple[int, ...]
    images: Images
    recipe: Recipe

    def select(self, indices: Sequence[int]) -> Job:
        """Return the job of some of the networks."""
        rows = torch.as_tensor(indices, dtype=torch.long)
        masks = None if self.masks is None else {k: v[rows] for k, v in self.masks.items()}
        return dataclasses.replace(
            self,
            parameters={name: value[rows] for name, value in self.parameters.items()},
            buffers={name: value[rows] for name, value in self.buffers.items()},
            masks=masks,
            seeds=tuple(self.seeds[index] for index in indices),
        )

    def fingerprint(self) -> str:
        """Return a hash of everything that decides the result."""
        digest = hashlib.sha256(repr((self.recipe, self.seeds)).encode())
        digest.update(repr(self.template).encode())
        masks = self.masks or {}
        for name, value in [*self.parameters.items(), *self.buffers.items(), *masks.items()]:
            digest.update(name.encode())
            digest.update(value.contiguous().numpy().data)
        own = self.images
        digest.update(repr(own.shape).encode())
        for tensor in (own.x, own.y, own.validation_x, own.validation_y):
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Images:
    """Training and validation images as tensors on the device."""

    x: Tensor
    y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    shape: tuple[int, ...]
    """Of one image, whether or not `x` holds it flattened."""

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.x.device


def make_images(data: DataSet, flat: bool, dtype: torch.dtype, device: str) -> Images:
    """Move the training and validation images of `data` (not its test images) to `device`."""
    if len(data.train) == 0:
        raise ArgumentError("the data set has no training images")
    return Images(
        *_tensors(data.train, flat, dtype, device),
        *_tensors(data.validation, flat, dtype, device),
        data.image_shape,
    )


def _tensors(split: Split, flat: bool, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    inputs = split.inputs.reshape(len(split), -1) if flat and len(split) else split.inputs
    x = torch.tensor(inputs, dtype=dtype, device=device)
    return x, torch.tensor(split.labels, dtype=torch.long, device=device)
