"""What benchmarks share: peak memory, processes of their own, and the table at the end."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd
import tyro

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
    compute: Callable[[Any], pd.DataFrame],
    name: str,
    description: str | None,
    digits: int = 4,
) -> None:
    """Read the settings from the command line, compute the table, print it, save it as NAME.csv."""
    chosen = tyro.cli(config, description=description)
    check_writable(chosen.out, folder=True)
    run = Run(config=chosen, seed=0)
    frame = compute(chosen)
    print(frame.to_string(index=False, float_format=lambda value: f"{value:.{digits}g}"))
    save_table(frame, chosen.out / f"{name}.csv", run)
