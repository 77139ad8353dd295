"""`compare_intensification`: is alpha larger in one arm than in another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from regions.arguments import check_confidence, check_flag
from regions.errors import ArgumentError
from regions.randomness import Rng, generator_of
from regions.recall.curve import draw_differences
from regions.recall.estimate import Estimate, estimate
from regions.recall.inference import FEWEST_MODELS, adjust, t_pvalue, verdicts
from regions.recall.options import POPULATIONS, Options
from regions.recall.ratio import Contrast, Ratio
from regions.recall.result import ConfidenceInterval, IntensificationResult
from regions.recall.sample import SAME_VALUE, why_not_sampled
from regions.recall.table import RecallTable, check_table
from regions.recall.wording import KEY, corrected
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SAME_ARMS = "both arms are right on the same images, or neither differs from its dense networks"
_NOTHING = 1e-12  # standard errors below are rounding


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IntensificationComparison(Result):
    """Difference of alpha between two arms, at every ratio both have.

    Attributes
    ----------
    ratios : tuple of float
    estimate_a, estimate_b, difference, standard_error, df, statistic, pvalue, pvalue_adjusted
        One entry per ratio; the difference is a - b.
    verdict : tuple of str
        "<" or ">" where the adjusted test rejects equality (a below or above b), "?" elsewhere.
    paired : bool
        Whether both arms prune the same dense networks, and the test uses it.
    pairing : str
        How that was found out.
    note : tuple of str
        Why there is no interval at a ratio, and no test; "" where there is.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000, {10: tenth})
    >>> found = regions.compare_intensification(table, table)
    >>> found.difference.tolist(), found.pvalue.tolist(), found.verdict
    ([0.0], [1.0], ('?',))
    """

    ratios: tuple[float, ...]
    estimate_a: np.ndarray
    estimate_b: np.ndarray
    difference: np.ndarray
    standard_error: np.ndarray
    df: np.ndarray
    statistic: np.ndarray
    pvalue: np.ndarray
    pvalue_adjusted: np.ndarray
    verdict: tuple[str, ...]
    paired: bool
    pairing: str
    n_models: tuple[int, int]
    options: Options = field(repr=False)
    note: tuple[str, ...]

    def confidence_interval(self, confidence_level: float | None = None) -> ConfidenceInterval:
        """Return the two-sided t interval of the difference at each ratio."""
        level = self.options.confidence_level if confidence_level is None else confidence_level
        check_confidence(level, "confidence_level")
        told = np.array([not note for note in self.note])
        quantile = stats.t.ppf(0.5 + level / 2, np.where(self.df > 0, self.df, np.nan))
        half = np.where(told, quantile * self.standard_error, np.nan)
        return ConfidenceInterval(self.difference - half, self.difference + half)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per ratio."""
        names = ("estimate_a", "estimate_b", "difference", "standard_error", "statistic", "df")
        interval = self.confidence_interval()
        return pd.DataFrame(
            {
                "ratio": self.ratios,
                **{name: getattr(self, name) for name in names},
                "low": interval.low,
                "high": interval.high,
                "level": self.options.confidence_level,
                "pvalue": self.pvalue,
                "pvalue_adjusted": self.pvalue_adjusted,
                "verdict": self.verdict,
                "paired": self.paired,
                "estimator": self.options.estimator.name,
                "alternative": self.options.alternative,
                "correction": self.options.correction,
                "note": self.note,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the rows of `to_frame` and the pairing, JSON-ready."""
        rows = self.to_frame().to_dict(orient="records")
        return jsonable({"rows": rows, "pairing": self.pairing, "options": self.options.to_dict()})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference with its interval against the compression ratio."""
        return draw_differences(self, ax)

    def summary(self) -> str:
        """Return the differences in words, and what they rest on."""
        a, b = self.n_models
        basis = [
            f"Sample unit: one trained model ({a} and {b}). Population, whose difference the "
            f"intervals cover: {POPULATIONS[str(self.options.population)]}.",
            f"Estimator: {self.options.estimator.words}. Test: t, {self.options.alternative}; "
            f"intervals of level {self.options.confidence_level:.4g}, each for its ratio alone; "
            f"{corrected(self.options, int(np.isfinite(self.pvalue).sum()))}",
            f"Verdicts at level {self.options.error_rate:.4g} {KEY} no difference"
            + ("." if min(a, b) >= FEWEST_MODELS else f"; none below {FEWEST_MODELS} models."),
            f"Pairing: {self.pairing}.",
        ]
        rows = [self._line(row) for row in range(len(self.ratios))]
        return "\n".join(["Difference of recall intensification, a - b:", *rows, *basis])

    def _line(self, row: int) -> str:
        start, note = f"  ratio {self.ratios[row]:g}: ", self.note[row]
        a, b = (
            f"{values[row]:.4f}" if np.isfinite(values[row]) else "unknown"
            for values in (self.estimate_a, self.estimate_b)
        )
        if note == _SAME_ARMS:
            return f"{start}{note}: there is nothing to test"
        if note:
            return f"{start}alpha {a} and {b}, no interval and no test: {note}"
        interval = self.confidence_interval()
        return (
            f"{start}{a} - {b} = {self.difference[row]:.4f} [{interval.low[row]:.4f}, "
            f"{interval.high[row]:.4f}], adjusted p {self.pvalue_adjusted[row]:.2g}: "
            f"{self.verdict[row]}"
        )


def compare_intensification(
    a: RecallTable | IntensificationResult,
    b: RecallTable | IntensificationResult,
    paired: bool | Literal["auto"] = "auto",
    *,
    rng: Rng = 0,
    **options: Any,
) -> IntensificationComparison:
    """Test whether alpha differs between two arms, at every compression ratio both have.

    Parameters
    ----------
    a, b : RecallTable or IntensificationResult
        Of a result, its table is compared, with the options of `a`.
    paired : "auto", True or False
        A paired test is right only if both arms prune the *same* dense networks. "auto" looks
        whether their dense predictions (or counts) are equal, and else uses Welch's test.
    **options
        As in `intensification`: estimator ("moments", or "ols" if joint correctness is unknown),
        aggregate, center, weights, alternative, correction, confidence_level.

    Raises
    ------
    ArgumentError
        If `paired=True` although the dense networks differ, no ratio is shared, or for other
        options.

    Notes
    -----
    Of means over models this is the paired or Welch's t test; of ratios of sums the same with
    jackknife standard errors over models and Satterthwaite's degrees of freedom.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> half = [[923, 963, 858], [921, 963, 875], [922, 963, 855]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652]]
    >>> a = regions.RecallTable.from_counts(dense, {10: half}, n=1000)
    >>> b = regions.RecallTable.from_counts(dense, {10: tenth}, n=1000)
    >>> result = regions.compare_intensification(a, b, estimator="ols")
    >>> result.paired, result.verdict
    (True, ('<',))
    """
    tables = [x.table if isinstance(x, IntensificationResult) else x for x in (a, b)]
    for name, value in zip("ab", tables, strict=True):
        check_table(value, name)
    if not (isinstance(paired, str) and paired == "auto"):
        check_flag(paired, "paired")
        paired = bool(paired)
    chosen, (table_a, table_b) = _options(a, tables, options), tables
    shared = tuple(ratio for ratio in table_a.ratios if ratio in table_b.ratios)
    if not shared:
        raise ArgumentError(f"no shared ratio: a has {table_a.ratios}, b has {table_b.ratios}")
    order, why = match_models(table_a, table_b)
    if paired is True and order is None:
        raise ArgumentError(
            f"paired=True, but the arms do not prune the same dense networks: {why}; use "
            'paired=False (Welch) or "auto"'
        )
    together = order is not None and paired is not False
    seeds = generator_of(rng).integers(2**62, size=2)
    parts = [table.select(shared) for table in tables]
    first, second = (
        estimate(part, chosen, np.random.default_rng(seed))
        for part, seed in zip(parts, seeds, strict=True)
    )
    if together and order is not None:
        error, df = _paired_error(first.whole.ratio, _reordered(second.whole.ratio, order))
        pairing = f"paired test, {why}"
    else:
        error, df = _welch_error(first.whole, second.whole)
        given = "as asked" if paired is False else why
        pairing = f"Welch's test for different dense networks, {given}"
    same = _same(parts[0], parts[1], order)
    notes = [
        _why_unknown(parts, row, (first, second))
        or (_SAME_ARMS if same[row] else "" if error[row] > _NOTHING else SAME_VALUE)
        for row in range(len(shared))
    ]
    tests = error, df, notes
    return _comparison(first, second, shared, tests, together, pairing, chosen)


def _same(a: RecallTable, b: RecallTable, order: np.ndarray | None) -> np.ndarray:
    """Return at which ratios both arms are the same, or neither changed its dense networks."""
    untouched = a.identical & b.identical
    if order is None:
        return untouched
    same = (a.pruned == b.pruned[:, order]).all((1, 2))
    if a.predictions is not None and b.predictions is not None:
        same &= (a.predictions.pruned == b.predictions.pruned[:, order]).all((1, 2))
    elif a.both is not None and b.both is not None:
        same &= (a.both == b.both[:, order]).all((1, 2))
    return same | untouched


def _why_unknown(tables: Sequence[RecallTable], row: int, found: Sequence[Estimate]) -> str:
    """Return why an arm by itself forbids a test of the difference; "" if none does."""
    for name, table, part in zip("ab", tables, found, strict=True):
        if table.ratios[row] in part.reasons:
            return f"no estimate of {name}: {part.reasons[table.ratios[row]]}"
        if why := why_not_sampled(table, [row]):
            return f"{name}: {why}"
    return ""


def _options(a: Any, tables: Sequence[RecallTable], options: dict[str, Any]) -> Options:
    given = dict(options)
    if isinstance(a, IntensificationResult):
        names = ("estimator", "center", "weights", "correction", "confidence_level")
        given = {**{name: getattr(a.options, name) for name in names}, **given}
    if "estimator" not in given and any(table.both is None for table in tables):
        given["estimator"] = "ols"
    # images are not resampled here
    unused = ("population", "groups", "null", "test", "n_boot")
    return Options.for_verb("compare_intensification", unused, **given).settled(images_known=False)


def match_models(a: RecallTable, b: RecallTable) -> tuple[np.ndarray | None, str]:
    """Return the rows of `b` that hold the dense networks of the rows of `a`, and why (not).

    Model ids decide which rows belong together where both tables have the same ids; equal dense
    predictions (or counts) decide whether they are the same networks.
    """
    if a.n_models != b.n_models:
        return None, f"{a.n_models} and {b.n_models} models"
    if a.dense.shape != b.dense.shape or (a.sizes != b.sizes).any():
        return None, "classes or class sizes differ"
    place = {name: row for row, name in enumerate(b.model_ids)}
    if set(place) != set(a.model_ids):
        return None, "model ids differ"
    order = np.array([place[name] for name in a.model_ids])
    different = int((a.dense != b.dense[order]).any(-1).sum())
    if a.predictions is not None and b.predictions is not None:
        x, y = a.predictions.dense, b.predictions.dense[order]
        different = int((x != y).any(-1).sum()) if x.shape == y.shape else a.n_models
    if different:
        return None, f"dense networks differ in {different} of {a.n_models} models"
    return order, f"{a.n_models} of {a.n_models} dense networks are equal in both arms"


def _reordered(ratio: Ratio, order: np.ndarray) -> Ratio:
    def moved(terms: np.ndarray) -> np.ndarray:
        return terms[:, order] if terms.ndim == 2 else terms[:, order][:, :, order]

    return Ratio(moved(ratio.numerator), moved(ratio.denominator))


def _paired_error(a: Ratio, b: Ratio) -> tuple[np.ndarray, np.ndarray]:
    variance = Contrast(a, b).model_variance()
    return np.sqrt(variance), np.full(len(variance), float(a.models - 1))


def _welch_error(a: Contrast, b: Contrast) -> tuple[np.ndarray, np.ndarray]:
    va, vb = (Contrast(x.ratio, np.zeros(len(x.value))).model_variance() for x in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        below = sum(v**2 / np.maximum(x.ratio.models - 1, 1) for x, v in ((a, va), (b, vb)))
        return np.sqrt(va + vb), (va + vb) ** 2 / np.where(below > 0, below, np.nan)


def _comparison(
    first: Estimate,
    second: Estimate,
    shared: tuple[float, ...],
    tests: tuple[np.ndarray, np.ndarray, list[str]],
    paired: bool,
    pairing: str,
    options: Options,
) -> IntensificationComparison:
    parts, (error, df, notes) = (first, second), tests
    undefined = [np.array([t in part.reasons for t in shared]) for part in parts]
    values = [
        np.where(gone, np.nan, part.whole.ratio.value)
        for gone, part in zip(undefined, parts, strict=True)
    ]
    same = np.array([note == _SAME_ARMS for note in notes])
    told = np.array([not note for note in notes])
    difference = np.where(same, 0.0, values[0] - values[1])
    error = np.where(same, 0.0, np.where(told, error, np.nan))
    statistic = np.where(same, 0.0, difference / np.where(told, error, np.nan))
    pvalue = np.where(same, 1.0, t_pvalue(statistic, df, options.alternative))
    adjusted = adjust(pvalue, options.correction)
    models = first.whole.ratio.models, second.whole.ratio.models
    return IntensificationComparison(
        ratios=shared,
        estimate_a=values[0],
        estimate_b=values[1],
        difference=difference,
        standard_error=error,
        df=df,
        statistic=statistic,
        pvalue=pvalue,
        pvalue_adjusted=adjusted,
        verdict=verdicts(adjusted, difference, 1 - options.confidence_level, min(models)),
        paired=paired,
        pairing=pairing,
        n_models=models,
        options=options,
        note=tuple(notes),
    )
