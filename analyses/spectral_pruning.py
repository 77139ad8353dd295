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
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

import regions
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import (
    LINE_STYLES,
    MARKERS,
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)
from regions.training import DataSet, Recipe, Split, build_model, load_data, train

ENTRY = Entry(
    figure="Eigenpruning (Vergara-Browne et al. 2024), with controls",
    minutes=0.3,
    inputs="digits or --data PATH",
)
ARMS = ("max", "mean", "magnitude", "random")
ANY_SCORE = "components, any score"


@dataclass(frozen=True, kw_only=True)
class SpectralPruning(Study):
    """One network per seed, trained well and briefly, and pruned by every score."""

    axes = {"seed": "seeds"}
    small = {"densities": (1.0, 0.25), "epochs": 2, "seeds": 2}

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

    def measure(self, seed: int) -> pd.DataFrame:
        """Train one network well and briefly, and prune both; gains are on the first density."""
        source = load_data(self.data)
        shape = source.image_shape
        model = build_model("mlp", shape, source.classes, seed=seed, hidden=self.hidden)
        rows = []
        for training, recipe, kept in (
            ("trained, all classes", Recipe(epochs=self.epochs), None),
            ("under-trained, two classes", Recipe(epochs=1, lr=0.01, momentum=0.0), self.classes),
        ):
            net = train([model], source, recipe, seeds=[seed]).model(0).double()
            x, y = _images(source.train, kept, self.images if kept is None else None)
            for density in self.densities:
                for arm in (*ARMS, "single weights"):
                    masks = _masks(net, arm, {self.layer: density}, x, y, seed)
                    pruned = masks.apply(copy.deepcopy(net), "zeros")
                    bound = regions.upper_bound(masks.apply(regions.as_network(net)), "live")
                    accuracy = _accuracy(pruned, source, kept)
                    rows.append((training, density, arm, accuracy, bound.log2))
        frame = pd.DataFrame(rows, columns=["training", "density", "arm", "accuracy", "log2_bound"])
        dense = frame.groupby(["training", "arm"])["accuracy"].transform("first")
        return frame.assign(gain=frame["accuracy"] - dense)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"spectral_pruning": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"spectral_pruning": draw(tables["spectral_pruning"])}


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
    """Draw accuracy of both trainings and the bound against the fraction of components kept.

    The bound looks at ranks alone, so the scores of components, which give it the same numbers up
    to units that die, are one line there.
    """
    arms = list(frame["arm"].unique())
    frame = frame.assign(accuracy=100 * frame["accuracy"], gain=100 * frame["gain"])
    trained, brief = (part for _, part in frame.groupby("training", sort=False))
    kinds = trained.assign(arm=trained["arm"].where(trained["arm"] == arms[-1], ANY_SCORE))
    bound = kinds.groupby(["density", "seed", "arm"], as_index=False)["log2_bound"].mean()
    panels = (
        (trained, "accuracy", "trained, all classes:\ntest accuracy (%)", (0, 100), arms),
        (brief, "gain", "under-trained, two classes:\ngain (points)", (-100, 100), arms),
        (bound, "log2_bound", "trained, all classes:\nlive bound (log$_2$)", (0, np.inf), None),
    )
    with figure_style("jmlr", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 3, layout="constrained")
        for ax, (part, value, label, within, order) in zip(axes, panels, strict=True):
            look = {"interval": "bars", "within": within, "legend": False, "lw": 0.8, "ms": 3}
            if order is None:
                _bounds(part, value, ax, arms, look)
            else:
                plot_means(part, "density", value, "arm", ax=ax, order=order, dodge=1.06, **look)
            ax.set(xscale="log", xlabel="components kept", ylabel=label)
            ticks = [tick for tick in (1, 2, 4, 8, 16) if 1 / tick in frame["density"].unique()]
            ax.set_xticks([1 / tick for tick in ticks], [f"1/{t}" if t > 1 else "1" for t in ticks])
            ax.minorticks_off()
        share_legend(fig, columns=3)
    return fig


def _bounds(part: pd.DataFrame, value: str, ax: Axes, arms: list[str], look: dict) -> None:
    last = len(arms) - 1  # single weights look as in the other panels
    for arm, index in ((arms[-1], last), (ANY_SCORE, len(PALETTE) - 1)):
        own = {"color": PALETTE[index], "marker": MARKERS[index], "ls": LINE_STYLES[index]}
        plot_means(part, "density", value, "arm", order=[arm], ax=ax, **look, **own)


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracy with its interval, mean gain and mean bound per training and arm."""
    keys = ["training", "density", "arm"]
    others = frame.groupby(keys, sort=False)[["gain", "log2_bound"]].mean().reset_index()
    return mean_intervals(frame, "accuracy", keys).merge(others)


if __name__ == "__main__":
    launch("spectral_pruning")
