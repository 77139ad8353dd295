"""Figure 1 of Cai et al. (CPAIOR 2023) again: how many regions pruning leaves on planes of images.

    python -m analyses.count_regions_mnist --data PATH/mnist.npz

Networks with two hidden layers of 20 are trained, pruned by magnitude layer by layer (the output
layer stays dense), trained again with the pruned weights held at zero, and their activation
regions counted exactly on the affine span of S test images cut by the published box of pixel
values, a little wider than the data (most pixels lie on its border otherwise). The
paper needs a commercial solver and a mixed-integer program per region; here S = 2 is a line, S = 3
a plane and S = 5 has dimension four, all exact. Without `--data` the digits of scikit-learn are
used, for which there are no published values. A killed run continues where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regions
from analyses.catalogue import DATA, Entry
from analyses.study import Study, launch
from regions.figures import (
    MARKERS,
    PALETTE,
    figure_style,
    plot_means,
    share_legend,
)
from regions.resume import fingerprint
from regions.training import DataSet, Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(figure="Cai et al. 2023, Figure 1", minutes=0.5, inputs="digits or --data PATH")
PUBLISHED = DATA / "cai2023_counts_and_bounds.csv"
MARGIN = 0.05  # of the box around the data, less than the published box has around MNIST


@dataclass(frozen=True, kw_only=True)
class CountRegions(Study):
    """Every network on every subspace; the defaults are the paper's."""

    axes = {"points": "points", "density": "densities", "seed": "seeds"}
    small = {"seeds": 2, "densities": (1.0, 0.1), "epochs": 1}
    in_rows = False
    shown = ("table",)
    published = (PUBLISHED,)

    data: str = "digits"
    """"digits", or the path of an .npz file or folder of images."""
    hidden: tuple[int, ...] = (20, 20)
    densities: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005)
    points: tuple[int, ...] = (2, 3, 5)
    """Numbers S of sample images; the subspace has dimension S - 1."""
    seeds: int = 30
    epochs: int = 15
    """Epochs of training, and again of training after pruning."""
    batch_size: int = 128
    learning_rate: float = 0.01
    low: float = -0.5
    high: float = 2.9
    """Bounds of standardised pixels, those of the published script; wider if the data's are."""
    time_limit: float = 600.0
    """Seconds per count; counts that need more are left out and reported."""

    def prepare(self, home: Path) -> Trained:
        """Train the networks of all densities and seeds, or read them back."""
        data = load_data(self.data, rng=0)
        return Trained(*trained(self, data, home), self.box(data), data)

    def given(self, prepared: Trained, points: int, density: float, seed: int) -> dict[str, Any]:
        """Return one network and its images, rather than all of them to every worker."""
        images = prepared.data.test.inputs
        rng = np.random.default_rng([seed, points])
        chosen = images[rng.choice(len(images), points, replace=False)]
        return {
            "network": prepared.networks[density, seed],
            "images": chosen.astype(np.float64).reshape(points, -1),
            "box": prepared.box,
        }

    def box(self, data: DataSet) -> regions.Box:
        """Return the published box of pixel values, or a little more than that of the data."""
        low = min(float(data.train.inputs.min()) - MARGIN, self.low)
        high = max(float(data.train.inputs.max()) + MARGIN, self.high)
        return regions.Box.cube(int(np.prod(data.image_shape)), low, high)

    def measure(
        self,
        points: int,
        density: float,
        seed: int,
        *,
        network: regions.ReLUNetwork,
        images: np.ndarray,
        box: regions.Box,
    ) -> pd.DataFrame:
        """Count the regions of one network on the span of test images, the same for all."""
        domain = regions.Slice.through(images, box=box)
        result = regions.count_regions(network, domain, time_limit=self.time_limit)
        row = {"regions": result.count, "lower": result.lower, "status": result.status.name}
        return pd.DataFrame([{**row, "method": result.method}])

    def joined(self, rows: pd.DataFrame, prepared: Trained) -> pd.DataFrame:
        """Return the counts with the accuracy of each network."""
        rows = rows.merge(prepared.accuracy, on=["density", "seed"])
        return rows.assign(data=prepared.data.name)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all counts, and their means beside the published ones."""
        return {"count_regions_mnist": rows, "table": tabulate(rows, self.known())}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"count_regions_mnist": draw(tables["count_regions_mnist"], self.known())}

    def known(self) -> pd.DataFrame | None:
        """Return the published counts, unless the data are others."""
        return None if self.data == "digits" else published_counts(PUBLISHED)

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return how many counts are left out."""
        unfinished = int((tables["count_regions_mnist"]["status"] != "EXACT").sum())
        left_out = f"{unfinished} count(s) reached the time limit and are left out"
        return [left_out] if unfinished else []


