"""Experiments with a known truth, many at once: each takes the place of a ratio in `Counts`.

The dense counts then have the shape (experiments, models, classes), as those of halves do.
"""

import numpy as np
from scipy import special

from regions.recall.balance import Scale
from regions.recall.counts import Counts, leave_one_out
from regions.recall.inference import infer
from regions.recall.ratio import Contrast

LOW, HIGH, CLASSES = 0.65, 0.95, 10


def recalls(alpha, accuracy, low=LOW, high=HIGH):
    """Return dense recalls and the pruned ones with this accuracy and intensification."""
    p = np.linspace(low, high, CLASSES)
    return p, accuracy * (1 + alpha * (p / p.mean() - 1))


def independent(rng, experiments, models, n, p, q, kappa=0.6):
    """Draw counts of models that err independently; p and q broadcast to (e, models, classes)."""
    shape = (experiments, models, CLASSES)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    together = kappa * np.minimum(p, q) + (1 - kappa) * p * q
    dense = rng.binomial(n, p)
    both = rng.binomial(dense, together / p)
    pruned = both + rng.binomial(n - dense, np.clip((q - together) / (1 - p), 0, 1))
    return Counts(np.full(CLASSES, n), dense, pruned, both)


def images(rng, experiments, models, n, p, arms, sharing, groups, own=0.2, shown=None):
    """Draw groups of counts of models that find the same images hard; one list for each arm.

    A network is right if sqrt(sharing) s_i + sqrt(own) g_mi + noise is below the normal quantile
    of its recall; s_i is the image's, or `shown` (experiments, 1, classes, n) if that is given.
    """
    shape = (experiments, models, CLASSES, n)
    normal = lambda *size: rng.standard_normal(size, dtype=np.float32)  # noqa: E731
    common = np.float32(sharing**0.5) * (
        normal(experiments, 1, CLASSES, n) if shown is None else shown
    ) + np.float32(own**0.5) * normal(*shape)
    rest = np.float32((1 - sharing - own) ** 0.5)

    def right(recall):
        limit = special.ndtri(np.broadcast_to(recall, shape[:-1]))[..., None].astype(np.float32)
        return common + rest * normal(*shape) < limit

    def tally(found):
        return found.reshape(*shape[:-1], groups, -1).sum(-1)

    dense = right(p)
    tallies, found = tally(dense), []
    sizes = np.full(CLASSES, n // groups)
    for recall in arms:
        pruned = right(recall)
        parts = tallies, tally(pruned), tally(dense & pruned)
        found.append([Counts(sizes, *(part[..., g] for part in parts)) for g in range(groups)])
    return found


def contrasts(groups, estimator, null, rng=None):
    """Return the tested contrast of the whole and without each group."""
    parts, rows = leave_one_out(groups), len(groups[0].pruned)
    return [
        Contrast(ratio, null.reference(ratio, (2.0,) * rows, part, Scale(), estimator))
        for part, ratio in zip(parts, estimator.ratios(groups, Scale(), rng), strict=True)
    ]


def covered(groups, estimator, null, deviation=0.0, rng=None):
    """Return whether the 95 % interval of each experiment holds the true deviation."""
    whole, *left_out = contrasts(groups, estimator, null, rng)
    found = infer(whole, left_out, "t", "two-sided")
    half = special.stdtrit(found.df, 0.975) * found.standard_error
    return np.abs(found.deviation - deviation) <= half
