"""`IntensificationResult`: alpha at every ratio with its test, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from regions.arguments import check_confidence, check_flag, check_number
from regions.errors import ArgumentError
from regions.recall.curve import draw_null, draw_result, with_legend
from regions.recall.describe import Description
from regions.recall.options import Options
from regions.recall.table import RecallTable
from regions.recall.wording import bounds_in_words, described, sentences
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_TESTED = ("null_value", "excess", "standard_error", "statistic", "df")
_JUDGED = ("pvalue", "pvalue_adjusted", "verdict", "effect_size")
_SLOPES = ("alpha_mean", "alpha_pooled", "beta_mean", "r_squared")
_LEVELS = ("dispersion", "dispersion_corrected", "accuracy_dense", "accuracy_pruned", "reliability")
_CHOICES = ("estimator", "null", "population", "test", "alternative", "correction")
_SHORT = {"estimate": "alpha", "null_value": "null", "pvalue_adjusted": "p_adjusted"}
_BRIEF = ("ratio", "alpha", "low", "high", "level", "null", "p_adjusted", "verdict")


class ConfidenceInterval(NamedTuple):
    """Lower and upper limits, one entry per ratio."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IntensificationResult(Result):
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
    untested : tuple of str
        Why a ratio has no interval and no p-value; "" where it has them.
    warnings : tuple of str
    table, options
        What was analysed, and how.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> result = regions.intensification(table, "ols")
    >>> interval = result.confidence_interval()
    >>> result.estimate.round(2).tolist(), result.verdict, bool(interval.low[0] > 1)
    ([2.46], ('>',), True)
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
    untested: tuple[str, ...]
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
    def identical(self) -> np.ndarray:
        """Where dense and pruned networks are right on the same images, (ratios,)."""
        return self.table.identical

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
        check_confidence(level, "confidence_level")
        check_flag(simultaneous, "simultaneous")
        share = (1 - level) / (len(self.ratios) if simultaneous else 1)
        quantile = stats.t.ppf(1 - share / 2, np.where(self.df > 0, self.df, np.nan))
        # copies of models have a spread, but it says nothing
        told = [not why or same for why, same in zip(self.untested, self.identical, strict=True)]
        half = quantile * np.where(told, self.standard_error, np.nan)
        low = high = self.null_value + self.deviation
        if self.bounds is not None:
            low, high = self.bounds.min(0), self.bounds.max(0)
        return ConfidenceInterval(low - half, high + half)

    def plain(self) -> list[str]:
        """Return one plain sentence per ratio.

        Examples
        --------
        >>> import regions
        >>> dense, pruned = [[912, 962, 865], [903, 959, 858]], [[815, 937, 689]] * 2
        >>> table = regions.RecallTable.from_counts(dense, {50: pruned}, n=1000)
        >>> regions.intensification(table, estimator="ols").plain()
        ['At 50x, with 2 models, nothing can be said about classes of low recall.']
        """
        return sentences(self)

    def to_frame(self, brief: bool = False) -> pd.DataFrame:
        """Return one row per ratio: setting, estimate, interval, test, companions, provenance.

        `level` is that of the interval from `low` to `high`, each for its ratio alone;
        `standard_error` and `statistic` (with `df`) are of the estimate less `null_value`;
        `effect_size` is Hedges' g of that over models. `alpha_mean` and `alpha_pooled` are slopes
        without correction for noise, `beta_mean` that of recall - accuracy, pruned on dense,
        `dispersion` the ratio of the spreads of pruned and dense balances (`_corrected`: without
        measurement noise), `reliability` the share of the dense spread that is
        no measurement noise. With `brief`, the columns that fit a paper: setting, ratio, alpha,
        low, high, level, null, p_adjusted, verdict; alpha is a str such as "[1.2, 1.5] bounds"
        where only bounds are known.
        """
        check_flag(brief, "brief")
        if brief:
            frame = self.to_frame().drop(columns="null").rename(columns=_SHORT)
            if self.bounds is not None:
                frame["alpha"] = bounds_in_words(self)
            return frame.loc[:, [*self.table.setting, *_BRIEF]]
        interval, about = self.confidence_interval(), self.description
        columns: dict[str, Any] = {
            **self.table.setting,
            "ratio": self.ratios,
            "estimate": self.estimate,
            **self._bounds(),
            "low": interval.low,
            "high": interval.high,
            "level": self.options.confidence_level,
            **{name: getattr(self, name) for name in (*_TESTED, *_JUDGED)},
            **{name: getattr(about, name) for name in (*_SLOPES, *_LEVELS)},
            "n_models": self.n_models,
            "n_classes": self.n_classes,
            **{name: self.options.to_dict()[name] for name in _CHOICES},
            "aggregate": "mean" if self.options.estimator.averaged else "pooled",
        }
        if self.bootstrap_interval is not None:
            columns["bootstrap_low"], columns["bootstrap_high"] = self.bootstrap_interval.T
        return pd.DataFrame(columns)

    def _bounds(self) -> dict[str, np.ndarray]:
        if self.bounds is None:
            return {}
        low, high = self.bounds.min(0), self.bounds.max(0)
        return {"bound_low": low, "bound_independent": self.bounds[1], "bound_high": high}

    def to_dict(self) -> dict[str, Any]:
        """Return the rows of `to_frame` and what they rest on, JSON-ready."""
        return jsonable(
            {
                "rows": self.to_frame().to_dict(orient="records"),
                "options": self.options.to_dict(),
                "setting": self.table.setting,
                "model_ids": self.table.model_ids,
                "per_model": self.per_model,
                "warnings": self.warnings,
            }
        )

    def summary(self) -> str:
        """Return the verdicts in words, what they rest on, and warnings."""
        return described(self)

    def plot(
        self,
        ax: Axes | None = None,
        label: str | None = None,
        show_null: bool = True,
        dodge: float = 1.0,
        **kwargs: Any,
    ) -> Axes:
        """Draw alpha against the compression ratio with its intervals, and what the null expects.

        Intervals are those of `confidence_interval()`, per ratio. The dashed line is the null;
        for a null that depends on the model, the band is the range over models of its alpha.
        Where only bounds are known, a thick bar is from bound to bound, without a marker.

        Parameters
        ----------
        label : str, optional
            Of the line; by default the estimator.
        dodge : float
            Factor on the ratios drawn, so that several results do not hide each other.
        **kwargs
            Passed to `Axes.errorbar`.

        Raises
        ------
        ArgumentError
            If `ax` is no Axes, or `dodge` no positive number.
        """
        check_flag(show_null, "show_null")
        if label is not None and not isinstance(label, str):
            raise ArgumentError(f"label is {label!r}; expected a str, or None for the estimator")
        ax = draw_result(self, ax, label, check_number(dodge, "dodge", above=0), **kwargs)
        if show_null:
            draw_null(self, ax, self.options.null.label)
        return with_legend(ax)


def check_result(value: Any, name: str = "result") -> None:
    """Raise an ArgumentError unless a value is an `IntensificationResult`."""
    if not isinstance(value, IntensificationResult):
        raise ArgumentError(
            f"{name} is {type(value).__name__}; expected what intensification returns"
        )
