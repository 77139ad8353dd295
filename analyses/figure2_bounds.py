"""Figure 2 of Cai et al. (CPAIOR 2023) again: the expected bound on subspaces of inputs.

    python -m analyses.figure2_bounds

The published curves model the first layer, restricted to a d-dimensional subspace of inputs, as a
sparse n1 x d matrix. A generic subspace leaves the n1 x 784 matrix as sparse as it was and only
caps its rank at d. Both are computed here for 784-20-20-10, beside the published values. As in
the paper the logits count as a ReLU layer, with all weights kept (`--no-logits` leaves them out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import matplotlib.pyplot as plt
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

ENTRY = Entry(figure="Cai et al. 2023, Figure 2", minutes=0.1, inputs="none")
PUBLISHED = DATA / "cai2023_counts_and_bounds.csv"
INPUTS = 784
VARIANTS = {
    "n1 x d": "first layer as a sparse $n_1 \\times d$ matrix\n(as published)",
    "n1 x 784": "first layer as a sparse $n_1 \\times 784$ matrix\n(rank capped at $d$)",
}


@dataclass(frozen=True, kw_only=True)
class Figure2Bounds(Study):
    """Both variants at every dimension and density, over random supports."""

    axes = {"variant": "variants", "dim": "dims", "density": "densities", "seed": "seeds"}
    small = {"seeds": 2, "samples": 20}
    in_rows = False
    published = (PUBLISHED,)
    variants: ClassVar[tuple[str, ...]] = tuple(VARIANTS)

    hidden: tuple[int, ...] = (20, 20)
    logits: bool = True
    """Count the ten logits as a ReLU layer, as the paper does."""
    dims: tuple[int, ...] = (1, 2, 4)
    densities: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005)
    samples: int = 500
    """Random supports per layer and seed."""
    seeds: int = 10

    def measure(self, variant: str, dim: int, density: float, seed: int) -> pd.DataFrame:
        """Return the expected bound on random supports."""
        widths = [*self.hidden, *([10] if self.logits else [])]
        inputs = dim if variant == "n1 x d" else INPUTS
        pruned = len(self.hidden)
        layer_densities = [density] * pruned + [1.0] * (len(widths) - pruned)
        bound = regions.upper_bound(
            [inputs, *widths],
            "expected",
            density=layer_densities,
            dim=dim,
            samples=self.samples,
            rng=seed,
        )
        return pd.DataFrame({"log2_bound": [bound.log2]})

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows beside the published values, and their means."""
        known = pd.read_csv(PUBLISHED).query("quantity == 'log2_bound'")
        known = known.rename(columns={"value": "published"})
        rows = rows[["dim", "density", "variant", "seed", "log2_bound"]]
        rows = rows.merge(known[["dim", "density", "published"]], how="left")
        return {"figure2_bounds": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"figure2_bounds": draw(tables["figure2_bounds"])}


def draw(frame: pd.DataFrame) -> Figure:
    """Draw the two variants side by side, published values as open markers."""
    with figure_style("neurips", columns=2, aspect=0.95):
        fig, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
        for ax, (variant, title) in zip(axes, VARIANTS.items(), strict=True):
            draw_variant(frame[frame["variant"] == variant], ax)
            ax.set(title=title, xlabel="density (fraction of weights kept)")
        axes[0].set_ylabel("$\\log_2$ of the expected bound")
        axes[1].set_ylabel("")
        share_legend(fig, columns=4)
    return fig


def draw_variant(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw one variant: means over seeds with 95 % intervals, and the published values."""
    named = frame.assign(d="d = " + frame["dim"].astype(str))
    plot_means(named, "density", "log2_bound", "d", legend=False, ax=ax)
    for index, (_, part) in enumerate(named.groupby("dim")):
        known = part.dropna(subset="published").drop_duplicates("density")
        if known.empty:
            continue
        look = {"mec": PALETTE[index], "mfc": "none", "marker": MARKERS[index], "ms": 8}
        label = None if index else "published (same marker, open)"
        ax.plot(known["density"], known["published"], ls="", label=label, **look)
    ax.set_xscale("log")
    ax.invert_xaxis()
    return ax


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of both variants beside the published values."""
    means = frame.pivot_table("log2_bound", ["dim", "density"], "variant").reset_index()
    published = frame[["dim", "density", "published"]].drop_duplicates()
    return means.merge(published).sort_values(["dim", "density"], ascending=[True, False])


if __name__ == "__main__":
    launch("figure2_bounds")
