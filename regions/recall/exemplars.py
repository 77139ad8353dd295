"""Pruning-identified exemplars: images that pruned and dense networks mostly disagree on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regions.errors import ArgumentError
from regions.recall.checks import check_ratio
from regions.recall.predictions import Predictions, modal
from regions.recall.table import RecallTable, check_table


def find_exemplars(table: RecallTable, ratio: float) -> np.ndarray:
    """Return which images are pruning-identified exemplars (PIEs) at a ratio: bool, (images,).

    An image is one if the class that most pruned networks predict is not the class that most
    dense networks predict (ties: the smaller class; classes outside the table do not count).

    Raises
    ------
    ArgumentError
        If the table was not made from predictions, or lacks the ratio.

    Notes
    -----
    Hooker et al. 2019, arXiv 1911.05248.

    Examples
    --------
    >>> import regions
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> dense = [[0, 0, 0, 1, 1, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
    >>> pruned = [[0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 1], [0, 1, 0, 1, 1, 1]]
    >>> table = regions.RecallTable.from_predictions(labels, dense, {10: pruned})
    >>> find_exemplars(table, 10).tolist()
    [False, True, False, False, True, False]
    """
    predictions = _required(table)
    pruned = predictions.pruned[check_ratio(ratio, table.ratios)]
    return modal(pruned, table.n_classes) != modal(predictions.dense, table.n_classes)


def exemplars(table: RecallTable) -> pd.DataFrame:
    """Return share and accuracy of the pruning-identified exemplars at each ratio.

    Returns
    -------
    pandas.DataFrame
        `ratio`, `images`, `share`, and mean accuracies over models on exemplars and on the other
        images: `dense_on_exemplars`, `pruned_on_exemplars`, `dense_on_others`,
        `pruned_on_others` (NaN without such images).

    Examples
    --------
    >>> import regions
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> dense = [[0, 0, 0, 1, 1, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
    >>> pruned = [[0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 0, 1], [0, 1, 0, 1, 1, 1]]
    >>> table = regions.RecallTable.from_predictions(labels, dense, {10: pruned})
    >>> exemplars(table)[["images", "dense_on_exemplars", "pruned_on_exemplars"]].values.tolist()
    [[2.0, 1.0, 0.16666666666666666]]
    """
    predictions = _required(table)
    dense = (predictions.dense == predictions.labels).mean(0)
    rows = []
    for row, ratio in enumerate(table.ratios):
        found = find_exemplars(table, ratio)
        pruned = (predictions.pruned[row] == predictions.labels).mean(0)
        accuracies = [_mean(right[part]) for part in (found, ~found) for right in (dense, pruned)]
        rows.append((ratio, int(found.sum()), float(found.mean()), *accuracies))
    names = [f"{net}_on_{part}" for part in ("exemplars", "others") for net in ("dense", "pruned")]
    return pd.DataFrame(rows, columns=["ratio", "images", "share", *names])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _required(table: RecallTable) -> Predictions:
    check_table(table)
    if table.predictions is None:
        raise ArgumentError(
            "exemplars are found image by image; make the table with RecallTable.from_predictions"
        )
    return table.predictions
