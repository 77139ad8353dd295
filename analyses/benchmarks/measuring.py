"""What benchmarks share: peak memory, processes of their own, and the table at the end."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd
import tyro

from regions.errors import RegionsError
from regions.figures import Run, save_table
from regions.results import check_writable


def peak_mib() -> float:
    """Return the largest memory this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def apart(function: Callable, *arguments: Any) -> Any:
    """Return what a call gives in a new process, whose memory and imports are its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def report(
    config: type,
    compute: Callable[[Any], pd.DataFrame | Mapping[str, pd.DataFrame]],
    name: str,
    description: str | None,
    *,
    digits: int = 4,
    seed: int = 0,
) -> None:
    """Read the settings from the command line, compute, print and save the table as NAME.csv.

    Of several tables each has its own name. What is wrong with the settings is said in one line.
    """
    try:
        chosen = tyro.cli(config, description=description)
        check_writable(chosen.out, folder=True)
        run = Run(config=chosen, seed=seed)
        found = compute(chosen)
        for stem, table in ({name: found} if isinstance(found, pd.DataFrame) else found).items():
            text = table.to_string(index=False, float_format=lambda value: f"{value:.{digits}g}")
            print(f"{stem}\n{text}\n")
            save_table(table, chosen.out / f"{stem}.csv", run)
    except RegionsError as error:
        sys.exit(f"{name}: {error}")
