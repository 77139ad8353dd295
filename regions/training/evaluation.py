"""Predictions of many models, image by image."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regions.errors import ArgumentError
from regions.results import Result, jsonable
from regions.training.datasets import Split
from regions.training.functional import module_engine
from regions.training.perceptron import PerceptronEngine, linear_modules
from regions.training.result import TrainResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MODELS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Evaluation(Result):
    """What each model predicts for each image.

    Attributes
    ----------
    predictions
        int32, (models, images): the class of the largest logit (the first one on ties; class 0
        where the logits are NaN).
    labels
        int64, (images,).
    losses
        (models,): mean cross-entropy in nats.

    Examples
    --------
    >>> from regions.training import build_model, evaluate, load_data
    >>> model = build_model("mlp", (1, 8, 8), 10, hidden=(8,), seed=0)
    >>> evaluate([model], load_data("digits").test).predictions.shape
    (1, 360)
    """

    predictions: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    losses: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether each model is right on each image: bool, (models, images)."""
        return self.predictions == self.labels

    @property
    def accuracy(self) -> np.ndarray:
        """The fraction of images each model gets right: (models,)."""
        return self.correct.mean(axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model: `model`, `accuracy`, `loss`."""
        number = np.arange(len(self.losses))
        return pd.DataFrame({"model": number, "accuracy": self.accuracy, "loss": self.losses})

    def to_dict(self) -> dict[str, Any]:
        """Return accuracies and losses, JSON-ready."""
        return jsonable({"accuracy": self.accuracy, "loss": self.losses, "n": len(self.labels)})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the recall of each class: mean over models, and its range."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        classes = np.unique(self.labels)
        recall = np.stack([self.correct[:, self.labels == c].mean(axis=1) for c in classes])
        ax.vlines(classes, recall.min(axis=1), recall.max(axis=1), lw=5, alpha=0.35)
        ax.plot(classes, recall.mean(axis=1), "o")
        ax.set(xlabel="class", ylabel="recall, mean and range over models", xticks=classes)
        return ax

    def summary(self) -> str:
        """Return the mean accuracy and its range in a sentence."""
        accuracy = self.accuracy
        return (
            f"{len(accuracy)} models on {len(self.labels)} images: mean accuracy "
            f"{accuracy.mean():.4f}, from {accuracy.min():.4f} to {accuracy.max():.4f}."
        )


def evaluate(
    models: TrainResult | Sequence[nn.Module],
    split: Split,
    *,
    device: str = "cpu",
    batch_size: int = 512,
) -> Evaluation:
    """Return the predictions of many models on one part of a data set.

    Parameters
    ----------
    models
        A result of `train` (evaluated as a stack), or any modules (one after another, in
        evaluation mode; left as they were).
    split
        `data.test`, `data.validation` or `data.train`.
    batch_size
        Images at a time; bounds the memory.

    Examples
    --------
    >>> from regions.training import build_model, evaluate, load_data
    >>> data = load_data("digits")
    >>> model = build_model("mlp", data.image_shape, data.classes)
    >>> evaluate([model], data.test).predictions.shape
    (1, 360)
    """
    if len(split) == 0 or len(models) == 0:
        raise ArgumentError(f"nothing to evaluate: {len(models)} models, {len(split)} images")
    pieces = (
        _stacked(models, split, device, batch_size)
        if isinstance(models, TrainResult)
        else [_alone(model, split, device, batch_size) for model in models]
    )
    predictions, losses = zip(*pieces, strict=True)
    return Evaluation(
        predictions=np.concatenate(predictions),
        labels=split.labels,
        losses=np.concatenate(losses),
    )


def _stacked(
    result: TrainResult, split: Split, device: str, batch_size: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    layers = linear_modules(result.template)
    x, y = _tensors(split, next(iter(result.parameters.values())).dtype, device)
    x = x.flatten(1) if layers else x
    engine = (
        PerceptronEngine(layers)
        if layers
        else module_engine(result.template, x.shape[1:], x.device)
    )
    found = []
    for start in range(0, len(result), _MODELS_AT_ONCE):
        rows = slice(start, start + _MODELS_AT_ONCE)
        parameters = {name: value[rows].to(device) for name, value in result.parameters.items()}
        buffers = {name: value[rows].to(device) for name, value in result.buffers.items()}
        size = len(next(iter(parameters.values())))
        logits = [
            engine.logits(parameters, buffers, engine.share(part, size))
            for part in x.split(batch_size)
        ]
        found.append(_judge(logits, y))
    return found


def _alone(
    model: nn.Module, split: Split, device: str, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate a copy, so that training flags, hooks' state and device stay as they are."""
    model = copy.deepcopy(model).eval().to(device)
    x, y = _tensors(split, next(iter(model.parameters())).dtype, device)
    with torch.no_grad():
        return _judge([model(part).unsqueeze(0) for part in x.split(batch_size)], y)


def _tensors(split: Split, dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(split.inputs).to(device=device, dtype=dtype)
    return x, torch.from_numpy(split.labels).to(device)


def _judge(logits: list[Tensor], labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions (models, images) and mean losses (models,)."""
    outputs = torch.cat(logits, 1)
    losses = F.cross_entropy(
        outputs.flatten(0, 1), labels.repeat(len(outputs)), reduction="none"
    ).view(len(outputs), -1)
    predictions = outputs.argmax(2).to(torch.int32).cpu().numpy()
    return predictions, losses.mean(1, dtype=torch.float64).cpu().numpy()
