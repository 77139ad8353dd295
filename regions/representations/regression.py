"""Linear regression: how much of one representation the other predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.representations.measure import (
    LINEAR,
    ORTHOGONAL,
    Measure,
    describe,
    judge,
    sample_status,
)
from regions.representations.null import null_mean_squared
from regions.representations.pair import Pair, pair_of
from regions.representations.rows import host
from regions.representations.similarity import Similarity


def regression_r2(X: Any, Y: Any) -> Similarity:
    """Return the share of Y's variance that a linear regression on X explains.

    R^2 = |Q_x^T Y|_F^2 / |Y|_F^2 of the centred activations, with Q_x an orthonormal basis of
    X's columns. Directed: from X to Y.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples; X has fewer neurons than
        samples.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> round(regression_r2(X, X[:, :1] ** 3 + X[:, 1:2]).value, 2)
    0.66
    """
    return judge(REGRESSION_R2, pair_of(X, Y))


def compute_regression(pair: Pair) -> Similarity:
    """Return the R^2 of Y on X for one pair."""
    x = pair.x.whitened
    if x.basis is None:
        explained = x.whitener.conj().T @ pair.cross
    else:
        explained = x.basis.conj().T @ host(pair.y.rows)
    value = min(1.0, float(np.linalg.norm(explained)) ** 2 / pair.y.total)
    return Similarity(
        **describe(pair, "regression_r2"),
        value=value,
        value_all=value,
        null=null_mean_squared(x.rank, 1, pair.n),
        rank_x=x.rank,
        rank_y=min(len(pair.y.live), pair.n - 1),
        status=sample_status(pair, x, x),
        details={"condition_x": x.condition},
    )


REGRESSION_R2 = Measure(
    name="regression_r2",
    compute=compute_regression,
    invariant_x=LINEAR,
    invariant_y=ORTHOGONAL,
    symmetric=False,
    needs_samples="x",
)
