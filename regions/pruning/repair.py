"""Keeps only weights that lie on an input-to-output path, within the same budget.

Plain selection keeps dead ends: at density .001 about half of what magnitude keeps in an MLP lies
on no path from an input to an output. Two procedures choose differently:

* `repair_layers`, for a budget per layer, is a fixpoint. In network order every layer takes its
  best weights among those that a selected path feeds and that can still feed an output; then
  units (output channels) without an effective weight are struck out, and the sweep is repeated
  until every selected weight is effective. The set of allowed units only shrinks.
* `thin_out`, for one common budget and where the fixpoint runs out of weights, goes the other way:
  it starts from all weights and removes the worst, with all that becomes a dead end, leaving in
  place a weight whose removal would take a budget below its value.

"Effective sparsity" is Vysogorets and Kempe's term (JMLR 24(99), 2023); the procedures are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from regions.errors import BudgetError
from regions.pruning.selection import best_first, first, split

Arrays = dict[str, np.ndarray]
Follow = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
Choose = Callable[[str, np.ndarray], np.ndarray]
Sweep = Callable[[Arrays, Choose], Arrays]


class _TooFew(Exception):
    """A layer has fewer candidates than weights to keep."""


def repair_layers(
    scores: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    whole: Mapping[str, np.ndarray],
    follow: Follow,
    sweep: Sweep | None = None,
) -> Arrays:
    """Return masks with exactly counts[name] weights in each scored layer, all on a path.

    Parameters
    ----------
    scores : mapping of str to array
        Higher is better. Layers that `whole` has and `scores` lacks are kept whole.
    counts : mapping of str to int
        Weights to keep in each scored layer.
    whole : mapping of str to array
        Masks of all prunable layers in network order, with the weights that may be kept.
    follow : callable
        Masks -> masks of the effective weights.
    sweep : callable, optional
        A quick way to choose masks in turn, each among the weights that the choices before it and
        all weights behind it leave effective, as `regions.networks.liveness.choose_in_turn`.

    Raises
    ------
    BudgetError
        If no such masks are found, with the most that was reached.
    """
    masks = _fixpoint(scores, counts, whole, follow, sweep or _by_following(follow))
    if masks is None:
        groups = [((name,), counts[name]) for name in scores]
        masks = thin_out(scores, groups, whole, follow)
    return masks


def _fixpoint(
    scores: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    whole: Mapping[str, np.ndarray],
    follow: Follow,
    sweep: Sweep,
) -> Arrays | None:
    def choose(name: str, candidates: np.ndarray) -> np.ndarray:
        if name not in scores:
            return allowed[name]
        if np.count_nonzero(candidates) < counts[name]:
            raise _TooFew
        return first(scores[name], candidates, counts[name])

    allowed = dict(whole)
    while True:
        try:
            chosen = sweep(allowed, choose)
        except _TooFew:
            return None
        alive = follow(chosen)
        if all(np.array_equal(alive[name], chosen[name]) for name in scores):
            return {**whole, **{name: chosen[name] for name in scores}}
        allowed = _strike_out(allowed, chosen, alive)


def _by_following(follow: Follow) -> Sweep:
    def sweep(allowed: Arrays, choose: Choose) -> Arrays:
        chosen = dict(allowed)
        for name in allowed:
            chosen[name] = choose(name, follow(chosen)[name])
        return chosen

    return sweep


def _strike_out(allowed: Arrays, chosen: Arrays, alive: Mapping[str, np.ndarray]) -> Arrays:
    """Disallow units without an effective weight, or else the ineffective weights themselves."""
    units = {name: mask & _rows_with(alive[name]) for name, mask in allowed.items()}
    if any(np.count_nonzero(units[name]) < np.count_nonzero(allowed[name]) for name in allowed):
        return units
    return {name: mask & ~(chosen[name] & ~alive[name]) for name, mask in allowed.items()}


def _rows_with(mask: np.ndarray) -> Any:
    return np.any(mask, axis=tuple(range(1, mask.ndim)), keepdims=True)


def thin_out(
    scores: Mapping[str, np.ndarray],
    groups: Sequence[tuple[Sequence[str], int]],
    whole: Mapping[str, np.ndarray],
    follow: Follow,
) -> Arrays:
    """Return masks that keep exactly its count in each group of layers, every weight on a path.

    Removes the worst weight first, together with what becomes a dead end, unless a group would
    fall below its count. Within a group "worst" is by score. The groups are thinned at one pace
    (each weight by its place in its group); if that gets stuck above a count, one after the other,
    the smallest count first; if that does too, in their order.
    """
    names, needed = list(scores), np.array([count for _, count in groups])
    member = _group_of_each_weight(scores, groups)

    def alive(kept: np.ndarray) -> np.ndarray:
        effective = follow({**whole, **split(kept, scores)})
        return np.concatenate([effective[name].ravel() for name in names])

    start = alive(np.ones(member.size, dtype=bool))
    _check_reached(start, member, groups, at_most=False)
    place = _place_in_group(scores, member, len(groups))
    kept = _thin(start, np.argsort(-place, kind="stable"), member, needed, alive)
    for turn in (needed, np.arange(needed.size)):
        if not (np.bincount(member[kept], minlength=needed.size) > needed).any():
            break
        kept = _thin(start, np.lexsort((-place, turn[member])), member, needed, alive)
    _check_reached(kept, member, groups, at_most=True)
    return {**whole, **split(kept, scores)}


def _thin(
    kept: np.ndarray,
    queue: np.ndarray,
    member: np.ndarray,
    needed: np.ndarray,
    alive: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    while True:
        # a weight of a group that is at its count cannot go, now or later
        over = np.bincount(member[kept], minlength=needed.size) > needed
        queue = queue[kept[queue] & over[member[queue]]]
        if queue.size == 0:
            return kept
        removed, kept = _longest_feasible(kept, queue, member, needed, alive)
        queue = queue[removed + 1 :]  # the next one in the queue has to stay


def _longest_feasible(
    kept: np.ndarray,
    queue: np.ndarray,
    member: np.ndarray,
    needed: np.ndarray,
    alive: Callable[[np.ndarray], np.ndarray],
) -> tuple[int, np.ndarray]:
    """Return how many weights of `queue` can go, from its start, and what is then alive."""
    low, high, best = 0, queue.size + 1, kept
    step = 1
    while high - low > 1:
        middle = min(low + step, high - 1) if step else (low + high) // 2
        trial = kept.copy()
        trial[queue[:middle]] = False
        trial = alive(trial)
        if (np.bincount(member[trial], minlength=needed.size) >= needed).all():
            low, best, step = middle, trial, step * 2
        else:
            high, step = middle, 0
    return low, best


def _group_of_each_weight(
    scores: Mapping[str, np.ndarray], groups: Sequence[tuple[Sequence[str], int]]
) -> np.ndarray:
    group = {name: index for index, (names, _) in enumerate(groups) for name in names}
    return np.concatenate([np.full(score.size, group[name]) for name, score in scores.items()])


def _place_in_group(
    scores: Mapping[str, np.ndarray], member: np.ndarray, groups: int
) -> np.ndarray:
    """Return a number that falls from the worst to the best weight of each group, at one pace."""
    joined = np.concatenate([score.ravel() for score in scores.values()])
    place = np.empty(joined.size)
    for index in range(groups):
        mine = np.flatnonzero(member == index)
        order = best_first(joined[mine])
        place[mine[order]] = np.log1p(np.arange(mine.size)) - np.log1p(mine.size)
    return place


def _check_reached(
    kept: np.ndarray,
    member: np.ndarray,
    groups: Sequence[tuple[Sequence[str], int]],
    at_most: bool,
) -> None:
    reached = np.bincount(member[kept], minlength=len(groups))
    for (names, count), found in zip(groups, reached, strict=True):
        if found < count or (at_most and found > count):
            raise BudgetError(
                f"repair cannot keep exactly {count} weight(s) of {', '.join(names)} with every "
                f"one on an input-to-output path: {found} is the {'fewest' if at_most else 'most'} "
                "reached; change the densities so that neighbouring layers can be "
                "connected, or use repair=False"
            )
