"""Intensification class by class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from regions.recall.balance import Scale, balances
from regions.recall.inference import adjust
from regions.recall.table import RecallTable


def class_intensification(table: RecallTable) -> pd.DataFrame:
    """Return how far each class moved from the accuracy, with a test over models.

    For class c, I = Bn_t / Bn_1 explodes where the class is near the accuracy. So the ratio of
    the means over models is reported, and what is tested is the signed change away from the
    accuracy: the paired difference Bn_t - Bn_1 times the sign of the mean dense balance.

    Returns
    -------
    pandas.DataFrame
        One row per ratio and class: `ratio`, `class`, `balance_dense`, `balance_pruned` (means of
        Bn), `intensification` (their ratio; NaN if the dense mean is within two standard errors
        of 0), `sign_changes` (share of models whose balance changes sign), `change` (away from
        the accuracy), `low`, `high` (95 %), `pvalue`, `pvalue_adjusted` (Benjamini-Hochberg over
        the classes of a ratio).
    """
    found = balances(table.counts, Scale())
    frames = []
    for ratio, y in zip(table.ratios, found.y, strict=True):
        frame = _one_ratio(found.x, y)
        frame.insert(0, "ratio", ratio)
        frame.insert(1, "class", list(table.classes))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _one_ratio(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    change = (y - x) * np.sign(x.mean(0))
    pvalue, low, high = _paired(change)
    return pd.DataFrame(
        {
            "balance_dense": x.mean(0),
            "balance_pruned": y.mean(0),
            "intensification": _ratio_of_means(x, y),
            "sign_changes": (x * y < 0).mean(0),
            "change": change.mean(0),
            "low": low,
            "high": high,
            "pvalue": pvalue,
            "pvalue_adjusted": adjust(pvalue, "bh"),
        }
    )


def _ratio_of_means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    models = len(x)
    error = x.std(0, ddof=1) / np.sqrt(models) if models > 1 else np.zeros(x.shape[1])
    dense = np.where(np.abs(x.mean(0)) > np.maximum(2 * error, 1e-12), x.mean(0), np.nan)
    return y.mean(0) / dense


def _paired(change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p-values and 95 % intervals of the means over models, per class; NaN if unknown."""
    models = len(change)
    nothing = np.full(change.shape[1], np.nan)
    if models < 2:
        return nothing, nothing, nothing
    error = change.std(0, ddof=1) / np.sqrt(models)
    known = np.where(error > 1e-12, error, np.nan)
    pvalue = 2 * stats.t.sf(np.abs(change.mean(0) / known), models - 1)
    half = stats.t.ppf(0.975, models - 1) * error
    return pvalue, change.mean(0) - half, change.mean(0) + half
