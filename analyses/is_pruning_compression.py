"""Is pruning compression? Dense, pruned, re-initialised and random sparse networks by layer.

    python -m analyses.is_pruning_compression [--data mnist.npz] [--models mlp resnet20]

After Blakeney, Yan and Zong (WACV 2020). Only the paper's abstract was at hand: models, data,
densities, training and thresholds below are ours, and so are the rules of the verdicts. Every
network is compared with the same dense network A; a second dense network B, of another seed, is
the reference: "pruning changed the representation" needs the pruned network to be about as far
from A as B is.

New weights have the scale of a dense layer. The rules of the verdicts are in
`analyses/compression_verdicts.py`.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.compression_figures import draw_accuracy, draw_layers, draw_maps
from analyses.compression_verdicts import per_network, verdicts
from analyses.options import Options, run_script, start
from regions.figures import save_figure, save_table
from regions.representations import DegenerateLayerWarning, SampleSizeWarning
from regions.resume import fingerprint, run_tasks
from regions.training import DataSet, Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(
    figure="Blakeney et al. 2020, the abstract's claims", minutes=5, inputs="digits or --data PATH"
)
SIZES: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (64, 64, 64)},
    "convnet": {"width": 8},
    "vgg11": {"width": 4},
    "vgg16": {"width": 4},
    "resnet20": {"width": 4},
}


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

    data: str = "digits"
    """"digits", or a file or folder that `regions.training.load_data` reads."""
    models: tuple[str, ...] = ("mlp", "convnet", "vgg11", "resnet20")
    densities: tuple[float, ...] = (0.5, 0.2, 0.05)
    scope: str = "global"
    """Magnitudes compared in the whole network, or within each layer."""
    seeds: int = 3
    epochs: int = 15
    finetune_epochs: int = 8
    limit: int | None = None
    """Largest number of training images."""
    measure: str = "svcca"
    images: int = 1500
    """Images that the representations are compared on."""
    max_positions: int = 16
    """Random positions per image of convolutional layers."""
    blocks: int = 10
    """Blocks of images of the jackknife intervals in the table."""
    device: str = "cpu"
    out: Path = Path("out/is_pruning_compression")
    smoke: bool = False
    """Perceptron only, one density, two seeds, two epochs."""

    def effective(self) -> dict[str, Any]:
        """Return what the results depend on, smaller for a smoke run."""
        names = (
            "data",
            "densities",
            "scope",
            "epochs",
            "finetune_epochs",
            "limit",
            "measure",
            "images",
            "max_positions",
            "blocks",
            "device",
        )
        chosen = {name: getattr(self, name) for name in names}
        small = {"densities": (0.2,), "epochs": 2, "finetune_epochs": 1, "images": 700}
        return {**chosen, **small} if self.smoke else chosen


def compute(config: Config) -> pd.DataFrame:
    """Return one row per model, seed, arm, density and layer (`kind` "layer" or "map")."""
    settings = config.effective()
    models, seeds = (("mlp",), 2) if config.smoke else (config.models, config.seeds)
    tasks = [{"model": model, "seed": seed} for model in models for seed in range(seeds)]
    folder = config.out / "tasks" / fingerprint(settings)
    work = partial(study, **settings)
    with config.workers.active():
        return run_tasks(tasks, work, folder, progress=config.progress, label="networks")


def study(
    model: str,
    seed: int,
    *,
    data: str,
    densities: Sequence[float],
    scope: str,
    epochs: int,
    finetune_epochs: int,
    limit: int | None,
    measure: str,
    images: int,
    max_positions: int,
    blocks: int,
    device: str,
) -> pd.DataFrame:
    """Train every arm of one model and seed and compare it with dense network A."""
    parts = load_data(data, limit=limit)
    full = Recipe(epochs=epochs, lr=0.05, momentum=0.9, schedule="cosine")
    short = Recipe(epochs=finetune_epochs, lr=0.02, momentum=0.9, schedule="cosine")
    arms = train_arms(model, seed, parts, densities, scope, full, short, device)
    inputs = comparison_inputs(parts, images)
    dense = arms["dense", 1.0]
    compare = partial(regions.compare_layers, dense, measure=measure, tap="relu")
    frames = []
    for (arm, density), network in arms.items():
        accuracy = float(evaluate([network], parts.test).accuracy[0])
        with warnings.catch_warnings():  # the status is in the table
            warnings.simplefilter("ignore", SampleSizeWarning)
            warnings.simplefilter("ignore", DegenerateLayerWarning)
            layers = compare(
                network,
                inputs,
                grid=False,
                blocks=blocks,
                permutations=1,
                max_positions=max_positions,
                batch_size=250,
            )
            grid = compare(network, inputs, grid=True, mode="gap", batch_size=250)
        curve = layers.to_frame().assign(kind="layer", layer_y=lambda frame: frame["layer"])
        frame = pd.concat([curve, _long(grid)], ignore_index=True)
        frames.append(frame.assign(arm=arm, density=density, accuracy=accuracy))
    return pd.concat(frames, ignore_index=True)


def train_arms(
    name: str,
    seed: int,
    data: DataSet,
    densities: Sequence[float],
    scope: str,
    full: Recipe,
    short: Recipe,
    device: str,
) -> dict[tuple[str, float], nn.Module]:
    """Return the trained networks of all arms, by arm and density."""

    def fresh(number: int) -> nn.Module:
        return build_model(name, data.image_shape, data.classes, seed=number, **SIZES[name])

    numbers = (2 * seed, 2 * seed + 1)
    start = [fresh(number) for number in numbers]
    dense = train(start, data, full, seeds=list(numbers), device=device).models()
    jobs: dict[tuple[str, float], tuple[nn.Module, Any, int]] = {}
    arms = {("dense", 1.0): dense[0], ("other", 1.0): dense[1], ("untrained", 1.0): fresh(9000)}
    for density in densities:
        masks = [regions.prune(network, density, scope=scope) for network in dense]
        shape = {layer: kept for layer, kept in masks[0].density().items() if 0 < kept < 1}
        scattered = regions.prune(dense[0], shape, criterion="random", rng=seed)
        arms["pruned", density] = masks[0].apply(copy.deepcopy(dense[0]), how="zeros")
        jobs["finetuned", density] = (dense[0], masks[0], numbers[0])
        jobs["finetuned_other", density] = (dense[1], masks[1], numbers[1])
        jobs["reinitialised", density] = (fresh(1000 + seed), masks[0], 1000 + seed)
        jobs["random", density] = (fresh(1000 + seed), scattered, 1000 + seed)
    for recipe, short_arm in ((short, True), (full, False)):
        chosen = {key: job for key, job in jobs.items() if key[0].startswith("fine") == short_arm}
        networks, masks, seeds = map(list, zip(*chosen.values(), strict=True))
        result = train(networks, data, recipe, masks=masks, seeds=seeds, device=device)
        arms.update(zip(chosen, result.models(), strict=True))
    return arms


def comparison_inputs(data: DataSet, images: int) -> np.ndarray:
    """Return test images, or images of all parts where the test part is too small."""
    if len(data.test) >= images:
        return data.test.inputs[:images]
    return np.concatenate([part.inputs for part in (data.test, data.validation, data.train)])[
        :images
    ]


def _long(grid: regions.LayerComparison) -> pd.DataFrame:
    rows = [{"layer": a, "layer_y": b, "value": pair.value} for (a, b), pair in grid.grid.items()]
    return pd.DataFrame(rows).assign(kind="map")


def main() -> None:
    """Run the study, print the verdicts, and save figures, numbers and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    table = verdicts(frame)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    save_table(table, config.out / "verdicts.csv", run)
    layers = frame.loc[frame["kind"] == "layer"].dropna(axis=1, how="all")
    save_figure(draw_layers(frame), config.out / "similarity_by_layer", layers, run)
    maps = frame.loc[frame["kind"] == "map"].dropna(axis=1, how="all")
    save_figure(draw_maps(frame), config.out / "layer_by_layer", maps, run)
    paths = save_figure(draw_accuracy(frame), config.out / "accuracy", per_network(frame), run)
    print(f"figures: {paths['png'].parent}")


if __name__ == "__main__":
    run_script(main)
