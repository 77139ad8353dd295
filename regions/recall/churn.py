"""Churn: how many images change their prediction, or its correctness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regions.recall.inference import adjust
from regions.recall.noise import require_both
from regions.recall.table import RecallTable, check_table


def churn(table: RecallTable) -> pd.DataFrame:
    """Return for each ratio and model how many images were lost and gained, with McNemar's test.

    Needs joint correctness; `churn` (share of images whose predicted class differs, also among
    wrong ones) needs predictions and is NaN without them.

    Returns
    -------
    pandas.DataFrame
        `ratio`, `model`, `churn`, `lost` (images only the dense network gets right), `gained`
        (only the pruned one), `statistic`, `pvalue` (exact for fewer than 25 changed images; 1
        where none changed),
        `pvalue_adjusted` (Benjamini-Hochberg over the models of a ratio).

    Examples
    --------
    >>> import regions
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> dense = [[0, 0, 0, 1, 1, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
    >>> pruned = [[0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 1], [0, 1, 0, 1, 1, 1]]
    >>> table = regions.RecallTable.from_predictions(labels, dense, {10: pruned})
    >>> churn(table)[["model", "churn", "lost", "gained"]].round(2).values.tolist()
    [['0', 0.33, 2, 0], ['1', 0.33, 2, 0], ['2', 0.17, 1, 0]]
    """
    check_table(table)
    both = require_both(table.counts)
    lost, gained = (table.dense - both).sum(-1), (table.pruned - both).sum(-1)
    differs = np.full(lost.shape, np.nan)
    if table.predictions is not None:
        differs = (table.predictions.pruned != table.predictions.dense).mean(-1)
    frames = []
    for row, ratio in enumerate(table.ratios):
        tests = np.array([_mcnemar(a, b) for a, b in zip(lost[row], gained[row], strict=True)])
        frames.append(
            pd.DataFrame(
                {
                    "ratio": ratio,
                    "model": table.model_ids,
                    "churn": differs[row],
                    "lost": lost[row],
                    "gained": gained[row],
                    "statistic": tests[:, 0],
                    "pvalue": tests[:, 1],
                    "pvalue_adjusted": adjust(tests[:, 1], "bh"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _mcnemar(lost: int, gained: int) -> tuple[float, float]:
    from statsmodels.stats.contingency_tables import mcnemar

    result: Any = mcnemar([[0, lost], [gained, 0]], exact=bool(lost + gained < 25))
    return float(result.statistic), float(result.pvalue)
