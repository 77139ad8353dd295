"""The compression ratio at which alpha crosses 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from regions.randomness import Rng, generator_of
from regions.recall.curve import BLUE, draw_alphas
from regions.recall.estimate import Estimate, estimate_known
from regions.recall.inference import FEWEST_MODELS, infer
from regions.recall.options import POPULATIONS, Options
from regions.recall.sample import SAME_VALUE, untouched, why_untested
from regions.recall.table import RecallTable, check_table
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# points between neighbouring ratios at which alpha is compared with 1
_POINTS = 200
# options of tests of single ratios
_UNUSED = ("null", "alternative", "test", "correction", "n_boot")


@dataclass(frozen=True, kw_only=True, repr=False)
class BreakEven(Result):
    """Where alpha first rises above 1.

    Attributes
    ----------
    ratio : float
        Compression ratio, interpolated in its logarithm; NaN if alpha does not cross 1.
    low, high : float
        Its confidence interval: the ratios around it at which the interpolated alpha is not
        separable from 1. 1 or infinity where this reaches the end of the table, NaN for fewer
        than three models.
    confidence_level : float
    n_models : int
    options : Options
        Estimator and population.
    ratios, alphas : tuple of float
        Of the table: what the crossing was read off.
    note : str
        Why `ratio`, or its interval, is NaN.

    Examples
    --------
    >>> import regions
    >>> table = regions.RecallTable.from_counts([[90, 70]] * 2, {2: [[80, 65]] * 2}, n=100)
    >>> break_even(table, "ols").summary()
    'Break-even ratio unknown: alpha does not rise through 1: 0.828.'
    """

    ratio: float
    low: float
    high: float
    confidence_level: float
    n_models: int
    options: Options
    ratios: tuple[float, ...]
    alphas: tuple[float, ...]
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        others = ("options", "ratios", "alphas")
        own = {name: value for name, value in vars(self).items() if name not in others}
        chosen = {"estimator": self.options.estimator.name, "population": self.options.population}
        return pd.DataFrame([own | chosen])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return jsonable({**vars(self), "options": self.options.to_dict()})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw alpha against the ratio, and where it crosses 1, with the interval."""
        ax = draw_alphas(ax, self.ratios, np.array(self.alphas)[:, None], BLUE)
        if np.isfinite(self.ratio):
            label = f"crosses 1 at {self.ratio:.2f}"
            if not self.note:
                # an interval without an end ends with the table
                ends = np.clip([self.low, self.high], min(self.ratios), max(self.ratios))
                ax.hlines(1, *ends, color="black", lw=5, alpha=0.35)
                label += f", {100 * self.confidence_level:g} % interval"
            ax.plot(self.ratio, 1, "D", color="black", label=label)
            ax.legend()
        return ax

    def summary(self) -> str:
        """Return the ratio in words."""
        if not np.isfinite(self.ratio):
            return f"Break-even ratio unknown: {self.note}."
        interval = (
            f"; no interval: {self.note}"
            if self.note
            else f" [{self.low:.2f}, {self.high:.2f}] ({100 * self.confidence_level:g} % interval)"
        )
        return (
            f"alpha ({self.options.estimator.words}; {self.n_models} models) crosses 1 at "
            f"compression ratio {self.ratio:.2f}{interval}. Population: "
            f"{POPULATIONS[str(self.options.population)]}."
        )


