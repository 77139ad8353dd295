"""Canonical correlation analysis (Hotelling 1936): invariant to every invertible linear map."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.measure import (
    LINEAR,
    Measure,
    correlations,
    describe,
    judge,
    sample_status,
)
from regions.representations.null import null_mean_correlation, null_mean_squared
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity

STATISTICS = ("mean", "mean_squared", "yanai")


def cca(
    X: Any, Y: Any, *, statistic: str = "mean", cv: int | None = None, groups: Any = None
) -> Similarity:
    """Return the canonical correlations of two representations and their mean.

    The correlations rho_1 >= ... >= rho_k, k = min(rank X, rank Y), are the singular values of
    Q_x^T Q_y, for orthonormal bases of the centred columns. Dead and constant neurons are left
    out and counted.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples; more samples than neurons.
    statistic
        "mean": sum(rho) / k. "mean_squared": sum(rho^2) / k. "yanai":
        sum(rho^2) / sqrt(rank X * rank Y). `value_all` divides by the numbers of neurons.
    cv
        Number of folds for held-out correlations: directions are fitted on the other folds and
        correlated on each fold, so that independent layers score about 0 at any size.
    groups
        With `cv`: the image of each row; rows of one image stay together.

    Raises
    ------
    ArgumentError
        For unequal numbers of samples, non-finite values, or as many live neurons as samples.

    Notes
    -----
    Hotelling, Relations between two sets of variates, 1936 (doi 10.1093/biomet/28.3-4.321). As
    a similarity of networks: Raghu et al. 2017 (arXiv 1706.05806).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 3))
    >>> Y = np.column_stack([X[:, 0], rng.standard_normal(400)])
    >>> cca(X, Y).coefficients.round(2)
    array([1.  , 0.05])
    """
    if cv is not None:
        from regions.representations.heldout import held_out_cca

        return held_out_cca(X, Y, folds=cv, groups=groups, statistic=statistic)
    return judge(CCA, pair_of(X, Y), statistic=statistic)


def compute_cca(pair: Pair, *, statistic: str = "mean") -> Similarity:
    """Return the CCA similarity of one pair."""
    x, y = pair.x.whitened, pair.y.whitened
    rho = correlations(pair.canonical)
    neurons = (pair.x.neurons, pair.y.neurons)
    return Similarity(
        **describe(pair, "cca"),
        value=summarise(rho, (x.rank, y.rank), statistic),
        value_all=summarise(rho, neurons, statistic),
        null=null_summary(x.rank, y.rank, pair.n, statistic),
        coefficients=rho,
        rank_x=x.rank,
        rank_y=y.rank,
        status=sample_status(pair, x, y),
        details={"statistic": statistic, "condition_x": x.condition, "condition_y": y.condition},
    )


def summarise(rho: np.ndarray, sizes: tuple[int, int], statistic: str) -> float:
    """Return one number for the correlations of two sides with so many directions."""
    if statistic not in STATISTICS:
        raise ArgumentError(f"statistic is {statistic!r}; choose one of {', '.join(STATISTICS)}")
    if statistic == "mean":
        return float(rho.sum() / min(sizes))
    divisor = min(sizes) if statistic == "mean_squared" else np.sqrt(sizes[0] * sizes[1])
    return float((rho**2).sum() / divisor)


def null_summary(rank_x: int, rank_y: int, n: int, statistic: str) -> float:
    """Return what `summarise` gives for independent layers."""
    if statistic == "mean":
        return null_mean_correlation(rank_x, rank_y, n)
    squared = null_mean_squared(rank_x, rank_y, n)
    if statistic == "mean_squared":
        return squared
    return squared * min(rank_x, rank_y) / float(np.sqrt(rank_x * rank_y))


CCA = Measure(
    name="cca",
    compute=compute_cca,
    invariant_x=LINEAR,
    invariant_y=LINEAR,
    symmetric=True,
    needs_samples="xy",
)
