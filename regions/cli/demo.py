"""`regions demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from regions.atlas import Settings
from regions.atlas.demo import run_demo
from regions.atlas.study import Study
from regions.cli.words import ONE_WORKER
from regions.workers import Workers


def demo(
    output: Annotated[Path, arg(aliases=["-o"])] = Path("out/demo"),
    data: str = Study.data,
    seeds: int = Study.seeds,
    workers: OmitArgPrefixes[Workers] = ONE_WORKER,
) -> None:
    """Show on small networks what pruning does, and which layer densities are best.

    Args:
        output: Folder of the page, the tables, the figures and the finished tasks; run again to
            resume.
        data: digits, digits-half (half of the images are test images), or the path of a data set.
        seeds: Networks per setting.
    """
    settings = Settings(densities=(0.2, 0.05, 0.01), seeds=seeds)
    study = Study(data=data, seeds=seeds)
    with workers.active():
        paths = run_demo(output, settings, study, n_jobs=workers.n_jobs, progress=True)
    print(f"\npage: {paths['page']}")
