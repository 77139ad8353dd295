"""Rank stability: do classes keep their order of recall?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.recall.table import RecallTable, check_table


def rank_stability(table: RecallTable) -> pd.DataFrame:
    """Return Kendall's tau-b and Spearman's rho between dense and pruned recalls over classes.

    Measurement noise lowers both below 1 even if nothing changes.

    Returns
    -------
    pandas.DataFrame
        One row per ratio: `ratio`, `kendall`, `spearman` (means over models), `kendall_sd`,
        `spearman_sd`, `undefined` (models with all recalls equal in one network, left out).

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> rank_stability(table).columns.tolist()
    ['ratio', 'kendall', 'spearman', 'kendall_sd', 'spearman_sd', 'undefined']
    """
    check_table(table)
    dense = table.dense / table.sizes
    rows = []
    for ratio, counts in zip(table.ratios, table.pruned, strict=True):
        pairs = [_correlations(x, y) for x, y in zip(dense, counts / table.sizes, strict=True)]
        known = np.array([pair for pair in pairs if pair is not None]).reshape(-1, 2)
        mean = known.mean(0) if len(known) else np.full(2, np.nan)
        sd = known.std(0, ddof=1) if len(known) > 1 else np.full(2, np.nan)
        rows.append((ratio, *mean, *sd, len(pairs) - len(known)))
    names = ["ratio", "kendall", "spearman", "kendall_sd", "spearman_sd", "undefined"]
    return pd.DataFrame(rows, columns=names)


def _correlations(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    kendall: Any = stats.kendalltau(x, y)
    spearman: Any = stats.spearmanr(x, y)
    return float(kendall.statistic), float(spearman.statistic)
