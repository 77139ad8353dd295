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

from collections.abc import Mapping
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import regions
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.figures import (
    LINE_STYLES,
    MARKERS,
    PALETTE,
    figure_style,
    mean_intervals,
    share_legend,
)
from regions.pruning.degrees import degree_statistics
from regions.training import Recipe, TrainResult, build_model, evaluate, load_data, train

ENTRY = Entry(
    figure="NeuroPrune (Dhurandhar et al. 2024), degree-weighted L1",
    minutes=0.5,
    inputs="digits or --data PATH",
)
MEASURES = {
    "accuracy": "test accuracy (%)",
    "degree_sd": "s.d. of degrees",
    "dead": "dead units (%)",
    "log2_bound": "live bound, log$_2$",
}


@dataclass(frozen=True, kw_only=True)
class DegreeWeighted(Study):
    """Both penalties at several strengths; all seeds of a strength are one stack."""

    axes = {("penalty", "strength"): "penalties"}
    choosing = ("plain", "weighted")
    small = {"plain": (1e-3,), "weighted": (1e-3,), "epochs": 2, "seeds": 3}

    data: str = "digits"
    """Name of a data set, or a path."""
    hidden: int = 128
    plain: tuple[float, ...] = (5e-5, 1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3)
    """Strengths of the plain penalty."""
    weighted: tuple[float, ...] = (5e-5, 1e-4, 1.5e-4, 2.5e-4, 5e-4, 1e-3)
    """Strengths of the degree-weighted penalty."""
    epochs: int = 40
    seeds: int = 10

    @property
    def penalties(self) -> tuple[tuple[str, float], ...]:
        """Every penalty with its strengths."""
        plain = [("plain", strength) for strength in self.plain]
        return (*plain, *[("degree-weighted", strength) for strength in self.weighted])

    def measure(self, penalty: str, strength: float) -> pd.DataFrame:
        """Train a stack with the penalty and without; one row per seed."""
        images = load_data(self.data)
        shape, classes, hidden = images.image_shape, images.classes, (self.hidden,)
        seeds = range(self.seeds)
        models = [build_model("mlp", shape, classes, seed=seed, hidden=hidden) for seed in seeds]
        plain = Recipe(epochs=self.epochs)
        weighted = penalty == "degree-weighted"
        sparse = train(models, images, replace(plain, l1=strength, degree_weighted=weighted))
        dense = train(models, images, plain)
        found, before = (evaluate(result, images.test) for result in (sparse, dense))
        table = regions.RecallTable.from_predictions(
            found.labels, dense=before.predictions, pruned={2.0: found.predictions}
        )
        result = regions.intensification(table)
        return pd.DataFrame([_facts(sparse, seed) for seed in seeds]).assign(
            seed=seeds,
            accuracy=found.accuracy,
            accuracy_dense=before.accuracy,
            alpha=result.estimate[0],
            alpha_error=result.standard_error[0],
        )

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"degree_weighted": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"degree_weighted": draw(tables["degree_weighted"])}


def _facts(result: TrainResult, index: int) -> dict[str, float]:
    model = result.model(index)
    hidden = degree_statistics(regions.Masks.from_model(model)).to_frame().iloc[0]
    bound = regions.upper_bound(model, "live").log2
    degrees = {"density": hidden["mean"], "degree_sd": hidden["sd"]}
    return {**degrees, "gini": hidden["gini"], "dead": hidden["dead"], "log2_bound": bound}


def draw(frame: pd.DataFrame) -> Figure:
    """Draw every measure against the mean density that a strength leads to."""
    shares = ["accuracy", "dead"]
    frame = frame.assign(**(100 * frame[shares]).to_dict(orient="series"))
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


if __name__ == "__main__":
    launch("degree_weighted")
