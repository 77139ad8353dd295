"""Mixed model of alpha against the ratio: secondary to the tests over models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.balance import Scale
from regions.recall.curve import BLUE, draw_alphas
from regions.recall.ols import ols
from regions.recall.sample import SAME_VALUE, why_untested
from regions.recall.table import RecallTable, check_table
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        False if statsmodels warned, which it does if a variance is estimated as zero, or if there
        is no fit.
    ratios : tuple of float
    alphas : tuple of tuple of float
        One row per ratio, one number per model: what was fitted.
    note : str
        Why there is no test: standard errors and p-values are then NaN.

    Examples
    --------
    >>> found = DoseResponse(
    ...     intercept=0.9, slope=0.1, standard_error=0.01, pvalue=0.0, slope_of_models=0.1,
    ...     standard_error_of_models=0.01, pvalue_of_models=0.001, converged=True, n_models=5,
    ...     ratios=(2.0, 4.0, 8.0), alphas=((1.0,) * 5, (1.1,) * 5, (1.2,) * 5),
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
    ratios: tuple[float, ...]
    alphas: tuple[tuple[float, ...], ...]
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        own = {
            name: value for name, value in vars(self).items() if name not in ("ratios", "alphas")
        }
        return pd.DataFrame([own])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return jsonable(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw alpha of each model against the ratio, and the mean of the models' lines."""
        alphas, doublings = np.array(self.alphas), np.log2(self.ratios)
        ax = draw_alphas(ax, self.ratios, alphas, BLUE)
        line = alphas.mean() + self.slope_of_models * (doublings - doublings.mean())
        label = f"mean of {self.n_models} lines: {self.slope_of_models:.3f} per doubling"
        ax.plot(self.ratios, line, "k--", label=label)
        ax.legend()
        return ax

    def summary(self) -> str:
        """Return the slope in words."""
        if self.note:
            return (
                f"alpha changes by {self.slope_of_models:.4f} per doubling of the ratio over "
                f"{self.n_models} models; no interval and no test: {self.note}."
            )
        mixed = "no mixed model could be fitted."
        if np.isfinite(self.slope):
            mixed = f"mixed model {self.slope:.4f} ({self.standard_error:.4f})."
            if not np.isfinite(self.standard_error):
                mixed = f"mixed model {self.slope:.4f} (no standard error)."
        caution = "" if self.converged else " The mixed model did not converge cleanly."
        return (
            f"alpha changes by {self.slope_of_models:.4f} (standard error "
            f"{self.standard_error_of_models:.4f}, t over {self.n_models} models, p "
            f"{self.pvalue_of_models:.2g}) per doubling of the ratio; {mixed}{caution}"
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
    check_table(table)
    alphas = ols(table.counts, Scale()).per_model()
    ratios, models = alphas.shape
    if ratios < 3 or models < 3:
        raise ArgumentError(
            f"a dose response needs at least 3 ratios and 3 models, got {ratios} and {models}"
        )
    if not np.isfinite(alphas).all():
        row, model = np.argwhere(~np.isfinite(alphas))[0]
        raise ArgumentError(
            f"alpha of model {table.model_ids[model]!r} is undefined at ratio "
            f"{table.ratios[row]:g}: all recalls of its dense network are equal, or an accuracy "
            "is 0; a dose response needs a defined alpha for every model"
        )
    doublings = np.log2(table.ratios)
    own = np.polyfit(doublings, alphas, 1)[0]
    note = why_untested(table) or ("" if np.ptp(own) > 1e-12 else SAME_VALUE)
    if note:
        intercept, slope = np.polyfit(doublings, alphas.mean(1), 1)[::-1]
        fitted = {"intercept": float(intercept), "slope": 0.0 if table.identical.all() else slope}
        fitted |= dict.fromkeys(("standard_error", "pvalue"), float("nan"))
        error = pvalue = float("nan")
        converged = False
    else:
        fitted, converged = _fit(alphas, doublings)
        test: Any = stats.ttest_1samp(own, 0)
        error, pvalue = float(stats.sem(own)), float(test.pvalue)
    return DoseResponse(
        **{name: float(value) for name, value in fitted.items()},
        slope_of_models=0.0 if table.identical.all() else float(own.mean()),
        standard_error_of_models=error,
        pvalue_of_models=pvalue,
        converged=converged,
        n_models=models,
        ratios=tuple(table.ratios),
        alphas=tuple(map(tuple, alphas.tolist())),
        note=note,
    )


def _fit(alphas: np.ndarray, doublings: np.ndarray) -> tuple[dict[str, float], bool]:
    import statsmodels.formula.api as smf

    ratios, models = alphas.shape
    frame = pd.DataFrame(
        {
            "alpha": alphas.ravel(),
            "doublings": np.repeat(doublings, models),
            "model": np.tile(np.arange(models), ratios),
        }
    )
    names = ("intercept", "slope", "standard_error", "pvalue")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = smf.mixedlm("alpha ~ doublings", frame, groups="model", re_formula="~doublings")
        try:
            fit: Any = model.fit()
        except (np.linalg.LinAlgError, ValueError):  # too little varies for its matrices
            return dict.fromkeys(names, float("nan")), False
    effects = fit.fe_params
    numbers = (effects["Intercept"], effects["doublings"])
    numbers += (fit.bse_fe["doublings"], fit.pvalues["doublings"])
    return dict(zip(names, map(float, numbers), strict=True)), bool(fit.converged) and not caught
