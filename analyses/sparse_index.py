"""How many samples a sparse direction costs: dense, random, screened and oracle inputs.

    python -m analyses.sparse_index

One polynomial of one direction that only a few of many normal inputs enter (Vural and Erdogdu, COLT
2024). Each arm trains the same two-layer network on some of the inputs: all, as many at random, as
many screened by first gradients (in the plain basis, at the basis point c, and at the theorem's
asymptotic 1/log d), or those that matter. The paper has no experiments: this is our illustration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import (
    figure_style,
    mean_intervals,
    plot_means,
    save_figure,
    share_legend,
)
from regions.resume import run_tasks
from regions.theory import SingleIndex, fit_two_layer, screen

ENTRY = Entry(figure="Vural & Erdogdu 2024, illustration", minutes=0.9, inputs="none")


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

    inputs: int = 256
    support: int = 8
    """Inputs that matter."""
    coefficients: tuple[float, ...] = (0.0, 0.0, 1.0)
    """Of normalised Hermite polynomials, from order 0."""
    noise: float = 0.1
    kept: int = 16
    """Inputs kept by screening and at random."""
    c: float = 0.8
    parts: tuple[str, ...] = ("even",)
    """Of the screening; with ("even", "odd") up to three times as many inputs are kept."""
    pairs: int = 128
    samples: tuple[int, ...] = (250, 500, 1000, 2000, 4000)
    seeds: int = 10
    out: Path = Path("out/sparse_index")
    smoke: bool = False
    """Two seeds, few inputs and samples."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per number of samples, seed and arm: test R^2 and recall of the support."""
    if config.smoke:
        config = replace(config, inputs=32, support=4, kept=6, pairs=16, samples=(100, 300))
    common = {
        "inputs": config.inputs,
        "support": config.support,
        "coefficients": config.coefficients,
        "noise": config.noise,
        "kept": config.kept,
        "c": config.c,
        "parts": config.parts,
        "pairs": config.pairs,
    }
    seeds = range(2 if config.smoke else config.seeds)
    tasks = [
        {"samples": samples, "seed": seed, **common} for samples in config.samples for seed in seeds
    ]
    folder = config.out / "tasks"
    with config.workers.active():
        return run_tasks(
            tasks, run_arms, folder, cost=lambda task: task["samples"], progress=config.progress
        )


def run_arms(
    samples: int,
    seed: int,
    inputs: int,
    support: int,
    coefficients: tuple[float, ...],
    noise: float,
    kept: int,
    c: float,
    parts: tuple[str, ...],
    pairs: int,
) -> pd.DataFrame:
    """Return one row per arm for one direction and one sample; all arms see the same sample."""
    model = SingleIndex.sparse(inputs, support, coefficients, noise, rng=[seed, 0])
    x, y = model.sample(samples, rng=[seed, 1, samples])
    test = model.sample(4000, rng=[seed, 2])
    rows = []
    for arm, chosen in _arms(model, x, y, kept, c, parts, seed):
        fitted = fit_two_layer(x, y, chosen, pairs=pairs, rng=[seed, 5])
        found = np.isin(model.support, chosen).mean()
        rows.append((arm, len(chosen), found, fitted.r_squared(*test)))
    return pd.DataFrame(rows, columns=["arm", "inputs_kept", "recall", "r_squared"])


def _arms(
    model: SingleIndex,
    x: np.ndarray,
    y: np.ndarray,
    kept: int,
    c: float,
    parts: tuple[str, ...],
    seed: int,
) -> Iterator[tuple[str, np.ndarray]]:
    inputs = x.shape[1]
    for name, point in (
        ("screened, plain basis", 1.0),
        (f"screened, c = {c:g}", c),
        ("screened, c = 1/log d", 1 / log(inputs)),
    ):
        yield name, screen(x, y, kept, c=point, parts=parts, rng=[seed, 4]).kept
    yield "random inputs", np.random.default_rng([seed, 3]).choice(inputs, kept, replace=False)
    yield "all inputs", np.arange(inputs)
    yield "oracle", model.support


def draw(frame: pd.DataFrame) -> Figure:
    """Draw recall of the support and test R^2 against the number of samples."""
    arms = list(frame["arm"].unique())
    with figure_style("neurips", columns=2, aspect=0.9):
        fig, axes = plt.subplots(1, 2, layout="constrained")
        # all inputs and the oracle keep the support by definition
        for ax, value, shown in ((axes[0], "recall", arms[:4]), (axes[1], "r_squared", arms)):
            plot_means(frame, "samples", value, "arm", ax=ax, order=shown, legend=False)
            ax.set(xscale="log", xlabel="training samples", ylim=(-0.25, 1.05))
            ticks = sorted(frame["samples"].unique())
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.minorticks_off()
        axes[0].set(ylabel="share of the support kept\n(mean, 95% interval)", ylim=(-0.05, 1.05))
        axes[1].set(ylabel="test $R^2$ (mean, 95% interval)")
        share_legend(fig, columns=3)
    return fig


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % interval of test R^2, and mean recall, per arm and sample size."""
    table = mean_intervals(frame, "r_squared", ["samples", "arm"])
    recall = frame.groupby(["samples", "arm"], sort=False)["recall"].mean().reset_index()
    return table.merge(recall)


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    paths = save_figure(draw(frame), config.out / "sparse_index", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
