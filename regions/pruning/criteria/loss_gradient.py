"""The gradient of the loss at a model's weights, with or without weight decay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.criteria.batch_loss import BatchLoss, batch_loss
from regions.pruning.criterion import Criterion, Request


@dataclass(frozen=True, eq=False)
class OnBatch(Criterion):
    """A criterion of the loss on a batch of training images, `inputs`, with classes `labels`.

    `batch_norm` says whose statistics batch normalisation takes: ``"batch"``, those of this batch,
    as the public codes do, which score in training mode; or ``"running"``, those collected in
    training, which before training do not normalise. The two rank weights very differently.
    Dropout is off in both.
    """

    inputs: Any = field(repr=False)
    labels: Any = field(repr=False)
    batch_norm: str = field(default="batch", kw_only=True)
    """Statistics of batch normalisation: of the `batch`, as published, or the `running` ones."""

    def __post_init__(self) -> None:
        check_name("batch_norm", self.batch_norm, ("batch", "running"))

    def loss(self, request: Request, temperature: float = 1.0) -> BatchLoss:
        """Return the mean cross-entropy on the batch, of logits / `temperature`."""
        return batch_loss(request, self.inputs, self.labels, self.batch_norm, temperature)

    def data_gradient(self, request: Request) -> dict[str, np.ndarray]:
        """Return dL/dw of each layer to prune, L the mean cross-entropy on the batch."""
        found = self.loss(request).gradient()
        return {name: found[name].cpu().double().numpy() for name in request.weights}


@dataclass(frozen=True, eq=False)
class WithDecay(OnBatch):
    """A criterion of the loss that asks which gradient is meant, that with weight decay or not."""

    weight_decay: float
    gradient: str

    def __post_init__(self) -> None:
        super().__post_init__()
        decay = self.weight_decay
        if not (isinstance(decay, (int, float)) and 0 <= decay < float("inf")):
            raise ArgumentError(f"weight_decay is {decay!r}; expected a number >= 0")
        check_name("gradient", self.gradient, ("data", "regularised"))

    def loss_gradient(self, request: Request) -> dict[str, np.ndarray]:
        """Return dL/dw of each layer, plus weight_decay w if ``gradient="regularised"``."""
        gradients = self.data_gradient(request)
        regularised = self.gradient == "regularised"
        return {
            name: gradients[name] + (self.weight_decay * weight if regularised else 0.0)
            for name, weight in request.weights.items()
        }
