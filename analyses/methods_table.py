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
right after pruning; dead units are constant on all training images in the end. The CPU seconds of
pruning one network are printed and written to `seconds.jsonl`, apart from the table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
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
from analyses.options import Options, run_script, start
from regions.errors import ArgumentError
from regions.figures import save_figure, save_table
from regions.results import write_atomically
from regions.resume import fingerprint, run_tasks
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


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

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
    out: Path = Path("out/methods_table")
    smoke: bool = False
    """Small networks, two seeds, one density, three epochs."""

    def settings(self) -> Config:
        """Return the settings that are used, checked, and smaller for a smoke run."""
        unknown = [name for name in self.arms if name not in arms()]
        if unknown:
            raise ArgumentError(f"no arm {unknown[0]!r}; choose from {list(arms())}")
        if not all(0 < density < 1 for density in self.densities):
            raise ArgumentError(f"densities are {self.densities}; expected fractions in (0, 1)")
        small: dict[str, Any] = {"epochs": 2, "finetune_epochs": 1, "images": 100, "limit": 300}
        sizes: dict[str, Any] = {"hidden": (16, 12), "densities": (0.1,), "seeds": 2}
        return replace(self, **small, **sizes) if self.smoke else self

    def folder(self) -> Path:
        """Return where finished tasks lie: one folder for each set of dense networks."""
        elsewhere = ("arms", "densities", "out", "workers", "progress", "smoke")
        shared = {key: value for key, value in asdict(self).items() if key not in elsewhere}
        return self.out / "tasks" / fingerprint(shared)


@dataclass(frozen=True)
class Networks:
    """The networks of all seeds before and after training, and what they are trained on."""

    data: DataSet
    untrained: Sequence[nn.Module]
    trained: Sequence[nn.Module]
    dense: Recipe
    config: Config

    def prune(self, arm: Arm, density: float, seed: int) -> regions.Masks:
        """Return the masks of one arm for the network of one seed."""
        model = (self.untrained if arm.early else self.trained)[seed]
        batch = self.data.train.sample(self.config.images, rng=seed)
        return arm.prune(model, density, batch, seed)

    def recipes(self, start: str) -> list[Recipe]:
        """Return what may follow pruning; untrained weights get the epochs of both trainings."""
        epochs = self.config.finetune_epochs + (0 if start == "trained" else self.dense.epochs)
        return [replace(self.dense, epochs=epochs, lr=rate) for rate in self.config.rates]


def compute(config: Config) -> pd.DataFrame:
    """Return one row per arm, density and seed."""
    config = config.settings()
    found = networks(config)
    pairs = [("magnitude", 1.0), *_pairs(config, found)]
    tasks = [{"arm": arm, "how": asdict(arms()[arm]), "budget": d} for arm, d in pairs]
    work = partial(measure, networks=found)
    with config.workers.active():
        return run_tasks(tasks, work, config.folder(), progress=config.progress, label="arms")


def _pairs(config: Config, networks: Networks) -> list[tuple[str, float]]:
    widths = widths_of(networks.trained[0])
    pairs = product(config.arms, config.densities)
    return [(arm, density) for arm, density in pairs if arms()[arm].meets(widths, density)]


def networks(config: Config) -> Networks:
    """Train the dense networks, or read them back."""
    data = load_data(config.data, limit=config.limit)
    untrained = [
        build_model("mlp", data.image_shape, data.classes, seed=seed, hidden=config.hidden)
        for seed in range(config.seeds)
    ]
    dense = Recipe(epochs=config.epochs, lr=0.05, weight_decay=WEIGHT_DECAY, schedule="cosine")
    folder = config.folder() / "dense"
    result = train(untrained, data, dense, checkpoint=folder, progress=config.progress)
    return Networks(data, untrained, result.models(), dense, config)


def measure(arm: str, how: Mapping[str, Any], budget: float, *, networks: Networks) -> pd.DataFrame:
    """Prune the networks of all seeds, train them on as one stack, and measure."""
    chosen, seeds = Arm(**how), range(len(networks.trained))
    masks = [networks.prune(chosen, budget, seed) for seed in seeds]
    starts = [_restarted(chosen, networks, masks[seed], seed) for seed in seeds]
    rows = [
        {"seed": seed, "density": masks[seed].total_density, **structure(starts[seed])}
        for seed in seeds
    ]
    frame = pd.DataFrame(rows).assign(accuracy_before=evaluate(starts, networks.data.test).accuracy)
    held: Any = masks
    if chosen.keeps == "components":
        widths, size = widths_of(starts[0]), sum(masks[0].sizes.values())
        share = chosen.share(widths, budget)
        frame["density"] = component_weights(widths, share) / size
        starts, held = [factorised(model, share) for model in starts], None
    ended = _train_on(starts, networks.data, networks.recipes(chosen.start), held)
    inputs = networks.data.train.inputs
    return frame.assign(
        log2_bound=[regions.upper_bound(model, "live").log2 for model in starts],
        accuracy_after=evaluate(ended, networks.data.test).accuracy,
        dead_units=[dead_units(model, inputs) for model in ended.models()],
        lr=ended.recipe.lr,
    )


def _train_on(
    models: Sequence[nn.Module], data: DataSet, recipes: Sequence[Recipe], masks: Any
) -> TrainResult:
    """Train by each recipe and return the result with the best mean validation accuracy."""
    results = [train(models, data, recipe, masks=masks) for recipe in recipes]
    return max(results, key=lambda result: evaluate(result, data.validation).accuracy.mean())


def _restarted(arm: Arm, networks: Networks, masks: regions.Masks, seed: int) -> nn.Module:
    initial = networks.untrained[seed] if arm.start == "rewind" else None
    return restart(networks.trained[seed], masks, arm.start, initial=initial, rng=1000 + seed)


def time_pruning(config: Config) -> pd.DataFrame:
    """Return the CPU seconds that each arm takes to prune one network, without any training."""
    config = config.settings()
    found, rows = networks(config), []
    for arm, density in _pairs(config, found):
        begin = time.process_time()
        found.prune(arms()[arm], density, seed=0)
        rows.append({"arm": arm, "budget": density, "seconds": time.process_time() - begin})
    return pd.DataFrame(rows)


def main() -> None:
    """Run the study, print its table, and save table, figure, provenance and, apart, seconds."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    table, seconds = tabulate(frame), time_pruning(config)
    print(table.merge(seconds.round(3), how="left").to_string(index=False))
    save_table(table, config.out / "methods_table.csv", run)
    lines = seconds.to_json(orient="records", lines=True)
    write_atomically(config.out / "seconds.jsonl", lines)  # differs from run to run
    paths = save_figure(draw(frame), config.out / "methods_figure", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
