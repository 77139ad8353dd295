"""The optimiser: shares whole numbers of weights between layers so that an objective is largest.

Where there are few splits, all are tried. Two free layers leave one number to choose: a grid that
is fine at both ends, refined around its best points. More layers: coordinate search on
log-densities, coarse to fine, first one layer against all others and then weights exchanged
between pairs, from the best of several starts, then again from shaken copies of the best point.
Every allocation that was evaluated is remembered, so the best one is never below any start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, permutations
from math import comb, inf, isfinite
from time import monotonic
from typing import Any

import numpy as np

from regions.allocation.objective import Evaluate, Rule
from regions.allocation.problem import Counts, Problem

_EVERY = 300  # with no more splits than this, all are evaluated
_GRID = 33
_REFINED = 8
_FACTORS = (4.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.02)
_ROUNDS = 4
_RESTARTS, _SHAKE = 2, 0.2  # restarts without gain before stopping; spread of log-densities
_RELATIVE = 1e-9  # values closer than this are equal


class Trials:
    """The objective with a memory: every allocation tried, and its values per draw of masks."""

    def __init__(
        self,
        problem: Problem,
        evaluate: Evaluate,
        limit: int,
        bar: Any,
        ceiling: float = inf,
        seconds: float | None = None,
    ):
        self.problem, self.evaluate, self.limit, self.bar = problem, evaluate, limit, bar
        self.ceiling, self.top = ceiling, -inf
        self.end = inf if seconds is None else monotonic() + seconds
        self.seen: dict[tuple[int, ...], np.ndarray] = {}

    @property
    def late(self) -> bool:
        """Whether the time is over; the first allocation is evaluated in any case."""
        return bool(self.seen) and monotonic() >= self.end

    @property
    def perfect(self) -> bool:
        """Whether a value was found that none can exceed."""
        return bool(self.seen) and isfinite(self.ceiling) and is_equal(self.top, self.ceiling)

    @property
    def exhausted(self) -> bool:
        """Whether no further allocation is to be evaluated."""
        return self.perfect or len(self.seen) >= self.limit or self.late

    def values(self, free: Counts) -> np.ndarray:
        """Return the objective's values at these counts of the free layers."""
        key = tuple(int(free[name]) for name in self.problem.free)
        if key not in self.seen:
            counts = dict(zip(self.problem.free, key, strict=True))
            self.seen[key] = self.evaluate(self.problem.complete(counts))
            self.top = max(self.top, float(self.seen[key].mean()))
            self.bar.update()
        return self.seen[key]

    def mean(self, free: Counts) -> float:
        """Return the mean of `values`."""
        return float(self.values(free).mean())

    def best(self) -> dict[str, int]:
        """Return the best counts; of equal ones, those nearest to the uniform density."""
        uniform = np.log([max(count, 1) for count in self.problem.uniform().values()])
        means = {key: float(values.mean()) for key, values in self.seen.items()}
        top = max(means.values())
        equal = [key for key, value in means.items() if is_equal(value, top)]

        def distance(key: tuple[int, ...]) -> float:
            return float(np.abs(np.log(np.maximum(key, 1)) - uniform).sum())

        return dict(zip(self.problem.free, min(equal, key=distance), strict=True))

    def within(self, level: float) -> list[tuple[int, ...]]:
        """Return all counts tried whose mean value is not below `level`."""
        return [key for key, values in self.seen.items() if float(values.mean()) >= level]


def is_equal(value: float, other: float) -> bool:
    """Tell whether two values of an objective are the same up to rounding."""
    return value == other or abs(value - other) <= _RELATIVE * max(abs(value), abs(other))


def search(trials: Trials, rules: Iterable[Rule]) -> None:
    """Try allocations from those of `rules` on until none is better, or can be, or a limit is met.

    The first is tried in any case.
    """
    starts: list[Counts] = []
    for rule in rules:
        if trials.perfect or trials.late:
            return
        starts.append(rule.counts(trials.problem))
        trials.mean(starts[-1])
    if trials.problem.budget == sum(trials.problem.most.values()):
        return  # every weight is kept
    if _splits(trials.problem) <= _EVERY:
        for counts in _every_split(trials.problem):
            if trials.perfect or trials.late:
                return
            trials.mean(counts)
    elif len(trials.problem.free) == 2:
        _split(trials)
    elif len(trials.problem.free) > 2:
        _coordinates(trials, starts)


def _splits(problem: Problem) -> int:
    """Return the number of splits if the layers had no upper limits."""
    over = problem.budget - sum(problem.least.values())
    return comb(over + len(problem.free) - 1, len(problem.free) - 1)


def _every_split(problem: Problem) -> Iterator[dict[str, int]]:
    least = np.array(list(problem.least.values()))
    bars = range(problem.budget - int(least.sum()) + least.size - 1)
    for places in combinations(bars, least.size - 1):
        ends = np.array([-1, *places, len(bars)])
        split = dict(zip(problem.free, (least + np.diff(ends) - 1).tolist(), strict=True))
        if all(split[name] <= problem.most[name] for name in split):
            yield split


def _split(trials: Trials) -> None:
    problem = trials.problem
    first, second = problem.free
    low = max(problem.least[first], problem.budget - problem.most[second])
    high = min(problem.most[first], problem.budget - problem.least[second])
    grid = _grid(low, high)
    tried = {point: trials.mean({first: point, second: problem.budget - point}) for point in grid}
    while not trials.exhausted:
        new = [point for point in _refined(tried) if point not in tried]
        if not new:
            return
        for point in new:
            tried[point] = trials.mean({first: point, second: problem.budget - point})


