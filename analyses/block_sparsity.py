"""What blocks of columns and rows cost beside unstructured pruning, at equal density.

    python -m analyses.block_sparsity

A perceptron is trained on digits, pruned once at several densities by block-column-row masks of
several block sizes, by whole rows, by magnitude and at random, and trained on under the mask.
Accuracy before and after, the share of squared weights kept, and the bound on linear regions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
from regions.pruning import Request
from regions.resume import run_tasks
from regions.training import Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(
    figure="GRIM (Niu et al. 2021), blocks at equal density",
    minutes=0.8,
    inputs="digits or --data PATH",
)
WHOLE = 10**6  # one block, whatever the layer's shape


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

    data: str = "digits"
    """Name of a data set, or a path."""
    hidden: tuple[int, ...] = (256, 256)
    densities: tuple[float, ...] = (0.5, 0.25, 0.1, 0.05)
    blocks: tuple[int, ...] = (16, 32, 64)
    epochs: int = 20
    retrain_epochs: int = 10
    seeds: int = 10
    out: Path = Path("out/block_sparsity")
    smoke: bool = False
    """Two seeds, a small network, one density."""


def rows(request: Request) -> dict[str, np.ndarray]:
    """Return the L2 norm of its row for every weight: whole units go (the last one in part)."""
    norms = {name: np.linalg.norm(w, axis=1, keepdims=True) for name, w in request.weights.items()}
    return {name: np.broadcast_to(norms[name], w.shape) for name, w in request.weights.items()}


def compute(config: Config) -> pd.DataFrame:
    """Return one row per seed, density and mask."""
    if config.smoke:
        config = replace(config, hidden=(24, 24), densities=(0.25,), epochs=2, retrain_epochs=1)
    common = {
        "data": config.data,
        "hidden": config.hidden,
        "densities": config.densities,
        "blocks": config.blocks,
        "epochs": config.epochs,
        "retrain_epochs": config.retrain_epochs,
    }
    tasks = [{"seed": seed, **common} for seed in range(2 if config.smoke else config.seeds)]
    folder = config.out / "tasks"
    with config.workers.active():
        return run_tasks(tasks, run_seed, folder, progress=config.progress)


def run_seed(
    seed: int,
    data: str,
    hidden: tuple[int, ...],
    densities: tuple[float, ...],
    blocks: tuple[int, ...],
    epochs: int,
    retrain_epochs: int,
) -> pd.DataFrame:
    """Train one network, prune it in every way and train all results on as one stack."""
    images = load_data(data)
    model = build_model("mlp", images.image_shape, images.classes, seed=seed, hidden=hidden)
    dense = train([model], images, Recipe(epochs=epochs), seeds=[seed]).model(0)
    cases = list(_masks(dense, densities, blocks, seed))
    masks = [mask for _, _, mask in cases]
    recipe = Recipe(epochs=retrain_epochs, lr=0.02, schedule="cosine")
    again = [seed + 1000] * len(cases)
    retrained = train([dense] * len(cases), images, recipe, masks=masks, seeds=again)
    before = train([dense] * len(cases), images, Recipe(epochs=0), masks=masks)
    accuracies = [evaluate(result, images.test).accuracy for result in (before, retrained)]
    found = [(*case[:2], *_facts(dense, case[2])) for case in cases]
    frame = pd.DataFrame(found, columns=["arm", "density", "kept", "energy", "log2_bound"])
    frame["accuracy_dense"] = float(evaluate([dense], images.test).accuracy[0])
    return frame.assign(accuracy_before=accuracies[0], accuracy=accuracies[1])


def _masks(
    model: nn.Module, densities: tuple[float, ...], blocks: tuple[int, ...], seed: int
) -> Iterator[tuple[str, float, regions.Masks]]:
    for density in densities:
        yield "unstructured", density, regions.prune(model, density)
        for block in blocks:
            masks = regions.prune(model, density, "blocks", block=block)
            yield f"blocks of {block}", density, masks
        yield "one block", density, regions.prune(model, density, "blocks", block=WHOLE)
        yield "rows", density, regions.prune(model, density, rows)
        yield "random", density, regions.prune(model, density, "random", rng=seed)


def _facts(model: nn.Module, masks: regions.Masks) -> tuple[float, float, float]:
    """Return the density reached, the energy kept and the bound of the pruned layers."""
    pruned = list(masks)[:-1]
    weights = [model.get_submodule(name).weight.detach().numpy() for name in pruned]
    kept = sum(float((w[masks[n]] ** 2).sum()) for n, w in zip(pruned, weights, strict=True))
    widths = [weights[0].shape[1], *(len(weight) for weight in weights)]
    bound = regions.upper_bound(widths, "live", masks=[masks[name] for name in pruned])
    share = sum(masks.counts[name] for name in pruned) / sum(masks.sizes[name] for name in pruned)
    return share, kept / sum(float((w**2).sum()) for w in weights), bound.log2


def draw(frame: pd.DataFrame) -> Figure:
    """Draw accuracy before and after training on, and the bound, against density."""
    arms = list(frame["arm"].unique())
    panels = (
        ("accuracy_before", "test accuracy, pruned"),
        ("accuracy", "test accuracy, trained on"),
        ("log2_bound", "live bound, log$_2$ regions"),
    )
    with figure_style("neurips", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax, (value, label) in zip(axes, panels, strict=True):
            plot_means(frame, "density", value, "arm", ax=ax, order=arms, legend=False)
            ax.set(xscale="log", xlabel="density", ylabel=f"{label}\n(mean, 95% interval)")
            ticks = sorted(frame["density"].unique())
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
        share_legend(fig, columns=4)
    return fig


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracy after training on with its interval, and the other means."""
    table = mean_intervals(frame, "accuracy", ["density", "arm"])
    others = ["accuracy_before", "kept", "energy", "log2_bound"]
    means = frame.groupby(["density", "arm"], sort=False)[others].mean().reset_index()
    return table.merge(means)


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(f"dense: {frame.groupby('seed')['accuracy_dense'].first().mean():.4f}")
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    paths = save_figure(draw(frame), config.out / "block_sparsity", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
