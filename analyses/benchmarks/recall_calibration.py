"""Do the tests of recall intensification keep their error rates? Simulated truth, many runs.

    python -m analyses.benchmarks.recall_calibration

Three studies: `slopes` (is the true alpha found, and rejected in about 5 % of runs?), `coverage`
(intervals for new images when all models find the same images hard) and `family` (five ratios
under a true null: how often is any rejected?). Prints one table for each and saves them as CSV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import regions
from analyses.benchmarks.measuring import report
from analyses.catalogue import Entry
from regions.resume import run_tasks

ENTRY = Entry(figure="error rates of the tests of intensification", minutes=2, inputs="none")

MODELS = 30
CHUNK = 50
RATIO = 10.0

# classes, recall of the easiest and hardest class, pruned accuracy, images per class, true alpha,
# and how nested the errors are (1: pruned networks err wherever dense ones do)
CASES: dict[str, dict[str, float]] = {
    "N1": {"accuracy": 0.8, "n": 100, "kappa": 0.0},
    "N2": {"accuracy": 0.8, "n": 100, "kappa": 0.7},
    "N3": {"accuracy": 0.8, "n": 100, "kappa": 1.0},
    "N4": {"accuracy": 0.8, "n": 1000, "kappa": 0.0},
    "N5": {"accuracy": 0.8, "n": 1000, "kappa": 0.7},
    "P1": {"accuracy": 0.75, "n": 100, "kappa": 0.7, "alpha": 1.2},
    "P2": {"accuracy": 0.8, "n": 100, "kappa": 0.7, "alpha": 0.9},
    "C100": {
        "accuracy": 0.6, "n": 100, "kappa": 0.7, "low": 0.35, "high": 0.95, "classes": 100
    },
    "MNIST": {"accuracy": 0.98, "n": 1000, "kappa": 0.7, "low": 0.985, "high": 0.997},
    "MNIST-0": {"accuracy": 0.98, "n": 1000, "kappa": 0.0, "low": 0.985, "high": 0.997},
}  # fmt: skip
TESTS = {
    "naive mean": {"estimator": "ols"},
    "naive pooled": {"estimator": "ols", "aggregate": "pooled"},
    "moments": {"estimator": "moments"},
    "split_half": {"estimator": "split_half"},
}
COVERAGE = {"shared images .5": (0.5, 0.3), "shared images .7": (0.7, 0.1)}


@dataclass(frozen=True)
class Config:
    """Settings of the calibration."""

    runs: int = 600
    """Simulated experiments per case (half as many with 100 classes)."""
    coverage_runs: int = 600
    family_runs: int = 1000
    out: Path = Path("out/recall_calibration")
    progress: bool = True
    smoke: bool = False
    """Two cases of 50 runs."""


def slopes(config: Config) -> pd.DataFrame:
    """Return one row per case, run and test: estimate, and whether the true alpha is rejected."""
    names = ("N1", "N3") if config.smoke else tuple(CASES)
    runs = CHUNK if config.smoke else config.runs
    tasks = [
        {"case": name, "first": first}
        for name in names
        for first in range(0, runs // 2 if name == "C100" else runs, CHUNK)
    ]
    return run_tasks(tasks, slope_runs, config.out / "slopes", progress=config.progress)


def slope_runs(case: str, first: int, runs: int = CHUNK) -> pd.DataFrame:
    """Analyse `runs` simulated experiments of one case."""
    rows = []
    for run in range(first, first + runs):
        table = simulate(np.random.default_rng([17, run]), **CASES[case])
        truth = CASES[case].get("alpha", 1.0)
        for test, options in TESTS.items():
            result = regions.intensification(table, rng=run, **options)
            interval = result.confidence_interval(0.95)
            inside = interval.low[0] <= truth <= interval.high[0]
            estimate = result.estimate[0]
            rejected = float(not inside) if np.isfinite(estimate) else np.nan
            rows.append((run, test, truth, estimate, rejected, result.reliability))
    names = ["run", "test", "truth", "estimate", "rejected", "reliability"]
    return pd.DataFrame(rows, columns=names)


def simulate(
    rng: np.random.Generator,
    *,
    accuracy: float,
    n: float,
    kappa: float,
    alpha: float = 1.0,
    low: float = 0.75,
    high: float = 0.95,
    classes: float = 10,
    ratios: tuple[float, ...] = (RATIO,),
) -> regions.RecallTable:
    """Draw a table with known alpha: recalls are the same for all models, test errors are not.

    Pruned recalls are A_t (1 + alpha x) for dense balances x; a pruned network is right on an
    image of the class together with its dense one with probability
    kappa min(p, p_t) + (1 - kappa) p p_t.
    """
    size, shape = int(n), (MODELS, int(classes))
    p = np.linspace(low, high, int(classes))
    q = accuracy * (1 + alpha * (p / p.mean() - 1))
    together = kappa * np.minimum(p, q) + (1 - kappa) * p * q
    dense = rng.binomial(size, np.broadcast_to(p, shape))
    pruned, both = {}, {}
    for ratio in ratios:
        both[ratio] = rng.binomial(dense, together / p)
        gained = rng.binomial(size - dense, np.clip((q - together) / (1 - p), 0, 1))
        pruned[ratio] = both[ratio] + gained
    return regions.RecallTable.from_counts(dense, pruned, size, both)


def coverage(config: Config) -> pd.DataFrame:
    """Return one row per case and run: whether 95 % intervals hold the true alpha 1."""
    names = list(COVERAGE)[:1] if config.smoke else list(COVERAGE)
    runs = CHUNK if config.smoke else config.coverage_runs
    tasks = [{"case": name, "first": first} for name in names for first in range(0, runs, CHUNK)]
    return run_tasks(tasks, coverage_runs, config.out / "coverage", progress=config.progress)


def coverage_runs(case: str, first: int, runs: int = CHUNK) -> pd.DataFrame:
    """Analyse `runs` experiments in which all models find the same images hard."""
    rows = []
    for run in range(first, first + runs):
        table = simulate_shared(np.random.default_rng([23, run]), *COVERAGE[case])
        naive = regions.intensification(table, "ols", aggregate="pooled").estimate[0]
        for population in ("independent", "examples"):
            result = regions.intensification(table, population=population, rng=run)
            interval = result.confidence_interval(0.95)
            covered = interval.low[0] <= 1 <= interval.high[0]
            rows.append((run, population, naive, result.estimate[0], float(covered)))
    return pd.DataFrame(rows, columns=["run", "population", "naive", "estimate", "covered"])


def simulate_shared(
    rng: np.random.Generator,
    image: float,
    model_image: float,
    n: int = 100,
    models: int = MODELS,
) -> regions.RecallTable:
    """Draw predictions with alpha 1 where images are hard for all, and for one model's networks.

    A network is right if sqrt(image) s_i + sqrt(model_image) g_mi + noise is below the normal
    quantile of the class's recall.
    """
    recalls = np.linspace(0.75, 0.95, 10)
    labels = np.repeat(np.arange(10), n)
    shared = np.sqrt(image) * rng.standard_normal(labels.size)
    own = np.sqrt(model_image) * rng.standard_normal((models, labels.size))
    rest = np.sqrt(1 - image - model_image)

    def predict(recall: np.ndarray) -> np.ndarray:
        hardness = shared + own + rest * rng.standard_normal(own.shape)
        right = hardness < stats.norm.ppf(recall)[labels]
        return np.where(right, labels, (labels + 1) % 10)

    pruned = predict(0.8 * recalls / recalls.mean())
    return regions.RecallTable.from_predictions(labels, predict(recalls), {RATIO: pruned})


def family(config: Config) -> pd.DataFrame:
    """Return one row per run and correction: whether any of five true nulls is rejected."""
    runs = CHUNK if config.smoke else config.family_runs
    tasks = [{"first": first} for first in range(0, runs, CHUNK)]
    return run_tasks(tasks, family_runs, config.out / "family", progress=config.progress)


def family_runs(first: int, runs: int = CHUNK) -> pd.DataFrame:
    """Analyse `runs` experiments with five ratios that all leave alpha at 1."""
    rows = []
    for run in range(first, first + runs):
        rng = np.random.default_rng([29, run])
        table = simulate(rng, **CASES["N2"], ratios=(2.0, 4.0, 10.0, 20.0, 50.0))
        for correction in ("none", "holm", "bonferroni", "bh"):
            result = regions.intensification(table, correction=correction)
            rows.append((run, correction, float("".join(result.verdict) != "?????")))
    return pd.DataFrame(rows, columns=["run", "correction", "any_rejected"])


def compute(config: Config) -> dict[str, pd.DataFrame]:
    """Run the studies (a stopped one goes on) and return the table of each."""
    return tabulate(
        {"slopes": slopes(config), "coverage": coverage(config), "family": family(config)}
    )


def tabulate(parts: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the table of each study: means, Monte Carlo standard errors and rates."""
    by_test = parts["slopes"].groupby(["case", "test"], sort=False)
    table = by_test.agg(
        truth=("truth", "first"),
        reliability=("reliability", "mean"),
        mean=("estimate", "mean"),
        standard_error=("estimate", "sem"),
        rejection=("rejected", "mean"),
        undefined=("estimate", lambda values: values.isna().mean()),
        runs=("run", "count"),
    )
    covered = parts["coverage"].groupby(["case", "population"], sort=False)
    rates: dict[str, Any] = {"naive": "mean", "estimate": "mean", "covered": "mean", "run": "count"}
    any_rejected = parts["family"].groupby("correction", sort=False)["any_rejected"]
    return {
        "slopes": table.reset_index(),
        "coverage": covered.agg(rates).rename(columns={"run": "runs"}).reset_index(),
        "family": any_rejected.agg(rate="mean", runs="count").reset_index(),
    }


if __name__ == "__main__":
    report(Config, compute, "recall_calibration", __doc__, seed=17)
