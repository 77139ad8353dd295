"""Statistics of the study where to prune: paired differences, regret, correlations, gains."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from scipy import stats

from analyses.catalogue import DATA
from regions.errors import DataError
from regions.figures import mean_intervals
from regions.recall.inference import adjust

PUBLISHED = DATA / "cai2023_accuracy.csv"
OURS = "balance default"
QUANTITIES = {
    "effective_weights": "effective weights",
    "effective_units": "effective units",
    "inputs": "inputs in use",
    "magnitude": "retained magnitude",
    "log2_rank": "log2 bound (rank)",
    "log2_rows": "log2 bound (rows)",
    "log2_live": "log2 bound (live)",
    "log2_effective": "log2 bound (effective)",
}


def tables(frame: pd.DataFrame, network: str) -> dict[str, pd.DataFrame]:
    """Return every table of the study; accuracies in percent, differences in points."""
    percent = with_arms(frame)
    return {
        "means": means(percent),
        "differences": differences(percent),
        "regret": regret(percent),
        "correlations": correlations(percent),
        "published_gain": published_gain(percent, network),
    }


def with_arms(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with accuracies in percent and one column that names the arm."""
    columns = {name: 100 * frame[name] for name in ("accuracy", "validation", "dense_accuracy")}
    return frame.assign(**columns, arm=frame["allocation"] + " " + frame["selection"])


def is_compared(frame: pd.DataFrame) -> pd.Series:
    """Tell the arms that a user could choose: no scan, no random draws."""
    scanned = frame["allocation"].str.startswith("scan")
    return ~scanned & ~frame["selection"].str.startswith("random")


def means(percent: pd.DataFrame) -> pd.DataFrame:
    """Return the mean test accuracy of each arm and density with its 95 % t interval."""
    table = mean_intervals(percent[is_compared(percent)], "accuracy", ["density", "arm"])
    return table.rename(columns={"mean": "accuracy"}).drop(columns="sd")


def differences(percent: pd.DataFrame) -> pd.DataFrame:
    """Return paired differences, over networks, of the default of `regions` to all other arms.

    Intervals are 95 % t intervals of the mean difference; p-values of the paired t test are
    adjusted by Holm over all rows. Positive: the default is better.
    """
    wide = percent[is_compared(percent)].pivot(
        index=["density", "seed"], columns="arm", values="accuracy"
    )
    rows = []
    for density, part in wide.groupby("density", sort=False):
        for arm in part.columns.drop(OURS):
            gap = (part[OURS] - part[arm]).dropna()
            if len(gap) > 1:
                rows.append({"density": density, "against": arm, **_t_test(gap)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=adjust(table["p"].to_numpy(), "holm"))


def _t_test(gap: pd.Series) -> dict[str, float]:
    mean, error = float(gap.mean()), float(gap.sem())
    half = stats.t.ppf(0.975, len(gap) - 1) * error
    # equal masks in every network give no spread and no evidence
    p = 2 * stats.t.sf(abs(mean) / error, len(gap) - 1) if error > 0 else float(mean == 0.0)
    return {"difference": mean, "low": mean - half, "high": mean + half, "n": len(gap), "p": p}


def regret(percent: pd.DataFrame) -> pd.DataFrame:
    """Return how far each arm is below the best common split of the scan, plain or repaired.

    The split is the one of the best mean accuracy on validation images; the regret is measured
    on test images and is negative where an arm is better than every common split.
    """
    scanned = percent[percent["allocation"].str.startswith("scan")]
    if scanned.empty:
        return pd.DataFrame(columns=["arm", "density", "regret"])
    chosen = scanned.groupby(["density", "arm"])[["validation", "accuracy"]].mean().reset_index()
    best = chosen.loc[chosen.groupby("density")["validation"].idxmax()]
    best = best.set_index("density")["accuracy"]
    table = means(percent)
    table["regret"] = table["density"].map(best) - table["accuracy"]
    wide = table.pivot(index="arm", columns="density", values="regret")
    wide = wide[sorted(wide.columns, reverse=True)]
    wide.insert(0, "mean", wide.mean(axis=1, skipna=False))
    return wide.sort_values("mean").reset_index().rename(columns=str)


def correlations(percent: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's rank correlation of what masks say with accuracy.

    `over`: the splits of the scan, plain or repaired (both sides averaged over networks), or the
    random masks of all networks at the uniform split.
    """
    rows = []
    for density, part in percent.groupby("density", sort=False):
        scanned = part[part["allocation"].str.startswith("scan")]
        groups = {
            f"splits, {selection}": rows_.groupby("allocation")[[*QUANTITIES, "accuracy"]].mean()
            for selection, rows_ in scanned.groupby("selection")
        }
        groups["random masks"] = part[part["selection"].str.startswith("random")]
        for over, table in groups.items():
            found = {name: _spearman(table[name], table["accuracy"]) for name in QUANTITIES}
            rows.append({"density": density, "over": over, **found})
    return pd.DataFrame(rows)


def _spearman(one: pd.Series, two: pd.Series) -> float:
    """Return Spearman's correlation, NaN where one side is constant or there are few values."""
    if len(one) < 3 or one.nunique() < 2 or two.nunique() < 2:
        return float("nan")
    return float(stats.spearmanr(one, two).statistic)


def published_gain(percent: pd.DataFrame, network: str) -> pd.DataFrame:
    """Return the gain of the published split over uniform, in points, ours beside the paper's."""
    wide = percent.pivot(index=["density", "seed"], columns="arm", values="accuracy")
    if "parabola plain" not in wide:
        return pd.DataFrame(columns=["density", "uniform", "gain", "low", "high"])
    rows = []
    for density, part in wide.groupby("density", sort=False):
        gain = _t_test(part["parabola plain"] - part["uniform plain"])
        ours = {"uniform": part["uniform plain"].mean(), "gain": gain["difference"]}
        rows.append({"density": density, **ours, "low": gain["low"], "high": gain["high"]})
    table = pd.DataFrame(rows)
    published = pd.read_csv(PUBLISHED)
    wanted = _plain(str(percent["data"].iloc[0]))
    known = published[
        (published["dataset"].map(_plain) == wanted) & (published["network"] == network)
    ]
    names = {
        "gain_points": "published_gain",
        "uniform_accuracy_percent": "published_uniform",
    }
    known = known.rename(columns=names)[["density", *names.values()]]
    return table.merge(known, on="density", how="left")


def published_densities(dataset: str, network: str) -> tuple[float, ...]:
    """Return the paper's densities for a network, on MNIST if it has none for the data set.

    >>> published_densities("digits", "2x100")
    (0.01, 0.005, 0.0025, 0.001, 0.00075, 0.0005, 0.0001)
    """
    table = pd.read_csv(PUBLISHED)
    for rows in (
        table[(table["dataset"].map(_plain) == _plain(dataset)) & (table["network"] == network)],
        table[(table["dataset"] == "MNIST") & (table["network"] == network)],
        table[(table["dataset"] == "MNIST") & (table["network"] == "2x100")],
    ):
        if not rows.empty:
            return tuple(rows["density"].tolist())
    raise DataError(f"{PUBLISHED} has no densities of 2x100 on MNIST")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def share_of_first_layer(percent: pd.DataFrame) -> pd.DataFrame:
    """Return each arm's share of the kept weights in its first pruned layer, in percent."""
    counts = [name for name in percent.columns if name.startswith("count_")]
    share = 100 * percent[counts[0]] / percent[counts].sum(axis=1)
    table = percent.assign(share=np.asarray(share))[is_compared(percent)]
    return table.groupby(["density", "allocation"], sort=False)["share"].mean().reset_index()
