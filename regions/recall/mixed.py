"""Mixed model of alpha against the ratio: secondary to the tests over models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.balance import Scale
from regions.recall.ols import ols
from regions.recall.table import RecallTable
from regions.results import Result, jsonable


@dataclass(frozen=True, kw_only=True, repr=False)
class DoseResponse(Result):
    """alpha_mt = (b0 + u0_m) + (b1 + u1_m) log2 t + error.

    Attributes
    ----------
    slope, standard_error, pvalue
        b1, the rise of alpha per doubling of the compression ratio, with a Wald z test, which is
        liberal for few models.
    slope_of_models, standard_error_of_models, pvalue_of_models
        The same from one least-squares slope per model and a t test: the default to report.
    converged : bool
        False if statsmodels warned, which it does if a variance is estimated as zero.

    Examples
    --------
    >>> found = DoseResponse(
    ...     intercept=0.9, slope=0.1, standard_error=0.01, pvalue=0.0, slope_of_models=0.1,
    ...     standard_error_of_models=0.01, pvalue_of_models=0.001, converged=True, n_models=5,
    ... )
    >>> found.summary().split(" per doubling")[0]
    'alpha changes by 0.1000 (standard error 0.0100, t over 5 models, p 0.001)'
    """

    intercept: float
    slope: float
    standard_error: float
    pvalue: float
    slope_of_models: float
    standard_error_of_models: float
    pvalue_of_models: float
    converged: bool
    n_models: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        return pd.DataFrame([vars(self)])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return jsonable(self)

    def summary(self) -> str:
        """Return the slope in words."""
        caution = "" if self.converged else " The mixed model did not converge cleanly."
        return (
            f"alpha changes by {self.slope_of_models:.4f} (standard error "
            f"{self.standard_error_of_models:.4f}, t over {self.n_models} models, p "
            f"{self.pvalue_of_models:.2g}) per doubling of the ratio; mixed model "
            f"{self.slope:.4f} ({self.standard_error:.4f}).{caution}"
        )


def dose_response(table: RecallTable) -> DoseResponse:
    """Fit alpha (ols, one per model and ratio) on log2 ratio, with random slopes of models.

    Raises
    ------
    ArgumentError
        For fewer than three ratios or models, or if a model's alpha is undefined.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> rng = np.random.default_rng(0)
    >>> dense = rng.binomial(1000, [0.95, 0.9, 0.7], (4, 3))
    >>> pruned = {t: dense - rng.binomial(dense, [0.01 * t, 0.02 * t, 0.04 * t]) for t in (2, 4, 8)}
    >>> table = regions.RecallTable.from_counts(dense, pruned, n=1000)
    >>> found = dose_response(table)
    >>> found.n_models, found.slope_of_models > 0
    (4, True)
    """
    alphas = ols(table.counts, Scale()).per_model()
    ratios, models = alphas.shape
    if ratios < 3 or models < 3 or not np.isfinite(alphas).all():
        raise ArgumentError(
            f"a dose response needs at least 3 ratios, 3 models and a defined alpha for each; got "
            f"{ratios} ratios and {models} models"
        )
    doublings = np.log2(table.ratios)
    fit, converged = _fit(alphas, doublings)
    own = np.polyfit(doublings, alphas, 1)[0]
    test: Any = stats.ttest_1samp(own, 0)
    return DoseResponse(
        intercept=float(fit.fe_params["Intercept"]),
        slope=float(fit.fe_params["doublings"]),
        standard_error=float(fit.bse_fe["doublings"]),
        pvalue=float(fit.pvalues["doublings"]),
        slope_of_models=float(own.mean()),
        standard_error_of_models=float(stats.sem(own)),
        pvalue_of_models=float(test.pvalue),
        converged=converged,
        n_models=models,
    )


def _fit(alphas: np.ndarray, doublings: np.ndarray) -> tuple[Any, bool]:
    import statsmodels.formula.api as smf

    ratios, models = alphas.shape
    frame = pd.DataFrame(
        {
            "alpha": alphas.ravel(),
            "doublings": np.repeat(doublings, models),
            "model": np.tile(np.arange(models), ratios),
        }
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = smf.mixedlm("alpha ~ doublings", frame, groups="model", re_formula="~doublings").fit()
    return fit, bool(fit.converged) and not caught
