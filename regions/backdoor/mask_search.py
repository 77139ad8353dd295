"""Search over sets of units without any learning: the cross-entropy method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regions.backdoor.learned import LearnedRemoval
from regions.errors import ArgumentError
from regions.randomness import Rng

_ELITE, _SMOOTHING = 0.25, 0.3


def search_masks(
    reward: Callable[[np.ndarray], float],
    units: int,
    *,
    steps: int = 20,
    samples: int = 32,
    rate: float = 0.05,
    rng: Rng = None,
) -> LearnedRemoval:
    """Search for the units to remove by the cross-entropy method.

    Every step draws sets, each unit independently with its own probability, and moves the
    probabilities towards the frequencies in the best sets:
    p <- .3 p + .7 (mean of the best quarter). The control for `learn_policy`: equal
    reward and number of evaluations, one free number per unit, and no graph.

    Parameters
    ----------
    reward : callable
        Boolean array (units,) of removed units -> number, higher is better.
    units : int
        Number of units.
    steps, samples : int
        Steps, and sets per step; the reward is computed steps * samples times.
    rate : float
        Probability of removal at the start.

    Source: Rubinstein 1999, doi:10.1023/A:1010091220143; as a search over units, ours.

    Examples
    --------
    >>> import numpy as np
    >>> found = search_masks(lambda removed: removed[0] - removed[1:].mean(), 5, rng=0)
    >>> int(found.probabilities.argmax()), found.evaluations
    (0, 640)
    """
    check_search(units, steps, samples, rate)
    rng = np.random.default_rng(rng)
    probabilities = np.full(units, rate)
    keep = max(1, round(_ELITE * samples))
    tried, rewards = [], []
    for _ in range(steps):
        sets = rng.random((samples, units)) < probabilities
        values = np.array([reward(removed) for removed in sets])
        best = np.argsort(-values, kind="stable")[:keep]
        probabilities = _SMOOTHING * probabilities + (1 - _SMOOTHING) * sets[best].mean(axis=0)
        tried.append(sets[best[0]])
        rewards.append(values)
    return learned(probabilities, tried, rewards)


def check_search(units: int, steps: int, samples: int, rate: float) -> None:
    """Refuse settings with which nothing can be searched."""
    if min(units, steps) < 1 or samples < 2 or not 0 < rate < 1:
        raise ArgumentError(
            f"expected units and steps >= 1, samples >= 2 and a rate in (0, 1); got {units}, "
            f"{steps}, {samples} and {rate}"
        )


def learned(
    probabilities: np.ndarray, tried: list[np.ndarray], rewards: list[np.ndarray]
) -> LearnedRemoval:
    """Return the result of a search from its last probabilities and each step's best set."""
    tops = np.array([values.max() for values in rewards])
    first = int(tops.argmax())
    return LearnedRemoval(
        probabilities=probabilities,
        best=tried[first],
        best_reward=float(tops[first]),
        rewards=np.array(rewards),
    )
