"""How long the heaviest analysis of recall takes, and how much memory it adds.

    python -m analyses.benchmarks.recall

30 models x 5 ratios x 100 classes x 10,000 images: table from predictions, then alpha with the
jackknife over models, the two-way jackknife over models and images, and 1,000 bootstrap draws of
models. Beside it, one least-squares fit of the same points by statsmodels and its refits without
each model, which give only the uncorrected slope and its jackknife error at one ratio.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import regions
from analyses.benchmarks.measuring import peak_mib, report
from analyses.catalogue import Entry
from regions.recall.balance import Scale, balances

ENTRY = Entry(figure="the heaviest analysis of recall", minutes=0.1, inputs="none")

RATIOS = (2.0, 4.0, 10.0, 20.0, 50.0)


@dataclass(frozen=True)
class Config:
    """Size of the problem."""

    models: int = 30
    classes: int = 100
    images: int = 10_000
    draws: int = 1000
    out: Path = Path("out/benchmarks/recall")


def predictions(config: Config) -> tuple[np.ndarray, np.ndarray, dict[float, np.ndarray]]:
    """Draw labels, dense and pruned predictions."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(config.classes), config.images // config.classes)
    recall = np.linspace(0.35, 0.95, config.classes)[labels]

    def draw(right: np.ndarray) -> np.ndarray:
        wrong = rng.integers(0, config.classes, right.shape)
        return np.where(right, labels, wrong)

    shape = (config.models, labels.size)
    dense = rng.random(shape) < recall
    arms = {ratio: draw(dense & (rng.random(shape) < 1 - 0.005 * ratio)) for ratio in RATIOS}
    return labels, draw(dense), arms


def refit(table: regions.RecallTable) -> float:
    """Return the jackknife error of the pooled slope at the first ratio, by statsmodels."""
    import statsmodels.api as sm

    found = balances(table.counts, Scale())
    keep = ~np.eye(table.n_models, dtype=bool)
    slopes = [sm.OLS(found.y[0][k].ravel(), found.x[k].ravel()).fit().params[0] for k in keep]
    return float(np.sqrt((table.n_models - 1) * np.var(slopes)))


def compute(config: Config) -> pd.DataFrame:
    """Return CPU seconds of each step and the peak memory so far."""
    labels, dense, pruned = predictions(config)
    table = regions.RecallTable.from_predictions(labels, dense, pruned)
    steps = {
        "table from predictions": lambda: regions.RecallTable.from_predictions(
            labels, dense, pruned
        ),
        "moments, models": lambda: regions.intensification(table, population="independent"),
        "moments, models and images, bootstrap": lambda: regions.intensification(
            table, population="examples", n_boot=config.draws
        ),
        "moments against equal log-odds, models and images, bootstrap": (
            lambda: regions.intensification(
                table, null="logit_shift", population="examples", n_boot=config.draws
            )
        ),
        "split_half, models and images, bootstrap": lambda: regions.intensification(
            table, "split_half", population="examples", n_boot=config.draws
        ),
        "statsmodels: uncorrected, models, one ratio": lambda: refit(table),
    }
    rows = []
    for name, step in steps.items():
        start = time.process_time()
        step()
        seconds = time.process_time() - start
        peak = peak_mib() / 1024
        rows.append({"step": name, "cpu_seconds": seconds, "peak_memory_gib": peak})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    report(Config, compute, "recall", __doc__)
