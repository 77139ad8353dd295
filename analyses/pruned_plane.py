"""The picture of the README: regions of one network on a plane, before and after pruning.

python -m analyses.pruned_plane
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

import regions
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import figure_style
from regions.networks import ReLUNetwork
from regions.training import Recipe, build_model, load_data, train
from regions.workers import one_thread

ENTRY = Entry(figure="none: the picture of the README", minutes=0.2, inputs="digits or --data PATH")


@dataclass(frozen=True, kw_only=True)
class PrunedPlane(Study):
    """One perceptron, pruned with repair and trained on."""

    axes = {"density": "densities"}
    small = {"epochs": 1, "half_width": 2.0}
    shown = ("pruned_plane",)

    data: str = "digits"
    """"digits", or the path of an .npz file or folder of images."""
    densities: tuple[float, ...] = (1.0, 0.02)
    epochs: int = 20
    half_width: float = 4.0
    """Of the box of standardised pixels that the plane is cut to."""

    def measure(self, density: float) -> pd.DataFrame:
        """Return the exact count of one network on the plane."""
        found = regions.count_regions(*self.network(density))
        return pd.DataFrame([{"regions": found.count, "status": found.status.name}])

    def network(self, density: float) -> tuple[ReLUNetwork, regions.Slice]:
        """Return the trained network, pruned and trained again if wanted, and a plane."""
        images = load_data(self.data)
        fit = partial(train, data=images, recipe=Recipe(epochs=self.epochs))
        model = fit([build_model("mlp", images.image_shape, images.classes)]).model(0)
        if density < 1:
            masks = regions.prune(model, regions.allocate(model, density), repair=True)
            model = fit([model], masks=masks).model(0)
        points = images.test.inputs[:3].reshape(3, -1)
        box = regions.Box.cube(points.shape[1], -self.half_width, self.half_width)
        return regions.as_network(model, images.image_shape), regions.Slice.through(points, box=box)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the counts."""
        return {"pruned_plane": rows}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the regions of each network, coloured by predicted class."""
        counts = tables["pruned_plane"]
        with figure_style("neurips", "text", aspect=0.9, columns=len(counts)):
            fig, axes = plt.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)
            for ax, row in zip(axes.flat, counts.itertuples(), strict=True):
                with one_thread():  # as it was counted
                    net, plane = self.network(row.density)
                regions.plot_regions(net, plane, by="class", ax=ax)
                ax.set_title(f"density {row.density:g}: {row.regions:,} linear regions")
        return {"pruned_plane": fig}


if __name__ == "__main__":
    launch("pruned_plane")
