"""Equivalence: is alpha demonstrably within a margin of its null?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.arguments import check_number
from regions.errors import ArgumentError
from regions.recall.estimate import WITHIN_BOUNDS
from regions.recall.inference import FEWEST_MODELS, adjust
from regions.recall.intensification import intensification
from regions.recall.table import RecallTable

# of another test, or of another interval
_UNUSED = ("alternative", "confidence_level", "n_boot", "test")


def equivalence(
    table: RecallTable, margin: float, alpha: float = 0.05, **options: Any
) -> pd.DataFrame:
    """Test at each ratio that |alpha_t - null| < margin, by two one-sided t tests (TOST).

    A "?" of `intensification` means "not separable", not "equal"; this test can show equality
    up to `margin`. p is the larger of the two one-sided p-values; the hypotheses are rejected
    together where the 1 - 2 alpha interval lies inside the margins.

    Parameters
    ----------
    margin : float
        Largest deviation that does not matter, above 0; to be chosen before looking.
    alpha : float
        Error rate.
    **options
        As in `intensification` (estimator, null, correction, ...), without those of another test or
        interval: alternative, test, confidence_level and n_boot.

    Returns
    -------
    pandas.DataFrame
        `ratio`, `estimate`, `low`, `high` (of level 1 - 2 alpha), `margin`, `pvalue`,
        `pvalue_adjusted`, `equivalent` (shown to be), `population` (of whom it speaks), `note` (why
        there is no test, as for untouched networks, copies, or fewer than three models).

    Raises
    ------
    ArgumentError
        If margin is no positive number, alpha is not in (0, .5), or as in `intensification`.

    Notes
    -----
    Schuirmann 1987, doi:10.1007/BF01068419.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> equivalence(table, margin=2.0)["equivalent"].tolist()
    [True]
    >>> equivalence(table, margin=0.1)["equivalent"].tolist()
    [False]
    """
    check_number(margin, "margin", above=0)
    check_number(alpha, "alpha", above=0, below=0.5)
    if refused := [name for name in _UNUSED if name in options]:
        raise ArgumentError(
            f"equivalence has no option {refused[0]!r}: it is two one-sided t tests, each of level "
            "alpha"
        )
    result = intensification(table, **options)
    if result.bounds is not None:
        raise ArgumentError(WITHIN_BOUNDS)
    error = np.where(result.standard_error > 0, result.standard_error, np.nan)
    below = stats.t.sf((result.deviation + margin) / error, result.df)
    above = stats.t.cdf((result.deviation - margin) / error, result.df)
    few = f"{table.n_models} models; at least {FEWEST_MODELS} are needed"
    notes = [why or (few if table.n_models < FEWEST_MODELS else "") for why in result.untested]
    told = np.array([not note for note in notes])
    pvalue = np.where(told, np.maximum(below, above), np.nan)
    adjusted = adjust(pvalue, result.options.correction)
    interval = result.confidence_interval(1 - 2 * alpha)
    return pd.DataFrame(
        {
            "ratio": result.ratios,
            "estimate": result.estimate,
            "low": interval.low,
            "high": interval.high,
            "margin": margin,
            "pvalue": pvalue,
            "pvalue_adjusted": adjusted,
            "equivalent": adjusted < alpha,
            "population": result.options.population,
            "note": notes,
        }
    )
