"""Canonical correlation analysis (Hotelling 1936): invariant to every invertible linear map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regions.errors import ArgumentError
from regions.representations.correlations import check_statistic, correlated, null_summary
from regions.representations.heldout import held_out_cca
from regions.representations.measure import LINEAR, Measure, judge
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity


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
        Number of folds, of at least 10 rows each, for held-out correlations: directions are
        fitted on the other folds and correlated on each fold, so that independent layers score
        about 0 at any size.
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
    if cv is None and groups is not None:
        raise ArgumentError("groups is given without cv; give the number of folds, such as cv=2")
    if cv is not None:
        return held_out_cca(X, Y, folds=cv, groups=groups, statistic=statistic)
    return judge(CCA(statistic), pair_of(X, Y))


@dataclass(frozen=True)
class CCA(Measure):
    """The mean canonical correlation, as a measure of a pair of layers.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> round(CCA("mean_squared")(pair_of(X, 2 * X)).value, 6)
    1.0
    """

    name: ClassVar[str] = "cca"
    invariant_x: ClassVar[frozenset[str]] = LINEAR
    invariant_y: ClassVar[frozenset[str]] = LINEAR
    needs_samples: ClassVar[str] = "xy"
    without_interval: ClassVar[str] = (
        "cca counts directions that hardly vary, or on few images, like any other: jackknife "
        "intervals held the truth in 73 to 83 % of samples of 400 to 2,000 images on layers of "
        "perceptrons where they promise 95; ask for cka or procrustes"
    )

    statistic: str = "mean"
    """How the correlations are summed up: "mean", "mean_squared" or "yanai", as in `cca`."""

    def __post_init__(self) -> None:
        check_statistic(self.statistic)

    @property
    def exact_null(self) -> bool:
        return self.statistic != "mean"

    def similarity(self, pair: Pair) -> Similarity:
        return correlated(pair, self.name, pair.x.whitened, pair.y.whitened, self.statistic)

    def independent(self, pair: Pair, found: Similarity) -> float:
        return null_summary(found.rank_x, found.rank_y, pair.n, self.statistic)
