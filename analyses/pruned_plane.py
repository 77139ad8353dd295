"""The picture of the README: regions of one network on a plane, before and after pruning.

python -m analyses.pruned_plane
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

import regions
from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import figure_style, save_figure
from regions.networks import ReLUNetwork
from regions.resume import run_tasks
from regions.training import Recipe, build_model, load_data, train
from regions.workers import one_thread

ENTRY = Entry(figure="none: the picture of the README", minutes=0.2, inputs="digits or --data PATH")


@dataclass(frozen=True)
class Config(Options):
    """One perceptron, pruned with repair and trained on."""

    data: str = "digits"
    """"digits", or the path of an .npz file or folder of images."""
    densities: tuple[float, ...] = (1.0, 0.02)
    epochs: int = 20
    half_width: float = 4.0
    """Of the box of standardised pixels that the plane is cut to."""
    out: Path = Path("out/pruned_plane")
    smoke: bool = False
    """One epoch, a small plane."""


def compute(config: Config) -> pd.DataFrame:
    """Return the exact count of each network on the plane."""
    if config.smoke:
        config = replace(config, epochs=1, half_width=2.0)
    names = ("data", "epochs", "half_width")
    common = {name: getattr(config, name) for name in names}
    tasks = [{"density": density, **common} for density in config.densities]
    with config.workers.active():
        return run_tasks(tasks, count, config.out / "tasks", progress=config.progress)


def count(density: float, data: str, epochs: int, half_width: float) -> pd.DataFrame:
    """Return the exact count of one network."""
    found = regions.count_regions(*network(density, data, epochs, half_width))
    return pd.DataFrame([{"regions": found.count, "status": found.status.name}])


def network(
    density: float, data: str, epochs: int, half_width: float
) -> tuple[ReLUNetwork, regions.Slice]:
    """Return the trained network, pruned and trained again if wanted, and a plane of 3 images."""
    images = load_data(data)
    fit = partial(train, data=images, recipe=Recipe(epochs=epochs))
    model = fit([build_model("mlp", images.image_shape, images.classes)]).model(0)
    if density < 1:
        masks = regions.prune(model, regions.allocate(model, density), repair=True)
        model = fit([model], masks=masks).model(0)
    points = images.test.inputs[:3].reshape(3, -1)
    box = regions.Box.cube(points.shape[1], -half_width, half_width)
    return regions.as_network(model, images.image_shape), regions.Slice.through(points, box=box)


def draw(frame: pd.DataFrame) -> Figure:
    """Draw the regions of each network, coloured by predicted class."""
    with figure_style("neurips", "text", aspect=0.9, columns=len(frame)):
        fig, axes = plt.subplots(1, len(frame), sharex=True, sharey=True, squeeze=False)
        for ax, row in zip(axes.flat, frame.itertuples(), strict=True):
            with one_thread():  # as it was counted
                net, plane = network(row.density, row.data, row.epochs, row.half_width)
            regions.plot_regions(net, plane, by="class", ax=ax)
            ax.set_title(f"density {row.density:g}: {row.regions:,} linear regions")
    return fig


def main() -> None:
    """Count, draw and save."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(frame.to_string(index=False))
    save_figure(draw(frame), config.out / "pruned_plane", frame, run)


if __name__ == "__main__":
    run_script(main)
