"""The demo: an atlas of small perceptrons, with the comparison of allocations on its page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from regions.atlas.exhibits import Exhibit
from regions.atlas.settings import Settings
from regions.atlas.study import Study, compare_allocations, draw, tabulate
from regions.atlas.survey import survey


def run_demo(
    folder: Path,
    settings: Settings,
    study: Study,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> dict[str, Path]:
    """Make the atlas, compare allocations, print both tables and write one page.

    What a killed run has finished is kept in `folder` and not computed again.

    Returns
    -------
    dict
        The files written; "page" is the page.
    """
    atlas = survey("mlp", study.data, folder, settings, n_jobs=n_jobs, progress=progress)
    frame = compare_allocations(study, folder, n_jobs=n_jobs, progress=progress)
    print(atlas.summary(), tabulate(frame).to_string(index=False), sep="\n\n")
    allocations = Exhibit(
        name="allocations",
        title="Which density should each layer get?",
        caption=f"{len(study.objectives)} allocations of the same number of weights, pruned by "
        "magnitude, plainly and with repair; the default, balance, by its own masks too.",
        description="For each density and allocation: test accuracy, share of effective weights, "
        "bound on regions, and the layers' densities; means over networks with 95 % intervals.",
        draw=partial(draw, frame),
        data=frame,
        wide=True,
    )
    return atlas.save(folder, extra=[allocations])
