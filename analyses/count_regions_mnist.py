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
from dataclasses import dataclass, replace
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
from analyses.options import Options, run_script, start
from regions.figures import (
    MARKERS,
    PALETTE,
    figure_style,
    plot_means,
    save_figure,
    save_table,
    share_legend,
)
from regions.resume import fingerprint, run_tasks
from regions.training import DataSet, Recipe, build_model, evaluate, load_data, train

ENTRY = Entry(figure="Cai et al. 2023, Figure 1", minutes=0.5, inputs="digits or --data PATH")
PUBLISHED = DATA / "cai2023_counts_and_bounds.csv"
MARGIN = 0.05  # of the box around the data, less than the published box has around MNIST


@dataclass(frozen=True)
class Config(Options):
    """Settings of the figure; the defaults are the paper's."""

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
    out: Path = Path("out/count_regions_mnist")
    smoke: bool = False
    """Two seeds, two densities, one epoch."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per S, density and seed: the count, and the network's test accuracy."""
    if config.smoke:
        config = replace(config, seeds=2, densities=(1.0, 0.1), epochs=1)
    data = load_data(config.data, rng=0)
    names = ("data", "hidden", "densities", "seeds", "epochs", "batch_size", "learning_rate")
    folder = config.out / "tasks" / fingerprint({name: getattr(config, name) for name in names})
    networks, accuracy = trained(config, data, folder)
    low = min(float(data.train.inputs.min()) - MARGIN, config.low)
    high = max(float(data.train.inputs.max()) + MARGIN, config.high)
    box = regions.Box.cube(int(np.prod(data.image_shape)), low, high)
    images = np.asarray(data.test.inputs, dtype=np.float64).reshape(len(data.test), -1)
    tasks = [
        {"points": points, "density": density, "seed": seed}
        for points in config.points
        for density in config.densities
        for seed in range(config.seeds)
    ]
    count = partial(_count, box=box, time_limit=config.time_limit)

    def extra(task: Mapping[str, Any]) -> dict[str, Any]:
        # one network and its images, rather than all of them to every worker
        rng = np.random.default_rng([task["seed"], task["points"]])
        chosen = rng.choice(len(images), task["points"], replace=False)
        return {"network": networks[task["density"], task["seed"]], "images": images[chosen]}

    home = folder / f"counts-in-{low:g}-{high:g}-{config.time_limit:g}"
    with config.workers.active():
        counts = run_tasks(
            tasks, count, home, extra=extra, progress=config.progress, label="counts"
        )
    return counts.merge(accuracy, on=["density", "seed"]).assign(data=data.name)


def trained(
    config: Config, data: DataSet, folder: Path
) -> tuple[dict[tuple[float, int], regions.ReLUNetwork], pd.DataFrame]:
    """Return the networks by density and seed, and a table of their test accuracies."""
    recipe = Recipe(epochs=config.epochs, batch_size=config.batch_size, lr=config.learning_rate)
    seeds = list(range(config.seeds))
    fresh = [
        build_model("mlp", data.image_shape, data.classes, seed=seed, hidden=config.hidden)
        for seed in seeds
    ]
    fit = partial(train, data=data, recipe=recipe, progress=config.progress)
    dense = fit(fresh, seeds=seeds, checkpoint=folder / "dense")
    pruned = [density for density in config.densities if density < 1]
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


def _count(
    points: int,
    density: float,
    seed: int,
    *,
    network: regions.ReLUNetwork,
    images: np.ndarray,
    box: regions.Box,
    time_limit: float,
) -> pd.DataFrame:
    """Count the regions of one network on the span of `points` test images, the same for all."""
    domain = regions.Slice.through(images, box=box)
    result = regions.count_regions(network, domain, time_limit=time_limit)
    row = {"regions": result.count, "lower": result.lower, "status": result.status.name}
    return pd.DataFrame([{**row, "method": result.method}])


def draw(frame: pd.DataFrame) -> Figure:
    """Draw test accuracy and log2 of the number of regions against density."""
    published = frame.attrs.get("published")
    with figure_style("neurips", columns=2, aspect=0.95):
        fig, (left, right) = plt.subplots(1, 2, layout="constrained")
        once = frame[frame["points"] == frame["points"].min()]
        percent = once.assign(percent=100 * once["accuracy"], networks="test accuracy")
        plot_means(percent, "density", "percent", "networks", legend=False, ax=left)
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


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard error of log2 counts beside the published means."""
    exact = frame[frame["status"] == "EXACT"]
    logs = exact.assign(log2=np.log2(exact["regions"].astype(float)))
    groups = logs.groupby(["points", "density"])
    table = groups["log2"].agg(ours="mean", standard_error="sem", networks="count").reset_index()
    table["accuracy"] = groups["accuracy"].mean().to_numpy()
    published = frame.attrs.get("published")
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


def main() -> None:
    """Train, count, print the table, and save figure, numbers and provenance."""
    config, run = start(Config, __doc__, inputs=[PUBLISHED])
    frame = compute(config)
    if config.data != "digits":
        frame.attrs["published"] = published_counts(PUBLISHED)
    table = tabulate(frame)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    unfinished = int((frame["status"] != "EXACT").sum())
    if unfinished:
        print(f"{unfinished} count(s) reached the time limit and are left out")
    save_table(table, config.out / "table.csv", run)
    paths = save_figure(draw(frame), config.out / "count_regions_mnist", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
