"""What blocks of columns and rows cost beside unstructured pruning, at equal density.

    python -m analyses.block_sparsity

A perceptron is trained on digits, pruned once at several densities by block-column-row masks of
several block sizes, by whole rows, by magnitude and at random, and trained on under the mask.
Accuracy before and after, the share of squared weights kept, and the bound on linear regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import (
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)
from regions.pruning import Request
from regions.training import Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(
    figure="GRIM (Niu et al. 2021), blocks at equal density",
    minutes=0.8,
    inputs="digits or --data PATH",
)
WHOLE = 10**6  # one block, whatever the layer's shape


@dataclass(frozen=True, kw_only=True)
class BlockSparsity(Study):
    """One network per seed, pruned in every way at every density."""

    axes = {"seed": "seeds"}
    small = {
        "hidden": (24, 24),
        "densities": (0.25,),
        "epochs": 2,
        "retrain_epochs": 1,
        "seeds": 2,
    }

    data: str = "digits"
    """Name of a data set, or a path."""
    hidden: tuple[int, ...] = (256, 256)
    densities: tuple[float, ...] = (0.5, 0.25, 0.1, 0.05)
    blocks: tuple[int, ...] = (16, 32, 64)
    epochs: int = 20
    retrain_epochs: int = 10
    seeds: int = 10

    def measure(self, seed: int) -> pd.DataFrame:
        """Train one network, prune it in every way and train all results on as one stack."""
        images = load_data(self.data)
        shape, classes = images.image_shape, images.classes
        model = build_model("mlp", shape, classes, seed=seed, hidden=self.hidden)
        dense = train([model], images, Recipe(epochs=self.epochs), seeds=[seed]).model(0)
        cases = list(_masks(dense, self.densities, self.blocks, seed))
        masks = [mask for _, _, mask in cases]
        recipe = Recipe(epochs=self.retrain_epochs, lr=0.02, schedule="cosine")
        again = [seed + 1000] * len(cases)
        retrained = train([dense] * len(cases), images, recipe, masks=masks, seeds=again)
        before = train([dense] * len(cases), images, Recipe(epochs=0), masks=masks)
        accuracies = [evaluate(result, images.test).accuracy for result in (before, retrained)]
        found = [(*case[:2], *_facts(dense, case[2])) for case in cases]
        frame = pd.DataFrame(found, columns=["arm", "density", "kept", "energy", "log2_bound"])
        frame["accuracy_dense"] = float(evaluate([dense], images.test).accuracy[0])
        return frame.assign(accuracy_before=accuracies[0], accuracy=accuracies[1])

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"block_sparsity": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"block_sparsity": draw(tables["block_sparsity"])}

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return the mean accuracy of the dense networks."""
        dense = tables["block_sparsity"].groupby("seed")["accuracy_dense"].first().mean()
        return [f"dense: {dense:.4f}"]


def rows(request: Request) -> dict[str, np.ndarray]:
    """Return the L2 norm of its row for every weight: whole units go (the last one in part)."""
    norms = {name: np.linalg.norm(w, axis=1, keepdims=True) for name, w in request.weights.items()}
    return {name: np.broadcast_to(norms[name], w.shape) for name, w in request.weights.items()}


def _masks(
    model: nn.Module, densities: tuple[float, ...], blocks: tuple[int, ...], seed: int
) -> Iterator[tuple[str, float, regions.Masks]]:
    for density in densities:
        yield "unstructured", density, regions.prune(model, density)
        for block in blocks:
            masks = regions.prune(model, density, "blocks", block=block, budget="layer")
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
    shares = ["accuracy_before", "accuracy"]
    frame = frame.assign(**(100 * frame[shares]).to_dict(orient="series"))
    panels = (
        ("accuracy_before", "test accuracy (%), pruned", (0, 100)),
        ("accuracy", "test accuracy (%), trained on", (0, 100)),
        ("log2_bound", "live bound, log$_2$ regions", (0, np.inf)),
    )
    with figure_style("neurips", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax, (value, label, within) in zip(axes, panels, strict=True):
            look = {"order": arms, "legend": False, "within": within}
            plot_means(frame, "density", value, "arm", ax=ax, **look)
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


if __name__ == "__main__":
    launch("block_sparsity")
