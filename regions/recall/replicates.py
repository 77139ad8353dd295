"""`replicates`: how many models an experiment needs."""

from __future__ import annotations

import math

from scipy import stats

from regions.arguments import check_flag, check_number, check_whole
from regions.errors import ArgumentError
from regions.recall.inference import FEWEST_MODELS


def replicates(
    sd: float,
    delta: float,
    alpha: float = 0.05,
    power: float = 0.8,
    two_sample: bool = False,
    *,
    tests: int = 1,
    noise: float = 0.0,
) -> int:
    """Return the smallest number of models (per arm) with which a t test finds `delta`.

    Parameters
    ----------
    sd : float
        Standard deviation of alpha over models (of the differences, for a paired comparison).
        Published networks: about .05 at compression 2 and .19 at 50, noise included. Of your own
        networks: `standard_error` times the root of `n_models`, two columns of a report; noise
        is included.
    delta : float
        The deviation of E[alpha] from its null to be found.
    alpha, power : float
        Error rate of the two-sided tests together, and the probability that one of them, named
        beforehand, finds its `delta`.
    two_sample : bool
        Compare two arms with different dense networks: models *per arm*.
    tests : int
        Ratios over which p-values are corrected. Each test has the level alpha / tests: exact for
        Bonferroni; with Holm the power is at least this, and no more where the other ratios have
        no effect.
    noise : float
        Standard error of one model's alpha from its finitely many test images, if `sd` is that of
        the true alphas. Images are then new for each model; what all models share on one test set
        does not average out over models, whatever their number.

    Returns
    -------
    int
        At least three: with fewer models no analysis here gives a verdict.

    Raises
    ------
    ArgumentError
        If sd is not positive, delta is 0, noise is negative, tests is no whole number of at least
        1, alpha or power is not in (0, 1), or power <= alpha.

    Notes
    -----
    T^2 is noncentral F with 1 and df degrees of freedom (Johnson, Kotz and Balakrishnan 1995,
    Continuous Univariate Distributions 2, chapters 30 and 31). The power rises with the number of
    models, so whole numbers are searched by halving.

    Examples
    --------
    >>> import regions
    >>> regions.replicates(sd=0.05, delta=0.05)
    10
    >>> regions.replicates(sd=0.05, delta=0.05, alpha=0.01, power=0.9)
    19
    >>> regions.replicates(sd=0.05, delta=0.05, tests=5), regions.replicates(0.05, 0.05, noise=0.05)
    (16, 18)

    From a pilot study of four networks to the number that finds a deviation of .3:

    >>> dense = [[912, 962, 865], [903, 959, 858], [916, 970, 838], [909, 966, 871]]
    >>> tenth = [[815, 937, 689], [818, 908, 708], [810, 919, 652], [821, 930, 700]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, 1000)
    >>> pilot = regions.intensification(table, "ols").to_frame().iloc[0]
    >>> sd = pilot["standard_error"] * pilot["n_models"] ** 0.5
    >>> round(float(sd), 2), regions.replicates(sd, delta=0.3)
    (0.31, 11)
    """
    check_number(sd, "sd", above=0)
    check_number(noise, "noise", least=0)
    if check_number(delta, "delta") == 0:
        raise ArgumentError("delta is 0; expected the deviation from the null that is to be found")
    check_number(power, "power", above=0, below=1)
    check_number(alpha, "alpha", above=0, below=power)
    check_whole(tests, "tests", most=10**9)
    check_flag(two_sample, "two_sample")
    effect, level = abs(delta) / math.hypot(sd, noise), alpha / tests
    low, high = FEWEST_MODELS - 1, FEWEST_MODELS
    while not _power(effect, high, level, two_sample) >= power:
        low, high = high, 2 * high
        if high > 2**30:
            raise ArgumentError(f"delta / sd = {effect:.2g} needs more than 1e9 models")
    while high - low > 1:
        middle = (low + high) // 2
        enough = _power(effect, middle, level, two_sample) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _power(effect: float, models: int, level: float, two_sample: bool) -> float:
    """Return the power of the two-sided t test with this many models (per arm)."""
    df = 2 * (models - 1) if two_sample else models - 1
    # beyond this the test rejects surely, and the series of the distribution does not end
    shift = min(min(effect, 1e6) ** 2 * (models / 2 if two_sample else models), 1e8)
    return float(stats.ncf.sf(stats.f.isf(level, 1, df), 1, df, shift))
