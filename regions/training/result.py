"""What training returns: the stacked parameters, the history, and each model on request."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from regions.errors import ArgumentError
from regions.results import Result, jsonable
from regions.training.job import Job
from regions.training.recipe import Recipe
from regions.training.stack import Tensors
from regions.training.state import State

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrainResult(Result):
    """Trained networks of one architecture.

    Attributes
    ----------
    parameters, buffers
        Name -> tensor of shape (models, *shape), on the CPU; buffers are running statistics.
    seeds
        The seed of each model's data order.
    epochs_kept
        After how many epochs the parameters of each model were taken.
    history
        One row per model and epoch: `model`, `seed`, `epoch` (1, 2, ..), `lr`, `train_loss` (mean
        over the epoch's batches, each before its step), `validation_accuracy` (fraction; NaN
        without validation images).

    Examples
    --------
    >>> from regions.training import Recipe, build_model, load_data, train
    >>> model = build_model("mlp", (1, 8, 8), 10, hidden=(8,), seed=0)
    >>> result = train([model], load_data("digits", limit=100), Recipe(epochs=1), seeds=[0])
    >>> len(result.models())
    1
    """

    parameters: Tensors
    buffers: Tensors
    seeds: tuple[int, ...]
    epochs_kept: tuple[int, ...]
    history: pd.DataFrame
    recipe: Recipe
    template: nn.Module = field(repr=False)

    def __len__(self) -> int:
        return len(self.seeds)

    def state_dict(self, index: int) -> dict[str, Tensor]:
        """Return a copy of the state of model `index`."""
        if not -len(self) <= index < len(self):
            raise ArgumentError(f"model {index} was asked for; there are {len(self)}")
        stacked = {**self.parameters, **self.buffers}
        return {name: value[index].clone() for name, value in stacked.items()}

    def model(self, index: int) -> nn.Module:
        """Return model `index` as a new module in evaluation mode."""
        model = copy.deepcopy(self.template)
        model.load_state_dict(self.state_dict(index))
        return model.eval()

    def models(self) -> list[nn.Module]:
        """Return all models as new modules in evaluation mode."""
        return [self.model(index) for index in range(len(self))]

    def to_frame(self) -> pd.DataFrame:
        """Return the history, one row per model and epoch."""
        return self.history.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return recipe, seeds and history (not the parameters), JSON-ready."""
        return jsonable(
            {
                "recipe": self.recipe,
                "seeds": self.seeds,
                "epochs_kept": self.epochs_kept,
                "history": self.history.to_dict(orient="list"),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the training loss by epoch: mean over models, and its range."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        losses: Any = self.history.groupby("epoch")["train_loss"].agg(["mean", "min", "max"])
        ax.fill_between(losses.index, losses["min"], losses["max"], alpha=0.25, lw=0)
        ax.plot(losses.index, losses["mean"])
        ax.set(xlabel="epoch", ylabel="training loss, mean and range over models", yscale="log")
        return ax

    def summary(self) -> str:
        """Return a sentence or two on what was trained and how it ended."""
        weights = sum(value[0].numel() for value in self.parameters.values())
        text = f"{len(self)} networks of {weights} parameters, {self.recipe.epochs} epochs."
        if self.history.empty:
            return text
        last = self.history[self.history["epoch"] == self.recipe.epochs]
        loss, accuracy = last["train_loss"].mean(), last["validation_accuracy"].mean()
        diverged = int((~np.isfinite(last["train_loss"])).sum())
        text += f" Last epoch: training loss {loss:.4g}, validation accuracy {accuracy:.4f}."
        return f"{text} {diverged} diverged: lower the learning rate." if diverged else text


def make_result(job: Job, parts: Sequence[tuple[list[int], State, Tensors]]) -> TrainResult:
    """Return one result from stacks trained apart; each comes with its models' numbers."""
    places = [index for indices, _, _ in parts for index in indices]
    back = np.argsort(places)
    rows = torch.from_numpy(back)

    def joined(tensors: list[Tensors]) -> Tensors:
        return {name: torch.cat([t[name].cpu() for t in tensors])[rows] for name in tensors[0]}

    states = [state for _, state, _ in parts]
    return TrainResult(
        parameters=joined([parameters for _, _, parameters in parts]),
        buffers=joined([state.kept.buffers for state in states]),
        seeds=job.seeds,
        epochs_kept=tuple(torch.cat([state.kept_epochs for state in states])[rows].tolist()),
        history=_history(
            job,
            torch.cat([s.losses for s in states], 1)[:, rows],
            torch.cat([s.accuracies for s in states], 1)[:, rows],
        ),
        recipe=job.recipe,
        template=copy.deepcopy(job.template),
    )


def _history(job: Job, losses: Tensor, accuracies: Tensor) -> pd.DataFrame:
    epochs, models = losses.shape
    rates = [job.recipe.rate(epoch) for epoch in range(epochs)]
    return pd.DataFrame(
        {
            "model": np.repeat(np.arange(models), epochs),
            "seed": np.repeat(job.seeds, epochs),
            "epoch": np.tile(np.arange(1, epochs + 1), models),
            "lr": np.tile(rates, models),
            "train_loss": losses.T.reshape(-1).numpy(),
            "validation_accuracy": accuracies.T.reshape(-1).numpy(),
        }
    )