@dataclass(frozen=True)
class Trained:
    """The networks by density and seed, their accuracies, and where to look at them."""

    networks: dict[tuple[float, int], regions.ReLUNetwork]
    accuracy: pd.DataFrame
    box: regions.Box
    data: DataSet


def trained(
    study: CountRegions, data: DataSet, home: Path
) -> tuple[dict[tuple[float, int], regions.ReLUNetwork], pd.DataFrame]:
    """Return the networks by density and seed, and a table of their test accuracies."""
    recipe = Recipe(epochs=study.epochs, batch_size=study.batch_size, lr=study.learning_rate)
    seeds = list(range(study.seeds))
    fresh = [
        build_model("mlp", data.image_shape, data.classes, seed=seed, hidden=study.hidden)
        for seed in seeds
    ]
    folder = home / fingerprint([study.densities, study.seeds])
    fit = partial(train, data=data, recipe=recipe, progress=study.progress)
    dense = fit(fresh, seeds=seeds, checkpoint=folder / "dense")
    pruned = [density for density in study.densities if density < 1]
    keys = [(density, seed) for density in pruned for seed in seeds]
    masks = [regions.prune(dense.model(seed), density) for density, seed in keys]
    again = fit(
        [dense.model(seed) for _, seed in keys],
        masks=masks,
        seeds=[seed for _, seed in keys],
        checkpoint=folder / "pruned",
    )
    keys = [(1.0, seed) for seed in seeds] + keys
    models = [*dense.models(), *again.models()]
    accuracy = np.concatenate([evaluate(result, data.test).accuracy for result in (dense, again)])
    networks = {
        key: regions.as_network(model, input_shape=data.image_shape)
        for key, model in zip(keys, models, strict=True)
    }
    table = pd.DataFrame(keys, columns=["density", "seed"]).assign(accuracy=accuracy)
    return networks, table


def draw(frame: pd.DataFrame, published: pd.DataFrame | None) -> Figure:
    """Draw test accuracy and log2 of the number of regions against density."""
    with figure_style("neurips", columns=2, aspect=0.95):
        fig, (left, right) = plt.subplots(1, 2, layout="constrained")
        once = frame[frame["points"] == frame["points"].min()]
        percent = once.assign(percent=100 * once["accuracy"], networks="test accuracy")
        plot_means(percent, "density", "percent", "networks", legend=False, ax=left, color="black")
        left.set(xlabel="density (fraction of weights kept)", ylabel="test accuracy (%)")
        draw_counts(frame, published, right)
        for ax in (left, right):
            ax.set_xscale("log")
            ax.invert_xaxis()
        share_legend(fig, columns=5)
    return fig


def draw_counts(frame: pd.DataFrame, published: pd.DataFrame | None, ax: Axes) -> Axes:
    """Draw log2 counts by S, means over seeds with 95 % intervals, and the published means."""
    exact = frame[frame["status"] == "EXACT"]
    named = exact.assign(
        log2_regions=np.log2(exact["regions"].astype(float)),
        S="S = " + exact["points"].astype(str),
    )
    plot_means(named, "density", "log2_regions", "S", legend=False, ax=ax)
    ax.set(xlabel="density (fraction of weights kept)", ylabel="$\\log_2$ of the number of regions")
    if published is None:
        return ax
    for index, points in enumerate(sorted(frame["points"].unique())):
        known = published[published["points"] == points]
        look = {"mec": PALETTE[index], "mfc": "none", "marker": MARKERS[index], "ms": 8}
        label = None if index else "published (same marker, open)"
        ax.plot(known["density"], known["published"], ls="", label=label, **look)
    return ax


def tabulate(frame: pd.DataFrame, published: pd.DataFrame | None) -> pd.DataFrame:
    """Return mean and standard error of log2 counts beside the published means."""
    exact = frame[frame["status"] == "EXACT"]
    logs = exact.assign(log2=np.log2(exact["regions"].astype(float)))
    groups = logs.groupby(["points", "density"])
    table = groups["log2"].agg(ours="mean", standard_error="sem", networks="count").reset_index()
    table["accuracy"] = groups["accuracy"].mean().to_numpy()
    if published is not None:
        table = table.merge(published, how="left")
        table["difference"] = table["ours"] - table["published"]
    return table.sort_values(["points", "density"], ascending=[True, False])


def published_counts(path: Path) -> pd.DataFrame:
    """Return the published mean log2 counts by number of points and density."""
    table = pd.read_csv(path)
    table = table[table["quantity"] == "log2_regions"]
    table = table.assign(points=table["dim"].astype(int) + 1, published=table["value"])
    return table[["points", "density", "published"]]


if __name__ == "__main__":
    launch("count_regions_mnist")
