"""Does alpha grow with the compression ratio?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.estimate import estimate
from regions.recall.inference import adjust, infer
from regions.recall.ols import ols
from regions.recall.options import Options
from regions.recall.ratio import Contrast
from regions.recall.table import RecallTable
from regions.results import Result, jsonable


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trend(Result):
    """Whether the models' alphas rise with the ratio.

    Attributes
    ----------
    page_statistic, page_pvalue
        Page's L over models x ratios: ordered alternative.
    friedman_statistic, friedman_pvalue
        Any difference between ratios (NaN for fewer than three ratios).
    steps : pandas.DataFrame
        One-sided paired t tests of neighbouring ratios, as published.
    """

    ratios: tuple[float, ...]
    page_statistic: float
    page_pvalue: float
    friedman_statistic: float
    friedman_pvalue: float
    steps: pd.DataFrame
    n_models: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair of neighbouring ratios."""
        return self.steps.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, JSON-ready."""
        names = ("page_statistic", "page_pvalue", "friedman_statistic", "friedman_pvalue")
        numbers = {name: getattr(self, name) for name in names}
        return jsonable({**numbers, "steps": self.steps.to_dict(orient="records")})

    def summary(self) -> str:
        """Return the tests in words."""
        steps = ", ".join(
            f"{ratio:g} to {following:g}: p {pvalue:.2g}"
            for ratio, following, pvalue in zip(
                self.ratios, self.ratios[1:], self.steps["pvalue_adjusted"], strict=False
            )
        )
        return (
            f"alpha (ols, one per model; {self.n_models} models) over ratios "
            f"{', '.join(f'{ratio:g}' for ratio in self.ratios)}: Page's L = "
            f"{self.page_statistic:g}, p = {self.page_pvalue:.2g}; Friedman "
            f"{self.friedman_statistic:.3f}, p = {self.friedman_pvalue:.2g}. Rises (paired, "
            f"one-sided, adjusted): {steps}. All ratios share the dense networks."
        )


def trend(table: RecallTable, estimator: str = "ols", **options: Any) -> Trend:
    """Test whether alpha rises with the compression ratio, over models.

    Page's test uses all ratios at once and has more power than tests of neighbours; it asks for
    some rise, not for a rise at every step. It uses one uncorrected alpha per model: measurement
    noise dilutes all ratios by about the same factor, so order survives it better than values do.

    Parameters
    ----------
    estimator : str
        Of the tests of neighbouring ratios, as in `intensification`: "ols" as published.
    **options
        aggregate, center, weights and correction ("bonferroni") of the same.

    Raises
    ------
    ArgumentError
        For fewer than two ratios or models, or if a model's alpha is undefined.
    """
    chosen = Options.of(**{"estimator": estimator, "correction": "bonferroni", **options})
    alphas = ols(table.counts, chosen.scale).per_model()
    ratios, models = alphas.shape
    if ratios < 2 or models < 2:
        raise ArgumentError(f"a trend needs at least 2 ratios and 2 models, got {alphas.shape}")
    if not np.isfinite(alphas).all():
        raise ArgumentError("alpha is undefined for a model: equal recalls, or accuracy 0")
    nan = (float("nan"), float("nan"))
    enough = ratios >= 3
    page = stats.page_trend_test(alphas.T) if enough else None
    friedman = stats.friedmanchisquare(*alphas) if enough else None
    return Trend(
        ratios=table.ratios,
        page_statistic=float(page.statistic) if page else nan[0],
        page_pvalue=float(page.pvalue) if page else nan[0],
        friedman_statistic=float(friedman.statistic) if friedman else nan[0],
        friedman_pvalue=float(friedman.pvalue) if friedman else nan[0],
        steps=_steps(table, chosen, alphas),
        n_models=models,
    )


def _steps(table: RecallTable, options: Options, alphas: np.ndarray) -> pd.DataFrame:
    ratio = estimate(table, options, np.random.default_rng(0)).whole.ratio
    rows = np.arange(len(table.ratios))
    rise = Contrast(ratio.select(rows[1:]), ratio.select(rows[:-1]))
    found = infer(rise, [], "t", "greater")
    return pd.DataFrame(
        {
            "ratio": table.ratios[:-1],
            "next_ratio": table.ratios[1:],
            "rise": rise.value,
            "standard_error": found.standard_error,
            "correlation": [_correlation(low, high) for low, high in pairwise(alphas)],
            "pvalue": found.pvalue,
            "pvalue_adjusted": adjust(found.pvalue, options.correction),
        }
    )


def _correlation(low: np.ndarray, high: np.ndarray) -> float:
    if min(np.ptp(low), np.ptp(high)) < 1e-12:
        return float("nan")
    return float(np.corrcoef(low, high)[0, 1])
