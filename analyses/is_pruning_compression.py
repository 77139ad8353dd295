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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import nn
from tyro.conf import arg

import regions
from analyses.catalogue import Entry
from analyses.compression_figures import draw_accuracy, draw_layers, draw_maps
from analyses.compression_verdicts import per_network, verdicts
from analyses.study import Study, launch
from regions.representations import DegenerateLayerWarning, SampleSizeWarning
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


@dataclass(frozen=True, kw_only=True)
class IsPruningCompression(Study):
    """Every arm of one model and seed, compared with one dense network."""

    axes = {"model": "models", "seed": "seeds"}
    small = {
        "models": ("mlp",),
        "densities": (0.2,),
        "seeds": 2,
        "epochs": 2,
        "finetune_epochs": 1,
        "images": 700,
    }
    in_rows = False
    shown = ("verdicts",)

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
    similarity: Annotated[str, arg(name="measure")] = "svcca"
    """Of `regions.representations`."""
    images: int = 1500
    """Images that the representations are compared on."""
    max_positions: int = 16
    """Random positions per image of convolutional layers."""
    blocks: int = 10
    """Blocks of images of the jackknife intervals in the table, for measures that have them."""
    device: str = "cpu"

    def measure(self, model: str, seed: int) -> pd.DataFrame:
        """Train every arm of one model and seed and compare it with dense network A."""
        data = load_data(self.data, limit=self.limit)
        arms = train_arms(self, model, seed, data)
        inputs, frames = comparison_inputs(data, self.images), []
        for (arm, density), network in arms.items():
            accuracy = float(evaluate([network], data.test).accuracy[0])
            found = self.compared(arms["dense", 1.0], network, inputs)
            frames.append(found.assign(arm=arm, density=density, accuracy=accuracy))
        return pd.concat(frames, ignore_index=True)

    def compared(self, dense: nn.Module, network: nn.Module, inputs: np.ndarray) -> pd.DataFrame:
        """Return one row per layer and one per pair of layers (`kind` "layer" or "map")."""
        common: dict[str, Any] = {"measure": self.similarity, "tap": "relu", "batch_size": 250}
        compare = partial(regions.compare_layers, dense, network, inputs, **common)
        with warnings.catch_warnings():  # the status is in the table
            warnings.simplefilter("ignore", SampleSizeWarning)
            warnings.simplefilter("ignore", DegenerateLayerWarning)
            layers = compare(
                grid=False,
                blocks=self.blocks,
                permutations=1,
                max_positions=self.max_positions,
            )
            grid = compare(grid=True, mode="gap")
        curve = layers.to_frame().assign(kind="layer", layer_y=lambda frame: frame["layer"])
        return pd.concat([curve, _long(grid)], ignore_index=True)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the verdicts, similarities by layer and by pair of layers, and accuracies."""
        kinds = {"similarity_by_layer": "layer", "layer_by_layer": "map"}
        parts = {name: rows.loc[rows["kind"] == kind] for name, kind in kinds.items()}
        return {
            "verdicts": verdicts(rows),
            **{name: part.dropna(axis=1, how="all") for name, part in parts.items()},
            "accuracy": per_network(rows),
        }

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return one figure per table of numbers."""
        return {
            "similarity_by_layer": draw_layers(tables["similarity_by_layer"]),
            "layer_by_layer": draw_maps(tables["layer_by_layer"]),
            "accuracy": draw_accuracy(tables["accuracy"]),
        }


def train_arms(
    study: IsPruningCompression, name: str, seed: int, data: DataSet
) -> dict[tuple[str, float], nn.Module]:
    """Return the trained networks of all arms, by arm and density."""
    full = Recipe(epochs=study.epochs, lr=0.05, momentum=0.9, schedule="cosine")
    short = Recipe(epochs=study.finetune_epochs, lr=0.02, momentum=0.9, schedule="cosine")

    def fresh(number: int) -> nn.Module:
        return build_model(name, data.image_shape, data.classes, seed=number, **SIZES[name])

    numbers = (2 * seed, 2 * seed + 1)
    start = [fresh(number) for number in numbers]
    dense = train(start, data, full, seeds=list(numbers), device=study.device).models()
    jobs: dict[tuple[str, float], tuple[nn.Module, Any, int]] = {}
    arms = {("dense", 1.0): dense[0], ("other", 1.0): dense[1], ("untrained", 1.0): fresh(9000)}
    for density in study.densities:
        masks = [regions.prune(network, density, scope=study.scope) for network in dense]
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
        result = train(networks, data, recipe, masks=masks, seeds=seeds, device=study.device)
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


if __name__ == "__main__":
    launch("is_pruning_compression")
