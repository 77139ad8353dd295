"""Excess loss: how much more accuracy a class lost than all images together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regions.recall.table import RecallTable, check_table


def excess_loss(table: RecallTable) -> pd.DataFrame:
    """Return the excess accuracy gap of each class: (R_1^c - R_t^c) - (A_1 - A_t).

    With the 0-1 loss R_1^c - R_t^c is the class's excessive loss, and the largest difference
    between two classes the unfairness of the pruned network.

    Returns
    -------
    pandas.DataFrame
        One row per ratio: `ratio`, `accuracy_loss`, `worst_class`, `worst_excess` (largest
        excess of the mean over models), `unfairness` (largest minus smallest), and the means over
        models of each model's own `worst_excess_of_model` and `unfairness_of_model`.

    Notes
    -----
    Tran et al. 2022, arXiv 2205.13574; Hashemizadeh et al. 2023, arXiv 2310.20673 (formulas by
    their description).

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> excess_loss(table)[["worst_class", "worst_excess", "unfairness"]].round(3).values.tolist()
    [[2.0, 0.068, 0.128]]
    """
    check_table(table)
    loss = table.dense / table.sizes - table.pruned / table.sizes
    overall = table.accuracy_dense - table.accuracy_pruned
    excess = loss - overall[..., None]
    mean = excess.mean(1)
    return pd.DataFrame(
        {
            "ratio": table.ratios,
            "accuracy_loss": overall.mean(-1),
            "worst_class": [table.classes[index] for index in mean.argmax(-1)],
            "worst_excess": mean.max(-1),
            "unfairness": np.ptp(mean, axis=-1),
            "worst_excess_of_model": excess.max(-1).mean(-1),
            "unfairness_of_model": np.ptp(excess, axis=-1).mean(-1),
        }
    )
