"""What removing singular components does to accuracy and to the bound on linear regions.

    python -m analyses.spectral_pruning

Perceptrons on digits lose singular components of their middle layer, by the largest or the mean
attribution, by singular value, or at random (the control). Trained networks are tested on all
classes; under-trained ones on two classes alone, with attributions from images of these two, the
setting in which Eigenpruning (arXiv 2404.03147) reports gains. Magnitude pruning of single
weights at the same density is the other control: it leaves the rank alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import (
    figure_style,
    mean_intervals,
    plot_means,
    save_figure,
    share_legend,
)
from regions.resume import run_tasks
from regions.training import DataSet, Recipe, Split, build_model, load_data, train

ENTRY = Entry(
    figure="Eigenpruning (Vergara-Browne et al. 2024), with controls",
    minutes=0.3,
    inputs="digits or --data PATH",
)
ARMS = ("max", "mean", "magnitude", "random")


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

    data: str = "digits"
    """Name of a data set, or a path."""
    hidden: tuple[int, ...] = (64, 64)
    layer: str = "fc2"
    densities: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0625)
    """Fractions of singular components kept."""
    classes: tuple[int, ...] = (3, 8)
    images: int = 128
    """Training images that attributions and means are taken over (of the two classes: all)."""
    epochs: int = 20
    seeds: int = 10
    out: Path = Path("out/spectral_pruning")
    smoke: bool = False
    """Two seeds, two densities."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per seed, training, density and score."""
    if config.smoke:
        config = replace(config, densities=(1.0, 0.25), epochs=2)
    common = {
        "data": config.data,
        "hidden": config.hidden,
        "layer": config.layer,
        "densities": config.densities,
        "classes": config.classes,
        "images": config.images,
        "epochs": config.epochs,
    }
    tasks = [{"seed": seed, **common} for seed in range(2 if config.smoke else config.seeds)]
    folder = config.out / "tasks"
    with config.workers.active():
        return run_tasks(tasks, run_seed, folder, progress=config.progress)


def run_seed(
    seed: int,
    data: str,
    hidden: tuple[int, ...],
    layer: str,
    densities: tuple[float, ...],
    classes: tuple[int, ...],
    images: int,
    epochs: int,
) -> pd.DataFrame:
    """Train one network well and briefly, and prune both; gains are on the first density."""
    source = load_data(data)
    model = build_model("mlp", source.image_shape, source.classes, seed=seed, hidden=hidden)
    rows = []
    for training, recipe, kept in (
        ("trained, all classes", Recipe(epochs=epochs), None),
        ("under-trained, two classes", Recipe(epochs=1, lr=0.01, momentum=0.0), classes),
    ):
        net = train([model], source, recipe, seeds=[seed]).model(0).double()
        x, y = _images(source.train, kept, images if kept is None else None)
        for density in densities:
            for arm in (*ARMS, "single weights"):
                masks = _masks(net, arm, {layer: density}, x, y, seed)
                pruned = masks.apply(copy.deepcopy(net), "zeros")
                bound = regions.upper_bound(masks.apply(regions.as_network(net)), "live")
                accuracy = _accuracy(pruned, source, kept)
                rows.append((training, density, arm, accuracy, bound.log2))
    frame = pd.DataFrame(rows, columns=["training", "density", "arm", "accuracy", "log2_bound"])
    dense = frame.groupby(["training", "arm"])["accuracy"].transform("first")
    return frame.assign(gain=frame["accuracy"] - dense)


def _masks(
    net: nn.Module, arm: str, density: dict[str, float], x: np.ndarray, y: np.ndarray, seed: int
) -> regions.Masks:
    if arm == "single weights":
        return regions.prune(net, density)
    return regions.prune(net, density, "spectral", inputs=x, labels=y, score=arm, rng=seed)


def _images(
    split: Split, classes: tuple[int, ...] | None, count: int | None
) -> tuple[np.ndarray, np.ndarray]:
    rows = slice(None) if classes is None else np.isin(split.labels, classes)
    return split.inputs[rows][:count], split.labels[rows][:count]


def _accuracy(net: nn.Module, source: DataSet, classes: tuple[int, ...] | None) -> float:
    x, y = _images(source.test, classes, None)
    with torch.no_grad():
        answers = net(torch.tensor(x, dtype=torch.float64)).argmax(1).numpy()
    return float((answers == y).mean())


def draw(frame: pd.DataFrame) -> Figure:
    """Draw accuracy of both trainings and the bound against the fraction of components kept."""
    arms = list(frame["arm"].unique())
    trained, brief = (part for _, part in frame.groupby("training", sort=False))
    panels = (
        (trained, "accuracy", "test accuracy, trained"),
        (brief, "gain", "gain, two classes"),
        (trained, "log2_bound", "live bound, log$_2$ regions"),
    )
    with figure_style("neurips", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax, (part, value, label) in zip(axes, panels, strict=True):
            plot_means(part, "density", value, "arm", ax=ax, order=arms, legend=False)
            ax.set(xscale="log", xlabel="components kept", ylabel=f"{label}\n(mean, 95% interval)")
            ticks = [tick for tick in (1, 2, 4, 8, 16) if 1 / tick in frame["density"].unique()]
            ax.set_xticks([1 / tick for tick in ticks], [f"1/{t}" if t > 1 else "1" for t in ticks])
            ax.minorticks_off()
        share_legend(fig, columns=5)
    return fig


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracy with its interval, mean gain and mean bound per training and arm."""
    keys = ["training", "density", "arm"]
    others = frame.groupby(keys, sort=False)[["gain", "log2_bound"]].mean().reset_index()
    return mean_intervals(frame, "accuracy", keys).merge(others)


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    paths = save_figure(draw(frame), config.out / "spectral_pruning", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
