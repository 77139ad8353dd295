"""From the rows of all networks to one row per method and density."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regions.atlas.measure import LAYER
from regions.figures import mean_intervals
from regions.recall import RecallTable, intensification

KEYS = ["method", "density"]
# column of the table -> estimator of `intensification`
ESTIMATORS = {"alpha": "moments", "alpha_across": "cross_model"}
_FEWEST_IMAGES = 2
_COLUMNS = {
    "network": {
        "accuracy": "float64",
        "accuracy_before": "float64",
        "kept": "Int64",
        "live_units": "Int64",
        "effective_units": "Int64",
        "live_bound": "float64",
        "ntk_distance": "float64",
        "ntk_size": "float64",
    },
    "layer": {
        "layer": "object",
        "svcca": "float64",
        "null": "float64",
        "similarity_status": "object",
    },
    "slice": {
        "domain": "object",
        "slice": "Int64",
        "regions": "Int64",
        "at_least": "Int64",
        "count_status": "object",
    },
    "class": dict.fromkeys(
        ("class", "n", "correct_dense", "correct_pruned", "correct_both"), "Int64"
    ),
}


def rows_of(frame: Any, kind: str) -> pd.DataFrame:
    """Return the rows of one kind of `measure`, with the columns of that kind."""
    columns = {"method": "object", "density": "float64", "seed": "Int64", **_COLUMNS[kind]}
    rows = frame[frame["kind"] == kind].reindex(columns=list(columns)).astype(columns)
    if kind == "layer":
        rows["layer"] = [name.removeprefix(LAYER) for name in rows["layer"]]
    return rows.reset_index(drop=True)


def per_network(networks: Any, slices: Any, layers: Any) -> pd.DataFrame:
    """Return one row per network: its own numbers, mean counts, similarity of each layer.

    The mean count is missing where one of the network's counts is not exact.
    """
    keys = [*KEYS, "seed"]
    # a count that is not exact is missing
    counts = slices.astype({"regions": "float64"})
    means = counts.groupby([*keys, "domain"], sort=False)["regions"].agg(_mean_if_all).unstack()
    table = networks.merge(means.add_prefix("regions_").reset_index(), on=keys)
    if layers.empty:
        return table
    order = list(dict.fromkeys(layers["layer"]))
    wide = layers.pivot(index=keys, columns="layer", values="svcca")[order].astype(float)
    return table.merge(wide.add_prefix("svcca_").reset_index(), on=keys, how="left")


def _mean_if_all(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().all() else float("nan")


def recall_tests(classes: Any) -> pd.DataFrame:
    """Return one row per method, density and estimator: the intensification and its test."""
    found = []
    for method, rows in classes.groupby("method", sort=False):
        usable = rows[rows["n"] >= _FEWEST_IMAGES].drop(columns="method")
        tidy = usable.assign(ratio=1 / usable["density"].astype(float), model=usable["seed"])
        table = RecallTable.from_frame(tidy)
        densities = dict(zip(tidy["ratio"], tidy["density"], strict=True))
        for estimator in ESTIMATORS.values():
            result = intensification(table, estimator)
            frame = result.to_frame()
            frame.insert(0, "method", method)
            frame.insert(1, "density", [densities[ratio] for ratio in result.ratios])
            frame["reason"] = [_reason(ratio, result.warnings) for ratio in result.ratios]
            found.append(frame)
    return pd.concat(found, ignore_index=True)


def _reason(ratio: float, warnings: tuple[str, ...]) -> str:
    """Return why there is no estimate at a ratio, if there is none."""
    start = f"ratio {ratio:g}: no estimate: "
    return next((text.removeprefix(start) for text in warnings if text.startswith(start)), "")


def tabulate(networks: Any, recall: Any, names: list[str]) -> pd.DataFrame:
    """Return one row per method and density: each number's mean and 95 % interval over seeds."""
    counts = networks.groupby(KEYS, sort=False)["seed"].nunique()
    table = counts.rename("networks").reset_index()
    for name in names:
        if name in ESTIMATORS:
            table = table.merge(_alphas(recall, name), on=KEYS, how="left")
            continue
        known = networks.assign(**{name: networks.get(name, np.nan)}).astype({name: float})
        found = mean_intervals(known, name, KEYS)
        for part, suffix in (("mean", ""), ("low", "_low"), ("high", "_high")):
            table[f"{name}{suffix}"] = found[part].to_numpy()
    return table


def _alphas(recall: Any, name: str) -> pd.DataFrame:
    """Return estimate, interval, adjusted p-value and verdict of one estimator."""
    columns = {
        "estimate": name,
        "low": f"{name}_low",
        "high": f"{name}_high",
        "pvalue_adjusted": f"{name}_pvalue",
        "verdict": f"{name}_verdict",
    }
    if recall is None:
        return pd.DataFrame(columns=[*KEYS, *columns.values()]).astype({"density": float})
    rows = recall[recall["estimator"] == ESTIMATORS[name]]
    return rows.rename(columns=columns)[[*KEYS, *columns.values()]]
