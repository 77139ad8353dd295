"""Greedy forward selection: how few units imitate a layer's average, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.removal.imitation import Imitation
from regions.randomness import Rng

if TYPE_CHECKING:
    import pandas as pd

RULES = ("line-search", "average", "no-repeat", "least-squares")
STARTS = ("unit", "zero")


@dataclass(frozen=True, kw_only=True, eq=False)
class GreedyPath:
    """The steps of one greedy selection.

    Attributes
    ----------
    rule : str
    chosen : array of int, shape (steps,)
        The unit of each step, as a position among the live ones.
    step_sizes : array of shape (steps,)
        gamma of each step; NaN for least squares, which has none.
    errors : array of shape (steps,)
        D(a) after each step.
    weights : array of shape (steps, N)
        a after each step.
    """

    rule: str
    chosen: np.ndarray
    step_sizes: np.ndarray
    errors: np.ndarray
    weights: np.ndarray

    @property
    def support(self) -> np.ndarray:
        """Number of units with a weight after each step."""
        return np.count_nonzero(self.weights, axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per step: `step`, `chosen`, `step_size`, `support`, `error`."""
        import pandas as pd

        return pd.DataFrame(
            {
                "step": np.arange(1, len(self.errors) + 1),
                "chosen": self.chosen,
                "step_size": self.step_sizes,
                "support": self.support,
                "error": self.errors,
            }
        )


def greedy_path(
    imitation: Imitation,
    rule: str = "line-search",
    *,
    size: int | None = None,
    steps: int | None = None,
    start: str = "unit",
    candidates: int | None = None,
    rng: Rng = 0,
) -> GreedyPath:
    """Select units one after another, each the one that lowers D(a) most.

    Each step is a <- (1 - gamma) a + gamma e_i, over all units i:

    - ``"line-search"``: the best gamma in [-a_i / (1 - a_i), 1] in closed form, so that D never
      rises and a stays in the simplex. Negative values shrink or drop a unit.
    - ``"average"``: gamma = 1 / (n + 1) after n steps; units may repeat.
    - ``"no-repeat"``: likewise without repeats: a is uniform on the chosen units.
    - ``"least-squares"``: the control. The weights of all chosen units are refitted freely after
      each step, outside the simplex; for each support no weights have a smaller D.

    Parameters
    ----------
    imitation : Imitation
    rule : str
    size : int, optional
        Stop before the step that would bring in one unit more; by default all live units.
    steps : int, optional
        At most so many steps; by default 50 per unit of `size`.
    start : {"unit", "zero"}
        ``"unit"``: the first step puts all weight on one unit, which overshoots. ``"zero"``: the
        zero function is a first atom, and the weights sum to less than one.
    candidates : int, optional
        Consider only so many units at each step, drawn anew by `rng`; by default all.

    Returns
    -------
    GreedyPath

    References
    ----------
    Ye, Gong, Nie, Zhou, Klivans and Liu, arXiv 2003.01794 (ICML 2020: average; its released code
    has no repeats, and picks the unit that lowers the cross-entropy most, where the paper and
    this function take the discrepancy D); Ye, Wu and Liu, arXiv 2010.15969 (NeurIPS 2020: line
    search). Written from the abstracts, reviews and code; the interval of gamma is not confirmed
    from the paper's text.

    Examples
    --------
    >>> path = greedy_path(Imitation(np.diag([1.0, 1.0, 4.0])), "no-repeat")
    >>> path.chosen.tolist(), path.errors.round(3).tolist()
    ([0, 2, 1], [9.0, 2.25, 0.0])
    """
    check_path(rule, start, candidates)
    _check_number("size", size)
    count = len(imitation.live)
    size = count if size is None else min(size, count)
    steps = 50 * size if steps is None else steps
    generator = np.random.default_rng(rng)
    repeats = rule in ("line-search", "average")
    free = rule == "least-squares"
    search = _LeastSquares(imitation) if free else _Simplex(imitation, rule, start)
    rows: list[tuple[int, float, float, np.ndarray]] = []
    for _ in range(steps):
        new = search.weights == 0.0
        considered = _draw(np.full(count, True) if repeats else new, candidates, generator)
        found = search.best(considered) if considered.any() else None
        if found is None or (new[found[0]] and count - new.sum() >= size):
            break
        search.step(*found)
        rows.append((*found, search.error, search.weights))
    chosen, sizes, errors, weights = zip(*rows, strict=True) if rows else ((), (), (), ())
    return GreedyPath(
        rule=rule,
        chosen=np.array(chosen, dtype=int),
        step_sizes=np.array(sizes),
        errors=np.array(errors),
        weights=np.array(weights).reshape(-1, count),
    )


