"""Class impact: which classes lose or gain against the accuracy?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.recall.inference import adjust
from regions.recall.sample import why_each
from regions.recall.table import RecallTable, check_table


def class_impact(table: RecallTable) -> pd.DataFrame:
    """Return for each ratio and class how its recall changed relative to the accuracy.

    The recall relative to the mean accuracy, R_t^c(m) - mean A_t, is compared with R_1^c(m) -
    mean A_1 by Welch's t test over models, as published; the paired test beside it uses that the
    pruned networks descend from the dense ones.

    Returns
    -------
    pandas.DataFrame
        `ratio`, `class`, `recall_dense`, `recall_pruned`, `impact` (change relative to the
        accuracy), `impact_normalised` (divided by |change of accuracy|; NaN if that is 0),
        `pvalue` (Welch), `pvalue_adjusted`, `pvalue_paired`, `pvalue_paired_adjusted`
        (Benjamini-Hochberg over the classes of a ratio). p is NaN for one model, for
        copies of models, for untouched networks, and where nothing varies.

    Notes
    -----
    Hooker et al. 2019, arXiv 1911.05248; the normalisation as described there in words.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> class_impact(table)["impact"].round(3).tolist()
    [0.007, 0.061, -0.068]
    """
    check_table(table)
    dense = table.dense / table.sizes
    frames, reasons = [], why_each(table)
    for row, ratio in enumerate(table.ratios):
        pruned = table.pruned[row] / table.sizes
        before = dense - table.accuracy_dense.mean()
        after = pruned - table.accuracy_pruned[row].mean()
        lost = abs(table.accuracy_dense.mean() - table.accuracy_pruned[row].mean())
        impact = (after - before).mean(0)
        none = np.full(table.n_classes, np.nan)
        welch = none if reasons[row] else _welch(after, before)
        paired = none if reasons[row] else _paired(after - before)
        frames.append(
            pd.DataFrame(
                {
                    "ratio": ratio,
                    "class": list(table.classes),
                    "recall_dense": dense.mean(0),
                    "recall_pruned": pruned.mean(0),
                    "impact": impact,
                    "impact_normalised": impact / (lost if lost > 0 else np.nan),
                    "pvalue": welch,
                    "pvalue_adjusted": adjust(welch, "bh"),
                    "pvalue_paired": paired,
                    "pvalue_paired_adjusted": adjust(paired, "bh"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _welch(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the p-value of each class; NaN where nothing varies."""
    pvalues = np.full(after.shape[1], np.nan)
    models = len(after)
    varies = np.maximum(np.ptp(after, axis=0), np.ptp(before, axis=0)) > 1e-12
    if varies.any():
        # from moments: one arm alone may be constant
        arms = [
            (x[:, varies].mean(0), x[:, varies].std(0, ddof=1), models) for x in (after, before)
        ]
        pvalues[varies] = stats.ttest_ind_from_stats(*arms[0], *arms[1], equal_var=False).pvalue
    return pvalues


def _paired(change: np.ndarray) -> np.ndarray:
    pvalues = np.full(change.shape[1], np.nan)
    varies = np.ptp(change, axis=0) > 1e-12
    if varies.any():
        result: Any = stats.ttest_1samp(change[:, varies], 0)
        pvalues[varies] = result.pvalue
    return pvalues