def break_even(
    table: RecallTable,
    estimator: str = "moments",
    confidence_level: float = 0.95,
    *,
    rng: Rng = 0,
    **options: Any,
) -> BreakEven:
    """Return the compression ratio at which alpha rises above 1.

    Linear in log ratio between the last ratio below and the first above.

    Parameters
    ----------
    estimator : str
        As in `intensification`; "ols" where joint correctness is unknown, but measurement noise
        pulls it towards 0 and so moves the crossing to larger ratios.
    confidence_level : float
    rng : int, numpy.random.Generator or None
        For groups of images and random halves.
    **options
        population, groups, aggregate, center and weights of `intensification`.

    Raises
    ------
    ArgumentError
        If joint correctness is needed and unknown, or options are wrong.

    Notes
    -----
    The interval inverts the t test of alpha = 1 at every ratio in between, by the jackknife of the
    interpolated alpha, as Fieller's interval does for a ratio (Fieller 1954,
    doi:10.1111/j.2517-6161.1954.tb00159.x); a flat alpha gives a wide one, not a wrong one.

    Examples
    --------
    >>> import regions
    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838]]
    >>> pruned = {2: [[923, 963, 890], [921, 963, 885], [922, 963, 865]],
    ...           50: [[815, 937, 689], [818, 908, 708], [810, 919, 652]]}
    >>> table = regions.RecallTable.from_counts(dense, pruned, n=1000)
    >>> found = break_even(table, "ols")
    >>> round(found.ratio, 1), found.low < found.ratio < found.high
    (3.2, True)
    """
    check_table(table)
    given = {"estimator": estimator, "confidence_level": confidence_level, **options}
    found, chosen = estimate_known(
        table, Options.for_verb("break_even", _UNUSED, **given), generator_of(rng)
    )
    # of untouched networks alpha is 1, not 1 but for rounding
    alphas = np.where(table.identical, 1.0, found.whole.ratio.value)
    logs, note = np.log(table.ratios), _why_unknown(table, found, alphas)
    at = float("nan") if note else _crossing(logs, alphas)
    low = high = float("nan")
    if np.isfinite(at):
        points = np.unique(np.append(_between(logs), at))
        weights = _interpolation(logs, points)
        whole, *left_out = (part.combined(weights) for part in (found.whole, *found.left_out))
        test = infer(whole, left_out, "t", "two-sided")
        varies = test.standard_error[int(np.searchsorted(points, at))] > 0
        note = _why_no_interval(table, varies)
        if not note:
            half = stats.t.ppf(0.5 + confidence_level / 2, test.df) * test.standard_error
            low, high = _around(at, points, half - np.abs(test.deviation))
    return BreakEven(
        ratio=float(np.exp(at)),
        low=low,
        high=high,
        confidence_level=confidence_level,
        n_models=table.n_models,
        options=chosen,
        ratios=tuple(table.ratios),
        alphas=tuple(alphas.tolist()),
        note=note,
    )


def _why_unknown(table: RecallTable, found: Estimate, alphas: np.ndarray) -> str:
    if found.reasons:
        ratio, why = next(iter(found.reasons.items()))
        return f"alpha is undefined at ratio {ratio:g}: {why}"
    if table.identical.all():
        return untouched(table)
    shown = ", ".join(f"{alpha:.3f}" for alpha in alphas)
    rises = np.isfinite(_crossing(np.log(table.ratios), alphas))
    return "" if rises else f"alpha does not rise through 1: {shown}"


def _why_no_interval(table: RecallTable, varies: bool) -> str:
    why = why_untested(table)
    if why or table.n_models >= FEWEST_MODELS:
        return why or ("" if varies else SAME_VALUE)
    return f"{table.n_models} models; at least {FEWEST_MODELS} are needed"


def _crossing(logs: np.ndarray, alphas: np.ndarray) -> float:
    """Return the log ratio of the first rise through 1, or NaN."""
    for step in range(len(logs) - 1):
        below, above = alphas[step], alphas[step + 1]
        if below < 1 <= above:
            share = (1 - below) / (above - below)
            return float(logs[step] + share * (logs[step + 1] - logs[step]))
    return float("nan")


def _between(logs: np.ndarray) -> np.ndarray:
    knots = np.arange(len(logs))
    return np.interp(np.linspace(0, knots[-1], _POINTS * knots[-1] + 1), knots, logs)


def _interpolation(logs: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return weights (points, ratios) of linear interpolation."""
    return np.stack([np.interp(points, logs, unit) for unit in np.eye(len(logs))], axis=1)


def _around(at: float, points: np.ndarray, margin: np.ndarray) -> tuple[float, float]:
    """Return the ends of the ratios about `at` where the margin is not negative."""
    middle = int(np.searchsorted(points, at))
    outside = np.flatnonzero(~(margin >= 0))
    below, above = outside[outside < middle], outside[outside > middle]

    def root(out: int, inside: int) -> float:
        share = margin[inside] / (margin[inside] - margin[out])
        return float(np.exp(points[inside] + share * (points[out] - points[inside])))

    low = root(below[-1], below[-1] + 1) if below.size else 1.0
    return low, root(above[0], above[0] - 1) if above.size else float("inf")
