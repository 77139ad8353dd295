"""Descriptive numbers that stand beside a tested alpha."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from regions.recall.balance import Scale, balances
from regions.recall.dispersion import dispersion_ratio
from regions.recall.ols import ols
from regions.recall.ratio import NOTHING
from regions.recall.reliability import reliability
from regions.recall.table import RecallTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """Uncorrected numbers, one entry per ratio; they carry no test.

    Attributes
    ----------
    per_model : (ratios, models)
        Each model's own ols slope.
    alpha_mean, alpha_pooled
        Mean of these slopes, and the slope through all points (ratio of sums).
    beta_mean
        Slope of R_t - A_t on R_1 - A_1: alpha is (A_1 / A_t) beta for each model.
    r_squared
        Uncentred, of all points.
    dispersion, dispersion_corrected
        sqrt(sum y^2 / sum x^2), and the same without measurement noise.
    accuracy_dense, accuracy_pruned
        Means over models.
    reliability
        Share of the spread of the dense balances that is not measurement noise.
    """

    per_model: np.ndarray = field(repr=False)
    alpha_mean: np.ndarray
    alpha_pooled: np.ndarray
    beta_mean: np.ndarray
    r_squared: np.ndarray
    dispersion: np.ndarray
    dispersion_corrected: np.ndarray
    accuracy_dense: float
    accuracy_pruned: np.ndarray
    reliability: float


def describe(table: RecallTable, scale: Scale) -> Description:
    """Return the description of a table."""
    counts = table.counts
    found = balances(counts, scale)
    pooled = ols(counts, scale)
    alphas = pooled.per_model()
    syy = (found.slope * found.y**2).sum(-1).sum(-1)
    sxx = np.where(pooled.total() > NOTHING, pooled.total(), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = pooled.numerator.sum(-1) / sxx
        explained = slope**2 * sxx / np.where(syy > NOTHING, syy, np.nan)
    plain, corrected = dispersion_ratio(counts, found)
    return Description(
        per_model=alphas,
        alpha_mean=alphas.mean(-1),
        alpha_pooled=slope,
        beta_mean=(alphas * found.accuracy_pruned / found.accuracy_dense).mean(-1),
        r_squared=explained,
        dispersion=plain,
        dispersion_corrected=corrected,
        accuracy_dense=float(table.accuracy_dense.mean()),
        accuracy_pruned=table.accuracy_pruned.mean(-1),
        reliability=reliability(found, counts),
    )
