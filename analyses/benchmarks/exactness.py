"""What exactness costs: CPU time of every engine beside an earlier version, in one run.

    python -m analyses.benchmarks.exactness --before PATH

`--before` is a checkout of an earlier version of this package. Both versions count the same
networks in turn, each in a process of its own that stays alive, after one count that compiles what
it needs; the table gives both counts and the ratio of the medians. Generic networks have no ties;
in bias-free, integer and sparse ones ties are the rule. In high dimension `cells` is bound by
linear programs: how many a region takes, and how many steps each, stands in the table.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.benchmarks import exactness_cases as cases
from analyses.benchmarks.exactness_cases import GENERIC, HIGH, LISTS, TIES, Case, question_of
from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from regions.counting.tree.frame import frame_of
from regions.counting.tree.halfspaces import halfspace_tree

ENTRY = Entry(figure="what exactness costs", minutes=None, inputs="--before PATH")

# what one count may cost beside the earlier version
GROUPS = (
    ("generic", GENERIC, 1.2),
    ("ties", TIES, 3.0),
    ("lists", LISTS, 1 / 3),
    ("high", HIGH, 1 / 3),
)


@dataclass(frozen=True)
class Config:
    """What is compared, how often, and where the table goes."""

    before: Path | None = None
    """A checkout of the earlier version; without it only this one is timed."""
    repeats: int = 5
    """Counts of each network by each version."""
    methods: tuple[str, ...] = ("line", "plane", "vertices", "cells", "regions")
    groups: tuple[str, ...] = ("generic", "ties", "lists", "high")
    out: Path = Path("out/benchmarks")


class Version:
    """A process that counts with one checkout of the package."""

    def __init__(self, checkout: Path):
        # the cases are this file's, the package is the checkout's
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import runpy; runpy.run_path({cases.__file__!r})['serve']()"],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def count(self, case: Case) -> tuple[int | None, str, float]:
        """Return the count, its status, and CPU seconds."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(list(case)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process that counts {case.name} has died")
        return tuple(json.loads(answer))


def compute(config: Config) -> pd.DataFrame:
    """Return one row per case: both counts, both times, their ratio and what is demanded."""
    here = Path(__file__).parents[2]
    versions = {"now": Version(here)}
    if config.before is not None:
        versions["before"] = Version(config.before.resolve())
    rows = []
    for group, chosen, demanded in GROUPS:
        for case in chosen:
            if case.method not in config.methods or group not in config.groups:
                continue
            row: dict[str, Any] = {"engine": case.method, "group": group, "case": case.name}
            found: dict[str, list] = {name: [] for name in versions}
            for repeat in range(config.repeats + 1):
                for name, version in versions.items():
                    count, status, seconds = version.count(case)
                    row |= {name: count, f"{name}_status": status}
                    if repeat:  # the first one compiles
                        found[name].append(seconds)
            medians = {name: statistics.median(values) for name, values in found.items()}
            row |= {f"{name}_ms": 1e3 * median for name, median in medians.items()}
            if "before" in medians:
                row |= {"ratio": medians["now"] / medians["before"], "demanded": demanded}
            if group == "high":
                row |= _programs(case, medians["now"])
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _programs(case: Case, seconds: float) -> dict[str, float]:
    """Return what a count's time goes into: linear programs, and their steps."""
    tree, root = halfspace_tree(frame_of(*question_of(case)))
    found = sum(tree.counts(root))
    _, programs, steps = tree.geometry.work
    return {
        "regions_per_s": found / seconds,
        "programs_per_region": programs / found,
        "steps_per_program": steps / max(programs, 1),
        "us_per_step": 1e6 * seconds / max(steps, 1),
    }


if __name__ == "__main__":
    report(Config, compute, "exactness", __doc__)
