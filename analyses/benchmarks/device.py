"""Training, comparing and scoring on a device beside the CPU: equal results, ratios of times.

    python -m analyses.benchmarks.device --device cuda
    python -m analyses.benchmarks.device --device cuda --data cifar10.npz \
        --weights cifar10_resnets.npz

Every row is one piece of work on both, wall time (first a small run of it, so that starting the
device is not timed), and the largest difference of the results: of parameters and scores relative
to the largest, in double precision; of similarities as they are. Then, on the device alone, the
grid: a ResNet-20 pruned by the default rule to every density, trained on as one stack, with its
accuracies. Sized for eight minutes where a device is. Without --device cuda the CPU stands on both
sides, which shows that the script runs and nothing else.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import regions
from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from analyses.published import as_published, states_of, with_state
from regions.errors import ArgumentError
from regions.training import DataSet, Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(figure="a device beside the CPU", minutes=None, inputs="digits or --data PATH")


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    device: str = "cpu"
    data: str = "digits"
    weights: Path | None = None
    """An .npz file of trained weights of resnet20; without it networks start untrained."""
    densities: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    seeds: int = 3
    epochs: int = 2
    """Of the grid."""
    images: int = 512
    """Training images of the rows, and images that representations are compared on."""
    out: Path = Path("out/benchmarks/device")
    smoke: bool = False
    """Few images, one density, one seed."""


Work = Callable[[str, int], Any]


def networks(config: Config, data: DataSet) -> list[nn.Module]:
    """Return one ResNet-20 per seed."""
    found = [
        build_model("resnet20", data.image_shape, data.classes, seed=seed)
        for seed in range(config.seeds)
    ]
    if config.weights is None:
        return found
    state = states_of(config.weights, "resnet20")["resnet20"]
    return [with_state(model, state) for model in found]


def kinds_of_work(config: Config, data: DataSet) -> dict[str, Work]:
    """Return, by name, functions of a device and a number of images that give arrays."""
    model = networks(config, data)[0].double()
    masks = regions.prune(model, 0.1, input_shape=data.image_shape)

    def training(device: str, images: int) -> dict[str, np.ndarray]:
        few = replace(data, train=data.train.sample(images))
        done = train([model], few, Recipe(epochs=1, lr=0.01), masks=masks, device=device)
        state = done.state_dict(0)
        return {name: value.numpy() for name, value in state.items() if value.is_floating_point()}

    def comparing(device: str, images: int) -> dict[str, np.ndarray]:
        inputs = torch.as_tensor(data.test.sample(images).inputs).double()
        pruned = with_masks(model, masks).to(device)
        with_both = regions.compare_layers(
            with_masks(model, None).to(device), pruned, inputs, measure="cka"
        )
        return {"cka": with_both.to_frame()["value"].to_numpy()}

    def scoring(device: str, images: int) -> dict[str, np.ndarray]:
        some = data.train.sample(images)
        options = {"inputs": some.inputs, "labels": some.labels, "input_shape": data.image_shape}
        found = regions.prune(
            with_masks(model, None).to(device), 0.1, "snip", scope="global", **options
        )
        return {name: mask.astype(float) for name, mask in found.arrays.items()}

    return {"training": training, "compare_layers": comparing, "snip": scoring}


def with_masks(model: nn.Module, masks: regions.Masks | None) -> nn.Module:
    """Return a copy of the model in evaluation mode, pruned."""
    found = copy.deepcopy(model).eval()
    if masks is not None:
        masks.apply(found, how="zeros")
    return found


def beside(name: str, work: Work, config: Config) -> dict[str, Any]:
    """Return one row: seconds on the CPU and on the device, and how far the results differ."""
    seconds, found = {}, {}
    for side, device in (("cpu", "cpu"), ("device", config.device)):
        work(device, min(64, config.images))
        begin = time.perf_counter()
        found[side] = work(device, config.images)  # arrays on the CPU: nothing is left to wait for
        seconds[side] = time.perf_counter() - begin
    gap = max(
        float(np.abs(found["device"][key] - value).max() / max(1.0, np.abs(value).max()))
        for key, value in found["cpu"].items()
    )
    ratio = seconds["cpu"] / seconds["device"]
    return {"work": name, "cpu_s": seconds["cpu"], "device_s": seconds["device"],
            "ratio": ratio, "difference": gap}  # fmt: skip


def grid(config: Config, data: DataSet) -> pd.DataFrame:
    """Return the accuracy of every density and seed, trained on as one stack on the device."""
    models, masks, rows = [], [], []
    for seed, model in enumerate(networks(config, data)):
        for density in config.densities:
            models.append(model)
            masks.append(regions.prune(model, density, input_shape=data.image_shape))
            rows.append({"density": density, "seed": seed})
    recipe = Recipe(epochs=config.epochs, lr=0.01, batch_size=128, schedule="cosine")
    begin = time.perf_counter()
    seeds = [row["seed"] for row in rows]
    done = train(models, data, recipe, masks=masks, seeds=seeds, device=config.device)
    accuracy = evaluate(done, data.test, device=config.device).accuracy
    seconds = time.perf_counter() - begin
    return pd.DataFrame(rows).assign(accuracy=accuracy, seconds_of_all=seconds)


def compute(config: Config) -> dict[str, pd.DataFrame]:
    """Return the table of works and the table of the grid."""
    if config.smoke:
        config = replace(config, densities=(0.1,), seeds=1, epochs=1, images=32)
    if config.device != "cpu" and not torch.cuda.is_available():
        raise ArgumentError(f"device is {config.device!r}, and torch finds no CUDA device here")
    data = load_data(config.data, limit=64 if config.smoke else None)
    data = data if config.weights is None else as_published(data)
    works = kinds_of_work(config, data)
    rows = [beside(name, work, config) for name, work in works.items()]
    return {"device": pd.DataFrame(rows), "grid": grid(config, data)}


if __name__ == "__main__":
    report(Config, compute, "device", __doc__)