def _draw(
    considered: np.ndarray, candidates: int | None, generator: np.random.Generator
) -> np.ndarray:
    if candidates is None or considered.sum() <= candidates:
        return considered
    drawn = generator.choice(np.flatnonzero(considered), candidates, replace=False)
    return np.isin(np.arange(len(considered)), drawn)


def check_path(rule: str, start: str, candidates: int | None) -> None:
    """Refuse a rule, a start or a number of candidates that no selection has."""
    check_name("rule", rule, RULES)
    check_name("start", start, STARTS)
    if start == "zero" and rule == "no-repeat":
        raise ArgumentError(
            "without repeats the weights are uniform on the chosen units, so there is no zero "
            "start; choose another rule, or start='unit'"
        )
    _check_number("candidates", candidates)


def _check_number(what: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ArgumentError(f"{what} is {value}; expected a number of units, at least one")


class _Simplex:
    """Weights in the simplex, with <s_i, f_a - f> kept up to date: a step costs O(N)."""

    def __init__(self, imitation: Imitation, rule: str, start: str):
        self.rule, self.uniform, self.target = rule, imitation.uniform, imitation.target
        self.gram, self.own = imitation.gram, np.diag(imitation.gram)
        self.weights = np.zeros(len(self.own))
        self.apart = -imitation.target
        self.taken = 1 if start == "zero" else 0
        self.fresh = start == "unit"

    @property
    def error(self) -> float:
        return max(0.0, float((self.weights - self.uniform) @ self.apart))

    def _parabola(self) -> tuple[np.ndarray, np.ndarray]:
        """Return <s_i - f_a, f_a - f> and |s_i - f_a|^2 for every unit."""
        slope = self.apart - self.weights @ self.apart
        inner = self.apart + self.target  # <s_i, f_a>
        curve = self.own - 2.0 * inner + self.weights @ inner
        return slope, np.maximum(curve, 0.0)

    def _gammas(self, slope: np.ndarray, curve: np.ndarray) -> np.ndarray:
        if self.rule != "line-search" or self.fresh:
            return np.full(len(slope), 1.0 / (self.taken + 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(curve > 0, -slope / curve, 0.0)
            lowest = np.where(self.weights < 1, -self.weights / (1 - self.weights), 0.0)
        return np.clip(best, lowest, 1.0)

    def best(self, candidates: np.ndarray) -> tuple[int, float] | None:
        """Return the candidate whose step leaves the smallest D, and its step size.

        None if the search has settled: no step of any length lowers D.
        """
        slope, curve = self._parabola()
        gammas = self._gammas(slope, curve)
        change = np.where(candidates, 2.0 * gammas * slope + gammas**2 * curve, np.inf)
        unit = int(np.argmin(change))
        if self.rule == "line-search" and not self.fresh and change[unit] >= 0.0:
            return None
        return unit, float(gammas[unit])

    def step(self, unit: int, gamma: float) -> None:
        weight = self.weights[unit]
        dropped = gamma < 0 and gamma == -weight / (1 - weight)
        self.weights = (1 - gamma) * self.weights
        self.weights[unit] = 0.0 if dropped else self.weights[unit] + gamma
        self.apart = (1 - gamma) * self.apart + gamma * (self.gram[unit] - self.target)
        self.taken, self.fresh = self.taken + 1, False


class _LeastSquares:
    """Free weights, refitted after each step by one more row of a Cholesky factor."""

    def __init__(self, imitation: Imitation):
        self.gram, self.error = imitation.gram, imitation.norm
        self.apart = imitation.target.copy()  # <s_i, f - f_a>
        self.left = np.diag(imitation.gram).copy()  # |s_i|^2 that the support cannot predict
        self.least = 1e-12 * self.left
        self.weights = np.zeros(len(self.left))
        self.support: list[int] = []
        self.rows = np.empty_like(imitation.gram)
        self.parts = np.empty(len(self.left))

    def best(self, candidates: np.ndarray) -> tuple[int, float] | None:
        """Return the candidate that lowers D most; None if all others are spanned already."""
        usable = candidates & (self.left > self.least)
        if not usable.any():
            return None
        gains = self.apart**2 / np.where(usable, self.left, 1.0)
        return int(np.argmax(np.where(usable, gains, -np.inf))), float("nan")

    def step(self, unit: int, gamma: float) -> None:
        count = len(self.support)
        scale = np.sqrt(self.left[unit])
        row = (self.gram[unit] - self.rows[:count, unit] @ self.rows[:count]) / scale
        part = self.apart[unit] / scale
        self.rows[count], self.parts[count] = row, part
        self.left -= row**2
        self.apart -= part * row
        self.left[unit] = self.apart[unit] = 0.0
        self.error = max(0.0, self.error - part**2)
        self.support.append(unit)
        factor = self.rows[: count + 1, self.support]  # upper triangular
        self.weights = np.zeros(len(self.left))
        self.weights[self.support] = linalg.solve_triangular(factor, self.parts[: count + 1])
