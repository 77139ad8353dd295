"""`replicates`: how many models an experiment needs."""

from __future__ import annotations

import math
from collections.abc import Callable

from regions.errors import ArgumentError


def replicates(
    sd: float, delta: float, alpha: float = 0.05, power: float = 0.8, two_sample: bool = False
) -> int:
    """Return the smallest number of models (per arm) with which a t test finds `delta`.

    Parameters
    ----------
    sd : float
        Standard deviation of alpha over models (of the differences, for a paired comparison).
        Published networks: about .05 at compression 2 and .19 at 50.
    delta : float
        The deviation of E[alpha] from its null to be found.
    alpha, power : float
        Error rate of the two-sided test, and the probability to be reached.
    two_sample : bool
        Compare two arms with different dense networks: models *per arm*.

    Raises
    ------
    ArgumentError
        If sd or delta is not positive, or alpha or power is not in (0, 1), or power <= alpha.

    Notes
    -----
    Power by the noncentral t distribution, from statsmodels; whole numbers are searched, because
    its own solver does not converge for large effects.

    Examples
    --------
    >>> import regions
    >>> regions.replicates(sd=0.05, delta=0.05)
    10
    >>> regions.replicates(sd=0.05, delta=0.05, alpha=0.01, power=0.9)
    19
    """
    if not (0 < sd < math.inf and 0 < abs(delta) < math.inf):
        raise ArgumentError(f"sd and delta must be positive numbers, got {sd} and {delta}")
    if not 0 < alpha < power < 1:
        raise ArgumentError(f"expected 0 < alpha < power < 1, got {alpha} and {power}")
    effect, reached = abs(delta) / sd, _power(two_sample)
    low, high = 1, 2
    while reached(effect, high, alpha) < power:
        low, high = high, 2 * high
        if high > 2**30:
            raise ArgumentError(f"delta / sd = {effect:.2g} needs more than 1e9 models")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(effect, middle, alpha) >= power else (middle, high)
    return high


def _power(two_sample: bool) -> Callable[[float, int, float], float]:
    from statsmodels.stats.power import TTestIndPower, TTestPower

    if two_sample:
        return lambda effect, models, alpha: TTestIndPower().power(effect, models, alpha)
    return lambda effect, models, alpha: TTestPower().power(effect, models, alpha)
