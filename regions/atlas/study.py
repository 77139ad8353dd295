"""The main job as a study: train, allocate, prune, fine-tune, and see which allocation is best.

Many seeds train as one stack; every allocation is measured with and without repair. The command
`regions demo` is its small form on scikit-learn's digits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

import regions
from regions.figures import MARKERS, PALETTE, figure_style, mean_intervals, share_legend
from regions.results import check_writable
from regions.resume import fingerprint, run_tasks
from regions.training import (
    DataSet,
    Recipe,
    TrainResult,
    build_model,
    evaluate,
    load_data,
    train,
)


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is compared: one architecture, several total densities, several allocations.

    Attributes
    ----------
    data : str
        A name or the path of a data set (`regions.training.load_data`).
    hidden : tuple of int
        Widths of the hidden layers.
    densities : tuple of float
        Total densities of the hidden layers' weights; the output layer stays dense.
    objectives : tuple of str
        Of `regions.allocate`.
    seeds : int
        Networks per setting.
    dense, fine : Recipe
        Training before pruning, and after it.
    """

    data: str = "digits-half"
    hidden: tuple[int, ...] = (100, 100)
    densities: tuple[float, ...] = (0.02, 0.005, 0.002)
    objectives: tuple[str, ...] = (
        "balance",
        "uniform",
        "erk",
        "lamp",
        "global",
        "equal",
        "expected",
        "effective",
        "effective-weights",
    )
    seeds: int = 16
    dense: Recipe = field(default_factory=lambda: Recipe(epochs=30))
    fine: Recipe = field(default_factory=lambda: Recipe(epochs=30))