def _grid(low: int, high: int) -> list[int]:
    near_end = np.geomspace(1, high - low, _GRID)
    points = [np.linspace(low, high, _GRID), low + near_end, high - near_end]
    return sorted({int(point) for point in np.rint(np.concatenate(points))} | {low, high})


def _refined(tried: Mapping[int, float]) -> Iterator[int]:
    """Yield points around the three best local maxima."""
    points = sorted(tried)
    values = np.array([tried[point] for point in points])
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((values >= padded[:-2]) & (values >= padded[2:]))
    for peak in peaks[np.argsort(-values[peaks], kind="stable")][:3]:
        left, right = points[max(peak - 1, 0)], points[min(peak + 1, len(points) - 1)]
        if right - left > max(2, 1e-4 * (points[-1] - points[0])):
            yield from (int(p) for p in np.rint(np.linspace(left, right, _REFINED + 2)))


def _coordinates(trials: Trials, starts: Sequence[Counts]) -> None:
    ranked = sorted(starts, key=trials.mean, reverse=True)
    tied = [start for start in ranked if is_equal(trials.mean(start), trials.mean(ranked[0]))]
    chosen = max(ranked[:2], tied, key=len)
    reached = [_one_against_all(trials, dict(start), _FACTORS[:3]) for start in chosen]
    best = _polished(trials, max(reached, key=trials.mean), _FACTORS[1:])
    rng, failures = np.random.default_rng(0), 0
    while failures < _RESTARTS and not trials.exhausted:
        shaken = _polished(trials, _shaken(trials.problem, best, rng), _FACTORS[3:])
        better = _better(trials, best, shaken)
        failures, best = failures + 1 if better == best else 0, better


def _shaken(problem: Problem, counts: Counts, rng: np.random.Generator) -> dict[str, int]:
    factors = np.exp(rng.normal(scale=_SHAKE, size=len(problem.free)))
    pairs = zip(problem.free, factors, strict=True)
    return problem.share({name: max(counts[name], 1) * factor for name, factor in pairs})


def _polished(trials: Trials, counts: dict[str, int], factors: tuple[float, ...]) -> dict[str, int]:
    for factor in factors:
        counts = _one_against_all(trials, counts, (factor,))
        for _ in range(_ROUNDS):
            before, counts = counts, _pairs(trials, counts, factor)
            if counts == before or trials.exhausted:
                break
    return counts


def _one_against_all(
    trials: Trials, counts: dict[str, int], factors: tuple[float, ...]
) -> dict[str, int]:
    """Scale one layer at a time, all others in proportion, while that helps."""
    for factor in factors:
        for _ in range(_ROUNDS):
            before = counts
            for name in trials.problem.free:
                for times in (factor, 1.0 / factor):
                    counts = _better(trials, counts, scaled(trials.problem, counts, name, times))
            if counts == before or trials.exhausted:
                break
    return counts


def scaled(problem: Problem, counts: Counts, name: str, factor: float) -> dict[str, int]:
    """Return counts with one layer's multiplied by `factor` and the rest shared in proportion."""
    wanted = round(counts[name] * factor)
    if wanted == counts[name]:
        wanted += 1 if factor > 1 else -1
    others = [other for other in problem.free if other != name]
    low = problem.budget - sum(problem.most[other] for other in others)
    high = problem.budget - sum(problem.least[other] for other in others)
    low, high = max(low, problem.least[name]), min(high, problem.most[name])
    wanted = min(max(wanted, low), high)
    shares = {other: float(max(counts[other], 1)) for other in others}
    rest = problem.share_rest(shares, problem.budget - wanted)
    return {other: wanted if other == name else rest[other] for other in problem.free}


def _pairs(trials: Trials, counts: dict[str, int], factor: float) -> dict[str, int]:
    """Move weights from one layer to another, for every ordered pair, where that helps."""
    problem = trials.problem
    for name, giver in permutations(problem.free, 2):
        amount = max(1, round(counts[name] * (factor - 1.0)))
        amount = min(
            amount,
            problem.most[name] - counts[name],
            counts[giver] - problem.least[giver],
        )
        if amount > 0:
            moved = {**counts, name: counts[name] + amount, giver: counts[giver] - amount}
            counts = _better(trials, counts, moved)
    return counts


def _better(trials: Trials, counts: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    if trials.exhausted:
        return counts
    old, new = trials.mean(counts), trials.mean(other)
    return other if new > old and not is_equal(new, old) else counts


def plateau(trials: Trials, best: Counts, level: float) -> dict[str, tuple[int, int]]:
    """Return, per free layer, the counts between which the objective stays at `level` or above.

    One layer is scaled away from the best point, the others in proportion, until the value falls
    below, the time is over, or twice the limit of evaluations is reached; with two layers the
    points of the search are used too.
    """
    problem = trials.problem
    reach = {name: [best[name]] for name in problem.free}
    for name in problem.free:
        for direction in (1.0, -1.0):
            for power in (1.05, 1.2, 1.5, 2.0, 4.0, 10.0):
                if len(trials.seen) >= 2 * trials.limit or trials.late:
                    break
                moved = scaled(problem, best, name, power**direction)
                if trials.mean(moved) < level:
                    break
                reach[name].append(moved[name])
    for key in trials.within(level) if len(problem.free) == 2 else []:
        for name, count in zip(problem.free, key, strict=True):
            reach[name].append(count)
    return {name: (min(counts), max(counts)) for name, counts in reach.items()}
