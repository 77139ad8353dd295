"""Does alpha grow with the compression ratio?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.errors import ArgumentError
from regions.recall.estimate import Estimate, estimate_known
from regions.recall.inference import Inference, adjust, infer
from regions.recall.ols import ols
from regions.recall.options import POPULATIONS, Options
from regions.recall.sample import SAME_VALUE, why_untested
from regions.recall.table import RecallTable, check_table
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trend(Result):
    """Whether alpha rises with the ratio.

    Attributes
    ----------
    slope, standard_error, df, pvalue
        Least-squares slope of alpha on log2 ratio, rise per doubling, with a one-sided t test.
    steps : pandas.DataFrame
        One-sided paired t tests of neighbouring ratios, as published.
    page_statistic, page_pvalue
        Page's L over models x ratios: ordered alternative. Only for estimator "ols" and three or
        more ratios, else NaN.
    friedman_statistic, friedman_pvalue
        Any difference between ratios, for the same.
    options : Options
        Estimator, population and correction.
    note : str
        Why there is no test: NaN stands for the numbers that have none.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> half = [[923, 963, 858], [921, 963, 875], [922, 963, 855]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {2: half, 10: tenth}, n=1000)
    >>> found = trend(table, "ols")
    >>> found.to_frame()[["ratio", "next_ratio"]].values.tolist(), found.slope > 0
    ([[2.0, 10.0]], True)
    """

    ratios: tuple[float, ...]
    slope: float
    standard_error: float
    df: float
    pvalue: float
    steps: pd.DataFrame
    page_statistic: float
    page_pvalue: float
    friedman_statistic: float
    friedman_pvalue: float
    n_models: int
    options: Options
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair of neighbouring ratios."""
        return self.steps.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, JSON-ready."""
        numbers = {name: getattr(self, name) for name in (*_SLOPE, *_RANKS)}
        rows = self.steps.to_dict(orient="records")
        told = {"steps": rows, "options": self.options.to_dict(), "note": self.note}
        return jsonable({**numbers, **told})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how much alpha rises from each ratio to the next, with standard errors."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        steps = self.steps
        names = [
            f"{a:g} to {b:g}" for a, b in zip(steps["ratio"], steps["next_ratio"], strict=True)
        ]
        ax.errorbar(
            range(len(steps)), steps["rise"], yerr=steps["standard_error"], fmt="o", capsize=2
        )
        ax.axhline(0, color="0.5", lw=0.8, ls="--")
        ax.set_xticks(range(len(steps)), names)
        ax.set(
            xlabel="from compression ratio to the next", ylabel="rise of alpha (1 standard error)"
        )
        return ax

    def summary(self) -> str:
        """Return the tests in words."""
        over = ", ".join(f"{ratio:g}" for ratio in self.ratios)
        about = (
            f"alpha ({self.options.estimator.words}; {self.n_models} models) over ratios {over} "
            f"changes by {self.slope:.4f} "
        )
        people = (
            f"Population: {POPULATIONS[str(self.options.population)]}. All ratios share the dense "
            "networks."
        )
        if self.note:
            return f"{about}per doubling; no interval and no test: {self.note}. {people}"
        columns = ("ratio", "next_ratio", "pvalue_adjusted", "note")
        steps = ", ".join(
            f"{ratio:g} to {following:g}: " + (note or f"p {pvalue:.2g}")
            for ratio, following, pvalue, note in zip(
                *(self.steps[name] for name in columns), strict=True
            )
        )
        ranks = ""
        if np.isfinite(self.page_pvalue):
            ranks = f"Page's L = {self.page_statistic:g}, p = {self.page_pvalue:.2g}"
            if np.isfinite(self.friedman_pvalue):
                ranks += f"; Friedman {self.friedman_statistic:.3f}, p = {self.friedman_pvalue:.2g}"
            ranks += ". "
        return (
            f"{about}(standard error {self.standard_error:.4f}, one-sided p {self.pvalue:.2g}) per "
            f"doubling. {ranks}Rises (paired, one-sided, {self.options.correction} correction over "
            f"{len(self.steps)} steps): {steps}. {people}"
        )


# options of an analysis of single ratios
_UNUSED = ("null", "alternative", "test", "confidence_level", "n_boot")
_SLOPE = ("slope", "standard_error", "df", "pvalue")
_RANKS = ("page_statistic", "page_pvalue", "friedman_statistic", "friedman_pvalue")


def trend(table: RecallTable, estimator: str = "moments", **options: Any) -> Trend:
    """Test whether alpha rises with the compression ratio.

    The slope of alpha on the logarithm of the ratio uses all ratios at once and has more power
    than tests of neighbours; it asks for some rise, not for a rise at every step.

    Page's test ranks one uncorrected alpha
    per model and is only given for "ols". Measurement noise dilutes these alphas more or less as
    accuracy falls, so on new images it rejects too often although alpha does not move (simulated
    .15 to .2 instead of .05 for accuracies from .84 to .5): it speaks of these test images alone.

    Parameters
    ----------
    estimator : str
        As in `intensification`: "ols" as published, and where joint correctness is unknown.
    **options
        population, groups, aggregate, center, weights and correction ("bonferroni") of the same.

    Raises
    ------
    ArgumentError
        For fewer than two ratios or models, if joint correctness is needed and unknown, if
        alpha is undefined, or for other options.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> pruned = {2: [[923, 963, 858], [921, 963, 875], [922, 963, 855]],
    ...           50: [[815, 937, 689], [818, 908, 708], [810, 919, 652]]}
    >>> table = regions.RecallTable.from_counts(dense, pruned, n=1000)
    >>> found = trend(table, "ols")
    >>> round(found.slope, 2), found.pvalue < 0.01
    (0.33, True)
    """
    check_table(table)
    if len(table.ratios) < 2 or table.n_models < 2:
        raise ArgumentError(
            f"a trend needs at least 2 ratios and 2 models, got {len(table.ratios)} and "
            f"{table.n_models}"
        )
    given = {"estimator": estimator, "correction": "bonferroni", **options}
    found, chosen = estimate_known(
        table, Options.for_verb("trend", _UNUSED, **given), np.random.default_rng(0)
    )
    if found.reasons:
        raise ArgumentError(f"alpha is undefined: {next(iter(found.reasons.values()))}")
    doublings = np.log2(table.ratios)
    centred = doublings - doublings.mean()
    line = _combined(found, (centred / (centred @ centred))[None])
    note = why_untested(table) or ("" if line.standard_error[0] > 0 else SAME_VALUE)
    ranked = chosen.estimator.name == "ols" and len(table.ratios) >= 3 and not note
    ranks = _ranks(ols(table.counts, chosen.scale).per_model()) if ranked else {}
    numbers = {name: float(getattr(line, name)[0]) for name in _SLOPE if name != "slope"}
    return Trend(
        ratios=table.ratios,
        slope=float(line.deviation[0]),
        **{name: float("nan") if note else value for name, value in numbers.items()},
        steps=_steps(table, chosen, found),
        n_models=table.n_models,
        options=chosen,
        note=note,
        **{name: ranks.get(name, float("nan")) for name in _RANKS},
    )


def _combined(found: Estimate, matrix: np.ndarray) -> Inference:
    whole, *left_out = (part.combined(matrix) for part in (found.whole, *found.left_out))
    return infer(whole, left_out, "t", "greater")


def _ranks(alphas: np.ndarray) -> dict[str, float]:
    # ranks of values that differ by rounding would be of nothing
    alphas = np.round(alphas, 12)
    page = stats.page_trend_test(alphas.T)
    numbers = {"page_statistic": page.statistic, "page_pvalue": page.pvalue}
    if (np.ptp(alphas, axis=0) > 0).any():  # or Friedman's statistic is 0 / 0
        friedman = stats.friedmanchisquare(*alphas)
        numbers |= {"friedman_statistic": friedman.statistic, "friedman_pvalue": friedman.pvalue}
    return {name: float(value) for name, value in numbers.items()}


def _steps(table: RecallTable, options: Options, found: Estimate) -> pd.DataFrame:
    rise = _combined(found, np.diff(np.eye(len(table.ratios)), axis=0))
    alphas = ols(table.counts, options.scale).per_model()
    notes = [why_untested(table, [row, row + 1]) for row in range(len(alphas) - 1)]
    notes = [
        note or ("" if error > 0 else SAME_VALUE)
        for note, error in zip(notes, rise.standard_error, strict=True)
    ]
    told = np.array([not note for note in notes])
    pvalue = np.where(told, rise.pvalue, np.nan)
    return pd.DataFrame(
        {
            "ratio": table.ratios[:-1],
            "next_ratio": table.ratios[1:],
            "rise": rise.deviation,
            "standard_error": np.where(told, rise.standard_error, np.nan),
            "correlation": [_correlation(low, high) for low, high in pairwise(alphas)],
            "pvalue": pvalue,
            "pvalue_adjusted": adjust(pvalue, options.correction),
            "note": notes,
        }
    )


def _correlation(low: np.ndarray, high: np.ndarray) -> float:
    if not min(np.ptp(low), np.ptp(high)) > 1e-12:
        return float("nan")
    return float(np.corrcoef(low, high)[0, 1])
