"""Worst class and spread of recalls."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regions.gini import gini
from regions.recall.table import RecallTable, check_table


def worst_class(table: RecallTable) -> pd.DataFrame:
    """Return lowest recall and spread of recalls over classes, dense (ratio 1) and pruned.

    Returns
    -------
    pandas.DataFrame
        One row for the dense networks (`network` "dense", ratio 1) and one per ratio ("pruned"):
        `ratio`, `network`, `accuracy`, `worst_class` (lowest mean recall), `worst_recall`,
        `range`, `sd`, `gini`: means over models of each model's own value.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> worst_class(table)[["network", "worst_class"]].values.tolist()
    [['dense', 2], ['pruned', 2]]
    """
    check_table(table)
    dense = ("dense", 1.0, table.dense / table.sizes, table.accuracy_dense)
    pruned = [
        ("pruned", ratio, counts / table.sizes, accuracy)
        for ratio, counts, accuracy in zip(
            table.ratios, table.pruned, table.accuracy_pruned, strict=True
        )
    ]
    rows = [
        {
            "ratio": ratio,
            "network": network,
            "accuracy": accuracy.mean(),
            "worst_class": table.classes[recall.mean(0).argmin()],
            "worst_recall": recall.min(-1).mean(),
            "range": np.ptp(recall, axis=-1).mean(),
            "sd": recall.std(-1, ddof=1).mean(),
            "gini": gini(recall).mean(),
        }
        for network, ratio, recall, accuracy in [dense, *pruned]
    ]
    return pd.DataFrame(rows)
