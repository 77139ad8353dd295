"""`regions atlas`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from regions.atlas import Settings, survey
from regions.choices import check_name
from regions.cli.given import numbers
from regions.cli.output import Output, give
from regions.cli.words import FACTORY, ONE_WORKER
from regions.training import MODELS, Recipe
from regions.workers import Workers

_ARCHITECTURE = (
    "a standard model, such as mlp, lenet5 or resnet20 (`regions.training.MODELS`), or " + FACTORY
)


def atlas(
    model: Annotated[Positional[str], arg(metavar="MODEL", help=_ARCHITECTURE)],
    data: str = "digits",
    densities: str = ".5,.2,.05",
    methods: str = "magnitude,random",
    seeds: int = Settings.seeds,
    epochs: int = 30,
    planes: int = Settings.planes,
    lines: int = Settings.lines,
    workers: OmitArgPrefixes[Workers] = ONE_WORKER,
    output: Annotated[Path, arg(aliases=["-o"])] = Path("out/atlas"),
    json: bool = False,
) -> None:
    """Measure what pruning does to a network, by every instrument, and show it on one page.

    Without weights, several networks of the architecture are trained first. Run again to resume.

    Args:
        data: digits, or a data set for `regions.training.load_data` (.npz, a folder).
        densities: Fractions of the hidden layers' weights to keep.
        methods: Criteria of `regions.prune`, with +repair or +global after their names.
        seeds: Networks per method and density.
        epochs: Of training before pruning, and again after it.
        planes: Planes through test images on which regions are counted.
        lines: Segments between classes on which regions are counted.
        output: Folder of the page, the tables, the figures and the finished tasks.
        json: Print JSON instead of a text.
    """
    if not any(mark in model for mark in ":./"):
        check_name("model", model, MODELS)
    recipe = Recipe(epochs=epochs)
    settings = Settings(
        densities=numbers(densities),
        methods=tuple(methods.split(",")),
        seeds=seeds,
        planes=planes,
        lines=lines,
        dense=recipe,
        fine=recipe,
    )
    with workers.active():
        found = survey(model, data, output, settings, n_jobs=workers.n_jobs, progress=True)
    paths = found.save(output)
    give(found, Output(json=json))
    print(f"page: {paths['page']}", file=sys.stderr)
