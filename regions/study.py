"""The main job as a study: train, allocate, prune, fine-tune, and see which allocation is best.

Many seeds train as one stack; every allocation is measured with and without repair. The command
`regions demo` is its small form on scikit-learn's digits.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.results import jsonable
from regions.training import (
    DataSet,
    Recipe,
    TrainResult,
    build_model,
    evaluate,
    load_data,
    train,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is compared: one architecture, several total densities, several allocations.

    Attributes
    ----------
    data : str
        "digits" or the path of a data set (`regions.training.load_data`).
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

    data: str = "digits"
    hidden: tuple[int, ...] = (100, 100)
    densities: tuple[float, ...] = (0.02, 0.01, 0.005)
    objectives: tuple[str, ...] = (
        "uniform",
        "erk",
        "lamp",
        "global",
        "equal",
        "expected",
        "effective",
        "effective-weights",
    )
    seeds: int = 10
    dense: Recipe = field(default_factory=lambda: Recipe(epochs=30))
    fine: Recipe = field(default_factory=lambda: Recipe(epochs=30))


def run_study(
    study: Study,
    folder: str | os.PathLike,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run `study`, print its table, and write table, figure and provenance to `folder`.

    What a killed run has finished is kept in `folder` and not computed again.

    Returns
    -------
    pandas.DataFrame
        One row per density, objective, repair and seed: see `compare_allocations`.
    """
    from regions.figures import Run, save_figure, save_table

    inputs = () if study.data == "digits" else (study.data,)
    run = Run(config=study, seed=0, inputs=[p for p in inputs if Path(p).is_file()])
    frame = compare_allocations(study, folder, n_jobs=n_jobs, progress=progress)
    table = tabulate(frame)
    print(table.to_string(index=False))
    save_table(table, Path(folder) / "allocations-table.csv", run)
    written = save_figure(draw(frame), Path(folder) / "allocations", frame, run)
    print(f"\\nfigure: {written['png']}\\ntable:  {Path(folder) / 'allocations-table.csv'}")
    return frame


def compare_allocations(
    study: Study,
    folder: str | os.PathLike,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Return one row per density, objective, repair and seed.

    Columns: `density`, `objective`, `repair`, `seed`, `accuracy` (test, after fine-tuning),
    `accuracy_before` (right after pruning), `dense_accuracy`, `log2_bound` (of the pruned
    network, kind "effective"), `kept`, `effective_weights`, and `density_NAME` for each layer.
    """
    from regions.resume import run_tasks

    home = Path(folder) / "tasks" / _key(study)
    data = load_data(study.data)
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


def _key(study: Study) -> str:
    return hashlib.sha256(json.dumps(jsonable(study)).encode()).hexdigest()[:12]


def _measure(
    density: float, objective: str, *, study: Study, data: DataSet, dense: TrainResult
) -> pd.DataFrame:
    """Prune every network with and without repair, fine-tune all as one stack, and measure."""
    import pandas as pd

    import regions

    models = dense.models()
    allocations = [regions.allocate(model, density, objective=objective) for model in models]
    pruned = [
        (repair, seed, regions.prune(models[seed], allocation, repair=repair))
        for repair in (False, True)
        for seed, allocation in enumerate(allocations)
    ]
    masks = [mask for _, _, mask in pruned]
    starts = [models[seed] for _, seed, _ in pruned]
    seeds = [seed for _, seed, _ in pruned]
    before = train(starts, data, Recipe(epochs=0), masks=masks, seeds=seeds)
    after = train(starts, data, study.fine, masks=masks, seeds=seeds)
    frame = pd.DataFrame(
        [
            {"repair": repair, "seed": seed, **_structure(models[seed], mask)}
            for repair, seed, mask in pruned
        ]
    )
    frame["accuracy"] = evaluate(after, data.test).accuracy
    frame["accuracy_before"] = evaluate(before, data.test).accuracy
    frame["dense_accuracy"] = evaluate(dense, data.test).accuracy[frame["seed"]]
    return frame


def _structure(model: Any, masks: Any) -> dict[str, Any]:
    import regions

    effective = masks.effective()
    hidden = list(masks)[:-1]
    return {
        "log2_bound": regions.upper_bound(model, "effective", masks=masks).log2,
        "kept": sum(masks.counts[name] for name in hidden),
        "effective_weights": sum(effective.weights[name] for name in hidden),
        **{f"density_{name}": masks.density()[name] for name in hidden},
    }
