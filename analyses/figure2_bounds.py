"""Figure 2 of Cai et al. (CPAIOR 2023) again: the expected bound on subspaces of inputs.

    python -m analyses.figure2_bounds

The published curves model the first layer, restricted to a d-dimensional subspace of inputs, as a
sparse n1 x d matrix. A generic subspace leaves the n1 x 784 matrix as sparse as it was and only
caps its rank at d. Both are computed here for 784-20-20-10, beside the published values. As in
the paper the logits count as a ReLU layer, with all weights kept (`--no-logits` leaves them out).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
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
    share_legend,
)
from regions.resume import run_tasks

ENTRY = Entry(figure="Cai et al. 2023, Figure 2", minutes=0.1, inputs="none")
PUBLISHED = DATA / "cai2023_counts_and_bounds.csv"
INPUTS = 784
VARIANTS = {
    "n1 x d": "first layer as a sparse $n_1 \\times d$ matrix\n(as published)",
    "n1 x 784": "first layer as a sparse $n_1 \\times 784$ matrix\n(rank capped at $d$)",
}


@dataclass(frozen=True)
class Config(Options):
    """Settings of the figure."""

    hidden: tuple[int, ...] = (20, 20)
    logits: bool = True
    """Count the ten logits as a ReLU layer, as the paper does."""
    dims: tuple[int, ...] = (1, 2, 4)
    densities: tuple[float, ...] = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005)
    samples: int = 500
    """Random supports per layer and seed."""
    seeds: int = 10
    out: Path = Path("out/figure2_bounds")
    smoke: bool = False
    """Two seeds of twenty supports."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per dimension, density, variant and seed, and the published values."""
    seeds, samples = (2, 20) if config.smoke else (config.seeds, config.samples)
    tasks = [
        {"dim": dim, "density": density, "variant": variant, "seed": seed}
        for variant in VARIANTS
        for dim in config.dims
        for density in config.densities
        for seed in range(seeds)
    ]
    widths = [*config.hidden, *([10] if config.logits else [])]
    name = f"{'-'.join(map(str, widths))}-{samples}"
    bound = partial(_bound, widths=widths, pruned=len(config.hidden), samples=samples)
    with config.workers.active():
        frame = run_tasks(tasks, bound, config.out / "tasks" / name, progress=config.progress)
    published = pd.read_csv(PUBLISHED).query("quantity == 'log2_bound'")
    published = published.rename(columns={"value": "published"})
    return frame.merge(published[["dim", "density", "published"]], how="left")


def _bound(
    dim: int,
    density: float,
    variant: str,
    seed: int,
    *,
    widths: list[int],
    pruned: int,
    samples: int,
) -> pd.DataFrame:
    inputs = dim if variant == "n1 x d" else INPUTS
    layer_densities = [density] * pruned + [1.0] * (len(widths) - pruned)
    bound = regions.upper_bound(
        [inputs, *widths],
        "expected",
        density=layer_densities,
        dim=dim,
        samples=samples,
        rng=seed,
    )
    return pd.DataFrame({"log2_bound": [bound.log2]})


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


def main() -> None:
    """Compute, print the table, and save figure, numbers and provenance."""
    config, run = start(Config, __doc__, inputs=[PUBLISHED])
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    paths = save_figure(draw(frame), config.out / "figure2_bounds", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
