"""What has changed since an earlier version: every study in small, and counts, by both.

    python -m analyses.benchmarks.unchanged --before PATH

`--before` is a checkout of version 0.2. Both versions run every study in the small form that it
had there, and count the networks of the benchmarks `counting`, `lines` and `exactness`. Compared
are the texts of all cells in the columns that both tables have, row by row; of numbers that agree
to nine digits it is said that they differ in the last ones. `why` names the fault that was mended
since (CHANGELOG.md), or the change; "?" would be a fault of one of the two.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analyses.benchmarks.exactness import GROUPS, Version
from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry, entries
from analyses.study import run, study_of

ENTRY = Entry(figure="what has changed since 0.2", minutes=None, inputs="--before PATH")

HERE = Path(__file__).parents[2]
# small forms of 0.2 that were larger than ours
SMALL: dict[str, dict[str, Any]] = {
    "backdoor": {
        "inversion_steps": 20, "steps": 4, "samples": 6, "tune_epochs": 3, "counts": (1, 4, 16)
    },
    "where_to_prune": {"hidden": (100, 100), "densities": (0.02, 0.005), "epochs": 4},
}  # fmt: skip
# what says which network it is, and the count: the other columns are times
COUNTS = {
    "counting": ["group", "network", "count"],
    "lines": ["network", "units", "share", "n_jobs", "count"],
}
WHY = {
    "is_pruning_compression/similarity_by_layer": "the null of every measure agrees with shuffled "
    "samples; svcca has no interval that covers",
    "is_pruning_compression/verdicts": "no verdict of equal accuracy without its interval",
    "recall_distortion/own/alpha": "nulls that predict recalls are free of measurement noise; "
    "counts alone are independent samples of images",
    "recall_distortion/own/hypotheses": "a trend of corrected slopes is refused where the dense "
    "recalls differ by no more than noise",
    "greedy_decay/greedy_decay": "intervals of fit_decay average over the memory of the noise",
    "pruned_plane/pruned_plane": "exact counts: 0.2 missed regions of a sparse network, three "
    "engines count 196",
    **dict.fromkeys(
        [f"where_to_prune/{x}" for x in ("accuracy", "objectives", "splits", "means", "regret")],
        "synflow follows the published schedule; the arms snip and balance are new",
    ),
    **dict.fromkeys(
        ["methods_table/methods_figure", "methods_table/methods_table"],
        "arms that do not come within half of the budget are left out; the arm merge is new",
    ),
    "where_to_prune/differences": "they are taken from balance, the default now",
    "spectral_pruning/spectral_pruning": "an image is paired with the one before, as published",
}


@dataclass(frozen=True)
class Config:
    """What is compared, and where all tables go."""

    before: Path
    """A checkout of the earlier version."""
    studies: tuple[str, ...] = tuple(entries())
    counts: bool = True
    """Compare counts of the benchmarks, too."""
    out: Path = Path("out/benchmarks/unchanged")


def compute(config: Config) -> pd.DataFrame:
    """Return one row for each table that both versions write, and one for each list of counts."""
    then, out = config.before.resolve(), config.out.resolve()
    known = {path.stem for path in (then / "analyses").glob("*.py")}
    rows = []
    for name in config.studies:
        if name not in known:
            rows.append({"what": name, "result": "new"})
            continue
        _run(then, f"analyses.{name}", "--smoke", "--no-progress", "--out", out / "before" / name)
        small = SMALL.get(name, {})
        _run(HERE, "analyses.benchmarks.unchanged", "small", name, out / "now" / name, small)
        rows += _tables(out / "before" / name, out / "now" / name)
    if config.counts:
        rows += _benchmarks(then, out)
        rows += _exactness(then)
    return pd.DataFrame(rows).fillna("")


def _run(checkout: Path, module: str, *options: object) -> None:
    """Run a module of a checkout with the package that is there."""
    print(f"{checkout.name}: {module}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, options)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{module} in {checkout} failed: {done.stderr}")


def in_small(name: str, out: str, small: str) -> None:
    """Run a study of this version in a small form with other settings."""
    kind = study_of(import_module(f"analyses.{name}"))
    kind.small = {**kind.small, **literal_eval(small)}
    run(kind(out=Path(out), progress=False, smoke=True))


def _tables(then: Path, now: Path) -> Iterator[dict[str, Any]]:
    """Compare every table of a study that stands under one name in both folders."""
    for path in sorted(then.rglob("*.csv")):
        name = path.relative_to(then)
        if "tasks" in name.parts:
            continue
        what = f"{then.name}/{name.with_suffix('')}"
        if not (now / name).exists():
            yield {"what": what, "result": "not written now", "why": WHY.get(what, "?")}
            continue
        if path.read_bytes() == (now / name).read_bytes():
            yield {"what": what, "result": "same bytes", "rows": len(_texts(path))}
            continue
        yield compared(what, _texts(path), _texts(now / name))


def _texts(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def compared(what: str, then: pd.DataFrame, now: pd.DataFrame) -> dict[str, Any]:
    """Return what differs between two tables of texts."""
    gone, new = [c for c in then if c not in now], [c for c in now if c not in then]
    row = {"what": what, "rows": len(then), "gone": " ".join(gone), "new": " ".join(new)}
    both = [column for column in then if column in now]
    if len(then) != len(now):
        known = set(now[both].itertuples(index=False, name=None))
        lost = sum(cells not in known for cells in then[both].itertuples(index=False, name=None))
        said = f"differs: now {len(now)} rows, {lost} of {len(then)} are not among them"
        return row | {"result": said, "why": WHY.get(what, "?")}
    digits, differs = [], []
    for column in both:
        wrong = then[column].to_numpy() != now[column].to_numpy()
        if wrong.any():
            one, two = (pd.to_numeric(x[column][wrong], errors="coerce") for x in (then, now))
            close = bool(np.isclose(one, two, rtol=1e-9, atol=1e-12).all())
            (digits if close else differs).append(f"{column} ({wrong.sum()})")
    said = "differs: " + ", ".join(differs) if differs else "same in common columns"
    if digits:
        said += "; last digits: " + ", ".join(digits)
    return row | {"result": said, "why": WHY.get(what, "?") if differs or gone else ""}


def _benchmarks(then: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Compare the counts of the benchmarks' small forms."""
    for name, columns in COUNTS.items():
        for checkout, folder in ((then, out / "before"), (HERE, out / "now")):
            _run(checkout, f"analyses.benchmarks.{name}", "--smoke", "--out", folder / name)
        found = [_texts(out / side / name / f"{name}.csv")[columns] for side in ("before", "now")]
        yield compared(f"benchmark {name}", *found)


def _exactness(then: Path) -> Iterator[dict[str, Any]]:
    """Compare the counts of every network of the benchmark of exactness, with their statuses."""
    versions = Version(then), Version(HERE)
    for group, cases, _ in GROUPS:
        found: Sequence[list] = [], []
        for case in cases:
            for version, counts in zip(versions, found, strict=True):
                count, status, _ = version.count(case)
                name = f"{case.method} {case.name}"
                counts.append({"case": name, "count": str(count), "status": status})
        yield compared(f"benchmark exactness, {group}", *map(pd.DataFrame, found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["small"]:
        in_small(*sys.argv[2:])
    else:
        report(Config, compute, "unchanged", __doc__)
