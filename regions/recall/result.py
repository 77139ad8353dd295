"""`IntensificationResult`: alpha at every ratio with its test, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.describe import Description
from regions.recall.options import Options
from regions.recall.table import RecallTable
from regions.results import jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class ConfidenceInterval(NamedTuple):
    """Lower and upper limits, one entry per ratio."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class IntensificationResult:
    """The intensification ratio at each compression ratio, and its test.

    All arrays have one entry per ratio, ascending. An entry that cannot be known is NaN, and
    `warnings` says why.

    Attributes
    ----------
    ratios : tuple of float
    estimate : array
        alpha by the estimator chosen; NaN where only `bounds` are known.
    bounds : array, (3, ratios), or None
        Without joint correctness: alpha if measurement errors are as alike as the counts allow,
        independent, or as opposed as they allow.
    null_value : array
        What the null expects.
    deviation : array
        What is tested: estimate - null_value (at the less significant bound, if there are any).
    standard_error, df, statistic, pvalue, pvalue_adjusted : array
        Of the deviation.
    verdict : tuple of str
        "<" or ">" where the adjusted test rejects, "?" elsewhere.
    effect_size : array
        Hedges' g of the deviation over models.
    bootstrap_interval : array, (ratios, 2), or None
        Percentile interval of the estimate from drawing whole models.
    description : Description
        Uncorrected slopes, accuracies, dispersion and reliability.
    warnings : tuple of str
    table, options
        What was analysed, and how.
    """

    table: RecallTable = field(repr=False)
    options: Options = field(repr=False)
    ratios: tuple[float, ...]
    estimate: np.ndarray
    bounds: np.ndarray | None
    null_value: np.ndarray
    deviation: np.ndarray
    standard_error: np.ndarray
    df: np.ndarray
    statistic: np.ndarray
    pvalue: np.ndarray
    pvalue_adjusted: np.ndarray
    verdict: tuple[str, ...]
    effect_size: np.ndarray
    bootstrap_interval: np.ndarray | None
    description: Description = field(repr=False)
    warnings: tuple[str, ...]

    @property
    def excess(self) -> np.ndarray:
        """The estimate minus what the null expects."""
        return self.estimate - self.null_value

    @property
    def reliability(self) -> float:
        """Share of the spread of the dense balances that is not measurement noise."""
        return self.description.reliability

    @property
    def per_model(self) -> np.ndarray:
        """Each model's uncorrected slope, (ratios, models)."""
        return self.description.per_model

    @property
    def alpha_mean(self) -> np.ndarray:
        """Mean of the models' uncorrected slopes: the quantity tested in the paper."""
        return self.description.alpha_mean

    @property
    def alpha_pooled(self) -> np.ndarray:
        """Uncorrected slope through the points of all models: the one printed in its figures."""
        return self.description.alpha_pooled

    @property
    def n_models(self) -> int:
        """The number of models, the sample units."""
        return self.table.n_models

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return self.table.n_classes

    @property
    def per_class(self) -> pd.DataFrame:
        """Intensification class by class; see `regions.recall.class_intensification`."""
        from regions.recall.class_level import class_intensification

        return class_intensification(self.table, self.options.scale)

    def confidence_interval(
        self, confidence_level: float | None = None, simultaneous: bool = False
    ) -> ConfidenceInterval:
        """Return the two-sided interval of alpha at each ratio.

        Parameters
        ----------
        confidence_level : float, optional
            By default that of the analysis.
        simultaneous : bool
            Let all intervals hold together (Bonferroni): level 1 - (1 - level) / ratios.

        Notes
        -----
        The interval is null_value + deviation +- t SE. For a null other than "one" it is the
        interval of the deviation, moved by the null's value. Where only bounds are known, it
        covers the intervals of both ends.
        """
        level = self.options.confidence_level if confidence_level is None else confidence_level
        if not 0 < level < 1:
            raise ArgumentError(f"confidence_level is {level}; expected a number in (0, 1)")
        share = (1 - level) / (len(self.ratios) if simultaneous else 1)
        quantile = stats.t.ppf(1 - share / 2, np.where(self.df > 0, self.df, np.nan))
        half = quantile * self.standard_error
        low = high = self.null_value + self.deviation
        if self.bounds is not None:
            low, high = self.bounds.min(0), self.bounds.max(0)
        return ConfidenceInterval(low - half, high + half)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per ratio."""
        from regions.recall.frame import frame_of_result

        return frame_of_result(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the rows of `to_frame` and what they rest on, JSON-ready."""
        return jsonable(
            {
                "rows": self.to_frame().to_dict(orient="records"),
                "options": self.options,
                "setting": self.table.setting,
                "model_ids": self.table.model_ids,
                "per_model": self.per_model,
                "warnings": self.warnings,
            }
        )

    def summary(self) -> str:
        """Return the verdicts in words, and what they rest on."""
        from regions.recall.wording import summary_of

        return summary_of(self)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw alpha against the ratio; see `regions.recall.plot_intensification`."""
        from regions.recall.plots import plot_intensification

        return plot_intensification(self, ax=ax, **kwargs)
