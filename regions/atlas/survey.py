"""`survey`: measure what pruning does to a network, by many instruments at once."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regions.atlas.atlas import Atlas
from regions.atlas.dense import Source, Starts, read_starts
from regions.atlas.domains import draw_lines, draw_planes, pixel_box
from regions.atlas.measure import CONTROL, DENSE, Survey, measure
from regions.atlas.method import read_method
from regions.atlas.settings import Settings
from regions.figures import Run
from regions.results import check_writable
from regions.resume import fingerprint, run_tasks
from regions.training import DataSet, load_data


def survey(
    model: Source,
    data: str | os.PathLike | DataSet | tuple[Any, Any],
    folder: str | os.PathLike,
    settings: Settings | None = None,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Atlas:
    """Prune a network by several methods to several densities, and measure what became of it.

    Each dense network is pruned, fine-tuned with the pruned weights held at zero, and compared
    with itself before: accuracy, live and effective units, exact regions on planes and lines,
    their `live` bound, SVCCA by layer, recall intensification, tangent kernel. Two more rows
    say what these numbers are worth: "dense" compares each dense network with another one, and
    "dense, trained on" is fine-tuned without any pruning.

    Parameters
    ----------
    model : str, callable, torch.nn.Module or list of them
        A standard architecture (`regions.training.MODELS`), ``package.module:factory`` or a
        function without arguments that returns a module: `settings.seeds` networks of it are
        trained on the data. ``package.module:factory@weights.pt``, or a module: this one trained
        network is the dense one, and seeds differ only in random criteria and in the order of
        images in fine-tuning; what needs several networks (the test of recall, the similarity
        of dense networks) stays unknown. A list of trained modules, one per seed.
    data : str, path, pair or DataSet
        "digits", or what `regions.training.load_data` reads: also a pair (training, test) of torch
        Datasets or DataLoaders; or a `DataSet`.
    folder : path
        Finished parts are kept in its subfolder "tasks": a killed run, started again, goes on
        where it was and gives the identical atlas.
    settings : Settings
    n_jobs : int, optional
        Workers, one method and density each (joblib; the backend is the caller's).
    progress : bool
        Show bars on stderr.

    Returns
    -------
    Atlas
        Its `save` writes the page and the tables.

    Raises
    ------
    ArgumentError, BudgetError, UnsupportedModelError
        If the model does not match the data, cannot be read, or cannot be pruned like this.
    DataError
        If the data cannot be read or the folder not be written to. All before any work.

    Examples
    --------
    >>> import tempfile
    >>> from regions.atlas import Settings, survey
    >>> from regions.training import Recipe
    >>> short = Recipe(epochs=1)
    >>> few = Settings(
    ...     densities=(0.2,), methods=("random",), seeds=1, planes=1, lines=1, images=100,
    ...     ntk_images=5, dense=short, fine=short,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atlas = survey("mlp", "digits", folder, few)
    >>> atlas.to_frame()["method"].tolist()
    ['dense', 'dense, trained on', 'random']
    """
    settings = Settings() if settings is None else settings
    dataset = data if isinstance(data, DataSet) else load_data(data)
    named = isinstance(data, (str, os.PathLike))
    run_inputs = [path for path in ([Path(data)] if named else []) if path.is_file()]
    starts = read_starts(model, dataset, settings)
    plan = _plan(starts, dataset, settings)
    config = {
        "model": starts.name,
        "data": str(data) if named else dataset.name,
        "trained_networks_given": starts.given,
        "settings": settings,
        "data_hash": dataset.source_hash,
    }
    run = Run(config=config, seed=settings.seed, inputs=run_inputs)
    _check_pruning(starts, dataset, settings)
    key = fingerprint({**config, "networks": starts.fingerprint()})
    home = check_writable(folder, folder=True) / "tasks" / key
    dense = starts.trained(dataset, settings, home / "dense", progress)
    plan = Survey(
        data=dataset, dense=dense, distinct=starts.distinct, settings=settings, home=home, **plan
    )
    frame = _run(plan, n_jobs, progress)
    return Atlas.from_rows(frame, plan, starts, run)


def _plan(starts: Starts, data: DataSet, settings: Settings) -> dict[str, Any]:
    rng = np.random.default_rng(settings.seed)
    box = pixel_box(data)
    return {
        "box": box,
        "planes": draw_planes(data, box, settings.planes, rng),
        "lines": draw_lines(data, settings.lines, rng),
    }


def _check_pruning(starts: Starts, data: DataSet, settings: Settings) -> None:
    """Prune one network by every method to every density, so that bad ones are refused now."""
    for name in settings.methods:
        for density in settings.densities:
            rng = np.random.default_rng(settings.seed)
            read_method(name).prune(starts.models[0], density, data, settings.dense, rng)


def _run(plan: Survey, n_jobs: int | None, progress: bool) -> pd.DataFrame:
    """Measure the references here (kernels compile once), and then all cells by the workers."""
    compute = partial(measure, survey=plan)
    references = [{"method": name, "density": 1.0} for name in (DENSE, CONTROL)]
    cells = [
        {"method": method, "density": density}
        for method in plan.settings.methods
        for density in plan.settings.densities
    ]
    shared = {"folder": plan.home, "progress": progress}
    first = run_tasks(references, compute, label="references", **shared)
    rest = run_tasks(cells, compute, n_jobs=n_jobs, label="methods and densities", **shared)
    return pd.concat([first, rest], ignore_index=True)
