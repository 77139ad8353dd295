"""The picture of the README: regions of one network on a plane, before and after pruning.

python -m analyses.pruned_plane
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import tyro
from matplotlib.figure import Figure

import regions
from regions.figures import Run, figure_style, save_figure
from regions.networks import ReLUNetwork
from regions.training import Recipe, build_model, load_data, train


@dataclass(frozen=True)
class Config:
    """One perceptron on digits, pruned with repair and trained on."""

    density: float = 0.02
    epochs: int = 20
    out: Path = Path("out/pruned_plane")
    smoke: bool = False


def networks(config: Config) -> tuple[ReLUNetwork, ReLUNetwork, regions.Slice]:
    """Return the dense network, the pruned and fine-tuned one, and a plane of three images."""
    data = load_data("digits")
    recipe = Recipe(epochs=1 if config.smoke else config.epochs)
    dense = train([build_model("mlp", data.image_shape, data.classes)], data, recipe).model(0)
    masks = regions.prune(dense, regions.allocate(dense, config.density), repair=True)
    pruned = train([dense], data, recipe, masks=masks).model(0)
    box = regions.Box.cube(64, -4.0, 4.0)  # pixels, standardised, lie between -1.1 and 1.9
    plane = regions.Slice.through(data.test.inputs[:3].reshape(3, -1), box=box)
    return regions.as_network(dense), regions.as_network(pruned), plane


def compute(config: Config) -> pd.DataFrame:
    """Return the exact count of both networks on the plane."""
    dense, pruned, plane = networks(config)
    counts = [regions.count_regions(net, plane) for net in (dense, pruned)]
    rows = [
        {"network": name, "regions": found.count, "status": found.status.name}
        for name, found in zip(("dense", "pruned"), counts, strict=True)
    ]
    return pd.DataFrame(rows).assign(density=[1.0, config.density])


def draw(frame: pd.DataFrame, config: Config) -> Figure:
    """Draw the regions of both networks, coloured by predicted class."""
    dense, pruned, plane = networks(config)
    with figure_style("neurips", "text", aspect=0.9, columns=2):
        fig, axes = plt.subplots(1, 2, sharex=True, sharey=True)
        for ax, net, row in zip(axes, (dense, pruned), frame.itertuples(), strict=True):
            regions.plot_regions(net, plane, by="class", ax=ax)
            ax.set_title(f"density {row.density:g}: {row.regions:,} linear regions")
    return fig


def main() -> None:
    """Count, draw and save."""
    config = tyro.cli(Config)
    run, frame = Run(config=config, seed=0), compute(config)
    print(frame.to_string(index=False))
    save_figure(draw(frame, config), config.out / "pruned_plane", frame, run)


if __name__ == "__main__":
    main()
