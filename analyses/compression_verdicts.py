"""Verdicts on the three observations of Blakeney et al. 2020, from the rows of the study.

One row per model, density and observation, with 95 % t intervals over seeds. The thresholds are
ours:

1. "Drift": the drift ratio (1 - similarity of the pruned network) / (1 - similarity of B), over
   hidden layers. Supported if the interval lies above .9, partly if above .5, not if below .5,
   where accuracy falls by at most 2 points (its interval too); else open.
2. "Sparse from the start is nearly as good": accuracy of random sparse minus pruned. Supported
   if the interval lies above -2 points, contradicted if below.
3. "The found structure is not important": accuracy of the found mask minus a random one of the
   same layer densities, both trained from new weights. Supported if the interval lies within
   2 points, contradicted if outside.
"""

from __future__ import annotations

import pandas as pd

from regions.figures import mean_intervals

# arm: how the figures call it; all but the first three exist per density
ARMS = {
    "dense": "dense A",
    "other": "dense B (reference)",
    "untrained": "untrained",
    "finetuned": "A pruned, fine-tuned",
    "pruned": "A pruned, not fine-tuned",
    "reinitialised": "A's mask, new weights",
    "random": "random sparse",
    "finetuned_other": "B pruned, fine-tuned",
}
REFERENCES = ("dense", "other", "untrained")
POINTS = 0.02


def per_network(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy and mean similarity over layers of each network."""
    layers = frame.loc[frame["kind"] == "layer"]
    keys = ["model", "seed", "arm", "density"]
    return layers.groupby(keys, as_index=False).agg(
        accuracy=("accuracy", "first"), similarity=("value", "mean"), layers=("value", "count")
    )


def contrasts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers that the verdicts stand on, one row per model, density and seed."""
    networks = per_network(frame)
    wide = networks.pivot_table(
        index=["model", "seed", "density"], columns="arm", values=["similarity", "accuracy"]
    )
    rows = []
    for model, seed, density in wide.index:
        if density == 1.0:
            continue
        here, whole = wide.loc[(model, seed, density)], wide.loc[(model, seed, 1.0)]
        accuracy, similarity = here["accuracy"], here["similarity"]
        drift = (1 - similarity["finetuned"]) / (1 - whole["similarity"]["other"])
        rows.append(
            {
                "model": model,
                "density": density,
                "seed": seed,
                "drift": drift,
                "dense_accuracy": whole["accuracy"]["dense"],
                "accuracy_change": accuracy["finetuned"] - whole["accuracy"]["dense"],
                "sparse_start": accuracy["random"] - accuracy["finetuned"],
                "structure": accuracy["reinitialised"] - accuracy["random"],
                "identity": similarity["finetuned"] - similarity["finetuned_other"],
            }
        )
    return pd.DataFrame(rows)


def verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on each of the paper's three observations, with its interval."""
    numbers = contrasts(frame)
    rules = {
        "1 drift at equal accuracy": ("drift", judge_drift),
        "2 sparse start nearly as good": ("sparse_start", judge_margin),
        "3 structure not important": ("structure", judge_equal),
        "check: own twin is nearer": ("identity", judge_positive),
    }
    tables = []
    for observation, (column, rule) in rules.items():
        table = mean_intervals(numbers, column, ["model", "density"])
        for level in ("dense_accuracy", "accuracy_change"):
            found = mean_intervals(numbers, level, ["model", "density"])
            table[level] = found["mean"].to_numpy()
            if level == "accuracy_change":
                table[f"{level}_low"] = found["low"].to_numpy()
                table[f"{level}_high"] = found["high"].to_numpy()
        table.insert(0, "observation", observation)
        table.insert(3, "number", column)
        table["verdict"] = [rule(row) for _, row in table.iterrows()]
        tables.append(table.sort_values(["model", "density"], ascending=[True, False]))
    return pd.concat(tables, ignore_index=True)


def judge_drift(row: pd.Series) -> str:
    """Say whether the pruned network is as far away as another seed, at equal accuracy."""
    if row["accuracy_change_high"] < -POINTS:
        return "not at equal accuracy"
    if not row["accuracy_change_low"] > -POINTS:
        return "open"
    if row["low"] >= 0.9:
        return "supported"
    if row["low"] >= 0.5:
        return "partly"
    return "not supported" if row["high"] < 0.5 else "open"


def judge_margin(row: pd.Series) -> str:
    """Say whether a difference of accuracy stays above minus two points."""
    if row["low"] > -POINTS:
        return "supported"
    return "contradicted" if row["high"] < -POINTS else "open"


def judge_equal(row: pd.Series) -> str:
    """Say whether a difference of accuracy stays within two points."""
    if row["low"] > -POINTS and row["high"] < POINTS:
        return "supported"
    outside = row["low"] > POINTS or row["high"] < -POINTS
    return "contradicted" if outside else "open"


def judge_positive(row: pd.Series) -> str:
    """Say whether a difference is above zero."""
    return "holds" if row["low"] > 0 else "fails" if row["high"] < 0 else "open"
