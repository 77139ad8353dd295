"""Intervals from leaving out blocks of images, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from regions.arguments import as_numbers, check_confidence, check_number
from regions.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its small-sample bias removed, and the interval around it.

    Examples
    --------
    >>> jackknife(2.0, [1.0, 2.0, 3.0]).corrected
    2.0
    """

    corrected: float
    low: float
    high: float
    level: float


def jackknife(value: float, left_out: Sequence[float], level: float = 0.95) -> Interval:
    """Return the delete-a-block jackknife interval of a value.

    With B blocks, value v and v_k without block k: corrected = B v - (B - 1) mean(v_k), squared
    error (B - 1) / B sum (v_k - mean)^2, interval corrected +- t_{B-1} error. Blocks must be
    independent of each other and of about equal size: blocks of images, never of positions.
    The bootstrap is no alternative: repeated rows raise canonical correlations.

    Parameters
    ----------
    value
        The value of the whole sample.
    left_out
        The values without each block.
    level
        Coverage, between 0 and 1.

    Notes
    -----
    Shao and Wu 1989 (doi 10.1214/aos/1176347263).

    Examples
    --------
    >>> data = np.array([1.0, 2.0, 3.0, 6.0])
    >>> found = jackknife(data.mean(), [np.delete(data, k).mean() for k in range(4)])
    >>> round(found.low, 3), found.corrected, round(found.high, 3)
    (-0.437, 3.0, 6.437)
    """
    check_confidence(level, "level")
    value = check_number(value, "value")
    values = as_numbers(left_out, "left_out", "the values without each block, one number each")
    if values.ndim != 1 or np.iscomplexobj(values) or not np.isfinite(values).all():
        raise ArgumentError(
            f"left_out has shape {values.shape} and type {values.dtype}; expected one finite "
            "number per block"
        )
    values, count = values.astype(float), len(values)
    if count < 2:
        raise ArgumentError(f"{count} blocks; a jackknife interval needs at least 2 (better 10)")
    corrected = count * value - (count - 1) * values.mean()
    error = np.sqrt((count - 1) / count * ((values - values.mean()) ** 2).sum())
    half = stats.t.ppf(0.5 + level / 2, count - 1) * error
    return Interval(
        corrected=float(corrected),
        low=float(corrected - half),
        high=float(corrected + half),
        level=level,
    )
