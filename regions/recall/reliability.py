"""Reliability: the share of the spread of dense recalls that is not measurement noise."""

from __future__ import annotations

from regions.recall.balance import Balances
from regions.recall.counts import Counts
from regions.recall.noise import noise_of
from regions.recall.ratio import NOTHING


def reliability(found: Balances, counts: Counts) -> float:
    """Return 1 - sum Vxx / sum Sxx over all models; NaN if all recalls are equal.

    An uncorrected slope shrinks to about this share of the true one if the measurement errors of
    dense and pruned networks are independent, and less so the more alike their predictions are.
    """
    squares = float((found.slope * found.x**2).sum())
    noise = float(noise_of(counts, found, "independent").dense.sum())
    return 1 - noise / squares if squares > NOTHING else float("nan")
