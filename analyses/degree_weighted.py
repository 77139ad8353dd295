"""What weighting an L1 penalty by degrees changes, at equal density.

    python -m analyses.degree_weighted

Perceptrons on digits are trained with a plain L1 penalty and with one weighted by the inverse
degree of each unit (NeuroPrune, arXiv 2404.01306; the formula is our reading), each at several
strengths. Curves against the density that they reach in the hidden layer compare the two where
they are equally sparse: accuracy, degrees, dead units and the bound on linear regions. The table
also has the intensification of recall against the same networks trained without a penalty; it is
empty where the recalls of these differ by no more than noise, as on digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regions
from analyses.catalogue import Entry
from analyses.options import Options, run_script, start
from regions.figures import (
    LINE_STYLES,
    MARKERS,
    PALETTE,
    figure_style,
    mean_intervals,
    save_figure,
    share_legend,
)
from regions.pruning.degrees import degree_statistics
from regions.resume import run_tasks
from regions.training import Recipe, TrainResult, build_model, evaluate, load_data, train

ENTRY = Entry(
    figure="NeuroPrune (Dhurandhar et al. 2024), degree-weighted L1",
    minutes=0.5,
    inputs="digits or --data PATH",
)
MEASURES = {
    "accuracy": "test accuracy",
    "degree_sd": "s.d. of degrees",
    "dead": "dead units",
    "log2_bound": "live bound, log$_2$",
}


@dataclass(frozen=True)
class Config(Options):
    """Settings of the study."""

    data: str = "digits"
    """Name of a data set, or a path."""
    hidden: int = 128
    plain: tuple[float, ...] = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3)
    """Strengths of the plain penalty."""
    weighted: tuple[float, ...] = (5e-5, 1e-4, 1.5e-4, 2.5e-4, 5e-4, 1e-3)
    """Strengths of the degree-weighted penalty."""
    epochs: int = 40
    seeds: int = 10
    out: Path = Path("out/degree_weighted")
    smoke: bool = False
    """Three seeds, one strength each, two epochs."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per penalty, strength and seed."""
    if config.smoke:
        config = replace(config, plain=(1e-3,), weighted=(1e-3,), epochs=2, seeds=3)
    tasks = [
        {
            "penalty": penalty,
            "strength": strength,
            "data": config.data,
            "hidden": config.hidden,
            "epochs": config.epochs,
            "seeds": config.seeds,
        }
        for penalty, strengths in (("plain", config.plain), ("degree-weighted", config.weighted))
        for strength in strengths
    ]
    folder = config.out / "tasks"
    with config.workers.active():
        return run_tasks(tasks, run_strength, folder, progress=config.progress)


def run_strength(
    penalty: str, strength: float, data: str, hidden: int, epochs: int, seeds: int
) -> pd.DataFrame:
    """Train a stack with the penalty and without; one row per seed."""
    images = load_data(data)
    models = [
        build_model("mlp", images.image_shape, images.classes, seed=seed, hidden=(hidden,))
        for seed in range(seeds)
    ]
    weighted = penalty == "degree-weighted"
    sparse = train(models, images, Recipe(epochs=epochs, l1=strength, degree_weighted=weighted))
    dense = train(models, images, Recipe(epochs=epochs))
    found, before = (evaluate(result, images.test) for result in (sparse, dense))
    table = regions.RecallTable.from_predictions(
        found.labels, dense=before.predictions, pruned={2.0: found.predictions}
    )
    result = regions.intensification(table)
    frame = pd.DataFrame([_facts(sparse, index) for index in range(seeds)])
    return frame.assign(
        seed=range(seeds),
        accuracy=found.accuracy,
        accuracy_dense=before.accuracy,
        alpha=result.estimate[0],
        alpha_error=result.standard_error[0],
    )


def _facts(result: TrainResult, index: int) -> dict[str, float]:
    model = result.model(index)
    hidden = degree_statistics(regions.Masks.from_model(model)).to_frame().iloc[0]
    bound = regions.upper_bound(model, "live").log2
    degrees = {"density": hidden["mean"], "degree_sd": hidden["sd"]}
    return {**degrees, "gini": hidden["gini"], "dead": hidden["dead"], "log2_bound": bound}


def draw(frame: pd.DataFrame) -> Figure:
    """Draw every measure against the mean density that a strength leads to."""
    with figure_style("neurips", columns=2, aspect=1.0):
        fig, axes = plt.subplots(1, 4, layout="constrained")
        for ax, (value, label) in zip(axes, MEASURES.items(), strict=True):
            for index, (penalty, part) in enumerate(frame.groupby("penalty", sort=False)):
                _curve(ax, part, value, str(penalty), index)
            ax.set(xlabel="density", ylabel=f"{label}\n(mean, 95% interval)", xlim=(0, 1))
            ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        share_legend(fig, columns=2)
    return fig


def _curve(ax: Axes, part: pd.DataFrame, value: str, label: str, index: int) -> None:
    table = mean_intervals(part, value, "strength")
    x = part.groupby("strength", sort=False)["density"].mean()
    look = {"color": PALETTE[index], "marker": MARKERS[index], "linestyle": LINE_STYLES[index]}
    ax.plot(x, table["mean"], label=label, **look)
    ax.fill_between(x, table["low"], table["high"], color=PALETTE[index], alpha=0.2, linewidth=0)


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean accuracy with its interval, and the means of everything else."""
    table = mean_intervals(frame, "accuracy", ["penalty", "strength"])
    others = [
        "density",
        "degree_sd",
        "gini",
        "dead",
        "log2_bound",
        "alpha",
        "alpha_error",
        "accuracy_dense",
    ]
    means = frame.groupby(["penalty", "strength"], sort=False)[others].mean().reset_index()
    return table.merge(means)


def main() -> None:
    """Compute, print the numbers, and save figure and provenance."""
    config, run = start(Config, __doc__)
    frame = compute(config)
    print(tabulate(frame).to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    paths = save_figure(draw(frame), config.out / "degree_weighted", frame, run)
    print(f"figure: {paths['png']}")


if __name__ == "__main__":
    run_script(main)
