"""Singular vector CCA (Raghu et al. 2017): CCA of the directions that hold the variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.cca import null_summary, summarise
from regions.representations.factor import Factor
from regions.representations.measure import (
    ORTHOGONAL,
    Measure,
    correlations,
    describe,
    judge,
    sample_status,
)
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity


def svcca(
    X: Any,
    Y: Any,
    threshold: float = 0.99,
    *,
    n_components: int | tuple[int, int] | None = None,
    statistic: str = "mean",
) -> Similarity:
    """Return SVCCA: the mean correlation of the two leading principal subspaces.

    Each side keeps the smallest m with sum_{i<=m} s_i^2 >= threshold * sum_i s_i^2, for the
    singular values s of its centred activations; then CCA of the kept directions. `rank_x` and
    `rank_y` of the result are the two m: pruning lowers them, and fewer directions raise a mean.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples.
    threshold
        Share of the variance to keep; 1.0 keeps the numerical rank, which is CCA.
    n_components
        Keep so many directions instead (at most the rank); one number, or one per side.
    statistic
        As in `cca`.

    Raises
    ------
    ArgumentError
        For bad input, or as many live neurons as samples.

    Notes
    -----
    Raghu et al., SVCCA, 2017 (arXiv 1706.05806).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 5)) * [10, 9, 8, 0.1, 0.1]
    >>> result = svcca(X, X + 0.1 * rng.standard_normal((500, 5)))
    >>> result.rank_x, round(result.value, 3)
    (3, 1.0)
    """
    return judge(
        SVCCA,
        pair_of(X, Y),
        threshold=threshold,
        n_components=n_components,
        statistic=statistic,
    )


def compute_svcca(
    pair: Pair,
    *,
    threshold: float = 0.99,
    n_components: int | tuple[int, int] | None = None,
    statistic: str = "mean",
) -> Similarity:
    """Return the SVCCA similarity of one pair."""
    full_x, full_y = pair.x.principal, pair.y.principal
    counts = n_components if isinstance(n_components, tuple) else (n_components, n_components)
    x = full_x.keep(kept(full_x, threshold, counts[0]))
    y = full_y.keep(kept(full_y, threshold, counts[1]))
    rho = correlations(pair.align(x, y))
    return Similarity(
        **describe(pair, "svcca"),
        value=summarise(rho, (x.rank, y.rank), statistic),
        value_all=summarise(rho, (pair.x.neurons, pair.y.neurons), statistic),
        null=null_summary(x.rank, y.rank, pair.n, statistic),
        coefficients=rho,
        rank_x=x.rank,
        rank_y=y.rank,
        status=sample_status(pair, x, y),
        details={
            "statistic": statistic,
            "threshold": threshold if n_components is None else None,
            "n_components": n_components,
            "full_rank_x": full_x.rank,
            "full_rank_y": full_y.rank,
            "condition_x": x.condition,
            "condition_y": y.condition,
        },
    )


def kept(factor: Factor, threshold: float, n_components: int | None) -> int:
    """Return how many of a side's principal directions stay."""
    if n_components is not None:
        if n_components < 1:
            raise ArgumentError(f"n_components is {n_components}; expected at least 1")
        return min(int(n_components), factor.rank)
    if not 0 < threshold <= 1:
        raise ArgumentError(f"threshold is {threshold}; expected a share of variance in (0, 1]")
    if threshold == 1:
        return factor.rank
    shares = np.cumsum(factor.values**2) / np.sum(factor.values**2)
    return min(int(np.searchsorted(shares, threshold * (1 - 1e-12))) + 1, factor.rank)


SVCCA = Measure(
    name="svcca",
    compute=compute_svcca,
    invariant_x=ORTHOGONAL,
    invariant_y=ORTHOGONAL,
    symmetric=True,
    needs_samples="xy",
)