def compare_allocations(
    study: Study,
    folder: str | os.PathLike,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Return one row per density, objective, masks and seed.

    Columns: `density`, `objective`, `masks` ("plain" or "repaired" magnitude, or "own": those that
    `regions.prune` takes for the allocation, if others), `seed`, `accuracy` (test, after
    fine-tuning), `accuracy_before` (right after pruning), `dense_accuracy`, `log2_bound` (of the
    pruned network, kind "effective"), `kept`, `effective_weights`, and `density_NAME` for each
    layer.

    Raises
    ------
    OutputError
        If `folder` cannot be written to, before anything is trained.
    """
    data = load_data(study.data)
    home = check_writable(folder, folder=True) / "tasks" / fingerprint(study)
    models = [
        build_model("mlp", data.image_shape, data.classes, seed=seed, hidden=study.hidden)
        for seed in range(study.seeds)
    ]
    dense = train(models, data, study.dense, checkpoint=home / "dense", progress=progress)
    tasks = [
        {"density": density, "objective": objective}
        for density in study.densities
        for objective in study.objectives
    ]
    measure = partial(_measure, study=study, data=data, dense=dense)
    return run_tasks(tasks, measure, home, n_jobs=n_jobs, progress=progress, label="allocations")


def _measure(
    density: float, objective: str, *, study: Study, data: DataSet, dense: TrainResult
) -> pd.DataFrame:
    """Prune every network in every way, fine-tune all as one stack, and measure."""
    models = dense.models()
    allocations = [regions.allocate(model, density, objective=objective) for model in models]
    pruned = [
        (kind, seed, regions.prune(models[seed], allocation, repair=repair))
        for kind, repair in MASKS.items()
        for seed, allocation in enumerate(allocations)
        if kind != "own" or allocation.criterion != "magnitude" or allocation.repair
    ]
    masks = [mask for _, _, mask in pruned]
    starts = [models[seed] for _, seed, _ in pruned]
    seeds = [seed for _, seed, _ in pruned]
    before = train(starts, data, Recipe(epochs=0), masks=masks, seeds=seeds)
    after = train(starts, data, study.fine, masks=masks, seeds=seeds)
    rows = [
        {"masks": kind, "seed": seed, **_structure(models[seed], mask)}
        for kind, seed, mask in pruned
    ]
    frame = pd.DataFrame(rows)
    frame["accuracy"] = evaluate(after, data.test).accuracy
    frame["accuracy_before"] = evaluate(before, data.test).accuracy
    frame["dense_accuracy"] = evaluate(dense, data.test).accuracy[seeds]
    return frame


def _structure(model: Any, masks: Any) -> dict[str, Any]:
    """Return what the masks alone say: bound, effective weights, densities of hidden layers."""
    effective = masks.effective()
    hidden = list(masks)[:-1]
    return {
        "log2_bound": regions.upper_bound(model, "effective", masks=masks).log2,
        "kept": sum(masks.counts[name] for name in hidden),
        "effective_weights": sum(effective.weights[name] for name in hidden),
        **{f"density_{name}": masks.density()[name] for name in hidden},
    }


MASKS = {"plain": False, "repaired": True, "own": None}
MEASURES = {
    "accuracy": "test accuracy\n(%)",
    "effective": "effective weights\n(% of kept)",
    "log2_bound": "bound on regions\n(log2)",
}


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per density, objective and masks: means and 95 % intervals over seeds."""
    keys = ["density", "objective", "masks"]
    shares = _with_shares(frame)
    layers = [name for name in frame.columns if name.startswith("density_")]
    table = shares.groupby(keys, sort=False)[layers].mean().reset_index()
    for name in MEASURES:
        found = mean_intervals(shares, name, keys)
        half = found["high"] - found["mean"]
        table[name] = [f"{m:.1f} ± {h:.1f}" for m, h in zip(found["mean"], half, strict=True)]
    table[layers] = table[layers].map("{:.4g}".format)
    return table.loc[:, [*keys, *MEASURES, *layers]]


def _with_shares(frame: pd.DataFrame) -> Any:
    """Return accuracies and effective weights as percentages."""
    effective = 100 * frame["effective_weights"] / frame["kept"]
    return frame.assign(accuracy=100 * frame["accuracy"], effective=effective)


def draw(frame: pd.DataFrame) -> Figure:
    """Draw every allocation's accuracy, effective weights, bound and layer densities.

    One row of panels per total density; dots are means over seeds, bars 95 % t intervals.
    """
    shares = _with_shares(frame)
    densities = list(shares["density"].unique())
    with figure_style("neurips", "text", 1.1, rows=len(densities), columns=len(MEASURES) + 1):
        fig, axes = plt.subplots(len(densities), len(MEASURES) + 1, sharey=True, squeeze=False)
        for row, density in zip(axes, densities, strict=True):
            part = shares[shares["density"] == density]
            for ax, measure in zip(row, MEASURES, strict=False):
                _draw_measure(ax, part, measure)
            _draw_densities(row[-1], part)
            row[0].set_ylabel(f"density {density:g}")
        for ax, label in zip(
            axes[-1], [*MEASURES.values(), "layer density\n/ total density"], strict=True
        ):
            ax.set_xlabel(label)
        share_legend(fig)
    return fig


def _draw_measure(ax: Any, part: Any, measure: str) -> None:
    names = list(dict.fromkeys(part["objective"]))
    for index, kind in enumerate(MASKS):
        rows = part[part["masks"] == kind]
        if rows.empty:
            continue
        found = mean_intervals(rows, measure, "objective")
        place = [names.index(name) + 0.2 * (index - 1) for name in found["objective"]]
        ax.errorbar(
            found["mean"],
            place,
            xerr=found["high"] - found["mean"],
            fmt=MARKERS[index],
            color=PALETTE[index],
            markersize=3,
            label=f"{kind} masks" if kind == "own" else f"{kind} magnitude",
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", alpha=0.3)


def _draw_densities(ax: Any, part: Any) -> None:
    for index, name in enumerate(n for n in part.columns if n.startswith("density_")):
        mean = part.groupby("objective", sort=False)[name].mean() / part["density"].iloc[0]
        look = {"color": PALETTE[index + 3], "marker": MARKERS[index + 3], "s": 12}
        ax.scatter(mean, range(len(mean)), label=name.removeprefix("density_"), **look)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.grid(axis="y", alpha=0.3)
