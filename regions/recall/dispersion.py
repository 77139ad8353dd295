"""Dispersion ratio: are the pruned recalls more spread than the dense ones, whichever they are?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.recall.balance import Balances, Scale, balances
from regions.recall.counts import Counts
from regions.recall.inference import adjust
from regions.recall.noise import noise_of
from regions.recall.ratio import NOTHING
from regions.recall.sample import why_each
from regions.recall.table import RecallTable, check_table


def dispersion_ratio(counts: Counts, found: Balances) -> tuple[np.ndarray, np.ndarray]:
    """Return sqrt(Syy / Sxx) over all models, plain and without measurement noise.

    The corrected ratio is sqrt((Syy - Vyy) / (Sxx - Vxx)), NaN where a difference is not positive.
    """
    sxx = (found.slope * found.x**2).sum()
    syy = (found.slope * found.y**2).sum((-1, -2))
    noise = noise_of(counts, found, "independent")
    return _root(syy, sxx), _root(syy - noise.pruned.sum(-1), sxx - noise.dense.sum(-1))


def _root(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    below = np.where(below > NOTHING, below, np.nan)
    return np.sqrt(np.where(above >= 0, above, np.nan) / below)


def dispersion(table: RecallTable) -> pd.DataFrame:
    """Return the dispersion ratio D at each compression ratio, tested over models.

    D_m = sqrt(sum y^2 / sum x^2) of one model's normalised balances; alpha = D x correlation, so
    D > 1 with alpha <= 1 means that classes changed places. Tested by a t test of mean log D = 0
    over models (a Pitman-Morgan test within one model has too few classes), Holm over ratios.
    Measurement noise of equal size in both networks does not move D from 1.

    Returns
    -------
    pandas.DataFrame
        `ratio`, `dispersion` (pooled), `dispersion_corrected`, `log_mean`, `log_low`, `log_high`
        (95 %), `pvalue`, `pvalue_adjusted`, `n_models`. Interval and p-values are NaN for one
        model, for copies of models, for untouched networks, and where all models are alike.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> dispersion(table)[["dispersion", "log_mean"]].round(3).values.tolist()
    [[2.439, 0.896]]
    """
    check_table(table)
    found = balances(table.counts, Scale())
    plain, corrected = dispersion_ratio(table.counts, found)
    sxx = (found.slope * found.x**2).sum(-1)
    syy = (found.slope * found.y**2).sum(-1)
    positive = (sxx > NOTHING) & (syy > NOTHING)
    logs = 0.5 * np.log(np.where(positive, syy, np.nan) / np.where(positive, sxx, np.nan))
    rows = [
        (float(row.mean()), *([np.nan] * 3 if why else _log_test(row)))
        for row, why in zip(logs, why_each(table), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["log_mean", "log_low", "log_high", "pvalue"])
    frame.insert(0, "ratio", table.ratios)
    frame.insert(1, "dispersion", plain)
    frame.insert(2, "dispersion_corrected", corrected)
    frame["pvalue_adjusted"] = adjust(frame["pvalue"].to_numpy(), "holm")
    frame["n_models"] = table.n_models
    return frame


def _log_test(logs: np.ndarray) -> tuple[float, float, float]:
    if not np.isfinite(logs).all() or np.ptp(logs) < 1e-12:
        return np.nan, np.nan, np.nan
    result: Any = stats.ttest_1samp(logs, 0)
    interval = result.confidence_interval(0.95)
    return float(interval.low), float(interval.high), float(result.pvalue)
