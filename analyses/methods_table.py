"""Every pruning criterion and method at equal numbers of kept weights, and the controls.

    python -m analyses.methods_table [--data mnist.npz --limit 10000]

One perceptron, many seeds. Each arm prunes it to the same number of weights, all layers together,
and trains on: from the trained weights, or from untrained ones with the epochs of both trainings.
SNIP, GraSP and SynFlow look at the network before training. "Before" is right before the last
training, so also of untrained weights. Its learning rate is the one with the highest mean
validation accuracy, arm by arm and density by density: weights refitted by least squares are
large, and at the rate that is best for others they diverge.

Methods that remove whole units keep the number of units whose weights come nearest to the budget,
the same share in every hidden layer; merging of redundant units takes the threshold that does.
Singular components of the hidden layers are counted, and trained, as two factors; the output layer
stays whole. The column `density` says what it came to, `budget` what was asked for; an arm is left
out where it cannot come within half of the budget.

Rows and columns of zeros, rank and the bound on regions (kind "live") are those of the network
right after pruning; dead units are constant on all training images in the end. What pruning one
network costs in time is measured by `analyses.benchmarks.pruning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.methods_arms import (
    WEIGHT_DECAY,
    Arm,
    arms,
    component_weights,
    dead_units,
    factorised,
    structure,
    widths_of,
)
from analyses.methods_figure import draw, tabulate
from analyses.study import Study, launch
from regions.errors import ArgumentError
from regions.training import (
    DataSet,
    Recipe,
    TrainResult,
    build_model,
    evaluate,
    load_data,
    restart,
    train,
)

ENTRY = Entry(figure="Every pruning method, compared", minutes=4, inputs="digits or --data PATH")


@dataclass(frozen=True, kw_only=True)
class MethodsTable(Study):
    """All seeds of one arm at one density, as one stack."""

    axes = {("arm", "budget"): "pairs"}
    choosing = ("arms", "densities")
    small = {
        "epochs": 2,
        "finetune_epochs": 1,
        "images": 100,
        "limit": 300,
        "hidden": (16, 12),
        "densities": (0.1,),
        "seeds": 2,
    }
    in_rows = False
    shown = ("methods_table",)

    data: str = "digits"
    """"digits", or a file or folder that `regions.training.load_data` reads."""
    limit: int | None = None
    """Largest number of training images."""
    hidden: tuple[int, ...] = (100, 100)
    densities: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    """Of all weights together, the output layer's too."""
    arms: tuple[str, ...] = tuple(arms())
    seeds: int = 10
    epochs: int = 20
    finetune_epochs: int = 10
    rates: tuple[float, ...] = (0.1, 0.01)
    """Learning rates to choose from after pruning; the dense networks are trained at 0.05."""
    images: int = 500
    """Training images that criteria and methods look at."""

    def settled(self) -> Study:
        """Return the settings that are used, checked."""
        unknown = [name for name in self.arms if name not in arms()]
        if unknown:
            raise ArgumentError(f"no arm {unknown[0]!r}; choose from {list(arms())}")
        if not all(0 < density < 1 for density in self.densities):
            raise ArgumentError(f"densities are {self.densities}; expected fractions in (0, 1)")
        return super().settled()

    @property
    def pairs(self) -> tuple[tuple[str, float], ...]:
        """Every arm with the densities that it meets, and the dense networks."""
        data = load_data(self.data, limit=self.limit)
        widths = [int(np.prod(data.image_shape)), *self.hidden, data.classes]
        pairs = product(self.arms, self.densities)
        met = [(arm, density) for arm, density in pairs if arms()[arm].meets(widths, density)]
        return (("magnitude", 1.0), *met)

    @property
    def dense(self) -> Recipe:
        """How networks are trained before pruning."""
        return Recipe(epochs=self.epochs, lr=0.05, weight_decay=WEIGHT_DECAY, schedule="cosine")

    def prepare(self, home: Path) -> Networks:
        """Train the dense networks, or read them back."""
        data = load_data(self.data, limit=self.limit)
        shape, classes = data.image_shape, data.classes
        untrained = [
            build_model("mlp", shape, classes, seed=seed, hidden=self.hidden)
            for seed in range(self.seeds)
        ]
        folder = home / "dense"
        result = train(untrained, data, self.dense, checkpoint=folder, progress=self.progress)
        return Networks(data, untrained, result.models())

    def given(self, prepared: Networks, **_: Any) -> dict[str, Networks]:
        """Return the networks of all seeds."""
        return {"networks": prepared}

    def measure(self, arm: str, budget: float, *, networks: Networks) -> pd.DataFrame:
        """Prune the networks of all seeds, train them on as one stack, and measure."""
        chosen, seeds, data = arms()[arm], range(self.seeds), networks.data
        masks = [networks.prune(chosen, budget, seed, self.images) for seed in seeds]
        starts = [networks.restarted(chosen, masks[seed], seed) for seed in seeds]
        rows = [
            {"seed": seed, "budget": budget, "density": masks[seed].total_density}
            | structure(starts[seed])
            for seed in seeds
        ]
        frame = pd.DataFrame(rows).assign(accuracy_before=evaluate(starts, data.test).accuracy)
        held: Any = masks
        if chosen.keeps == "components":
            widths, size = widths_of(starts[0]), sum(masks[0].sizes.values())
            share = chosen.share(widths, budget)
            frame["density"] = component_weights(widths, share) / size
            starts, held = [factorised(model, share) for model in starts], None
        ended = _train_on(starts, data, self.recipes(chosen.start), held)
        return frame.assign(
            log2_bound=[regions.upper_bound(model, "live").log2 for model in starts],
            accuracy_after=evaluate(ended, data.test).accuracy,
            dead_units=[dead_units(model, data.train.inputs) for model in ended.models()],
            lr=ended.recipe.lr,
        )

    def recipes(self, start: str) -> list[Recipe]:
        """Return what may follow pruning; untrained weights get the epochs of both trainings."""
        epochs = self.finetune_epochs + (0 if start == "trained" else self.epochs)
        return [replace(self.dense, epochs=epochs, lr=rate) for rate in self.rates]

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"methods_figure": rows, "methods_table": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"methods_figure": draw(tables["methods_figure"])}


@dataclass(frozen=True)
class Networks:
    """The networks of all seeds before and after training, and what they are trained on."""

    data: DataSet
    untrained: Sequence[nn.Module]
    trained: Sequence[nn.Module]

    def prune(self, arm: Arm, density: float, seed: int, images: int) -> regions.Masks:
        """Return the masks of one arm for the network of one seed, which sees so many images."""
        model = (self.untrained if arm.early else self.trained)[seed]
        batch = self.data.train.sample(images, rng=seed)
        return arm.prune(model, density, batch, seed)

    def restarted(self, arm: Arm, masks: regions.Masks, seed: int) -> nn.Module:
        """Return the pruned network of one seed that training goes on from."""
        initial = self.untrained[seed] if arm.start == "rewind" else None
        return restart(self.trained[seed], masks, arm.start, initial=initial, rng=1000 + seed)


def _train_on(
    models: Sequence[nn.Module], data: DataSet, recipes: Sequence[Recipe], masks: Any
) -> TrainResult:
    """Train by each recipe and return the result with the best mean validation accuracy."""
    results = [train(models, data, recipe, masks=masks) for recipe in recipes]
    return max(results, key=lambda result: evaluate(result, data.validation).accuracy.mean())


if __name__ == "__main__":
    launch("methods_table")
