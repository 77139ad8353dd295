"""The Gini coefficient: how unevenly a total is shared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from regions.arguments import check_numbers


def gini(values: ArrayLike) -> np.ndarray:
    """Return the Gini coefficient along the last axis, of numbers >= 0; NaN if all are 0.

    The mean of |a - b| over all pairs, over twice the mean: 0 if all are alike, 1 - 1/n if one of
    n has everything.

    Raises
    ------
    ArgumentError
        For anything but an array of at least one number, all finite and none below 0.

    Examples
    --------
    >>> gini(np.array([[1.0, 1.0], [0.0, 4.0], [0.0, 0.0]])).tolist()
    [0.0, 0.5, nan]
    """
    values = check_numbers(values, "values", least=0.0)
    size = values.shape[-1]
    ranks = np.arange(1, size + 1)
    total = values.sum(-1)
    total = size * np.where(total > 0, total, np.nan)
    return 2 * (ranks * np.sort(values, axis=-1)).sum(-1) / total - 1 - 1 / size
