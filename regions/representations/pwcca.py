"""Projection weighted CCA (Morcos et al. 2018): correlations weighted by what they explain."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.cca import null_summary
from regions.representations.measure import LINEAR, Measure, describe, judge, sample_status
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity

SIDES = ("x", "y", "smaller", "mean")


def pwcca(X: Any, Y: Any, side: str = "smaller") -> Similarity:
    """Return PWCCA: canonical correlations weighted by one side's neurons.

    With canonical variates h_i (orthonormal) of the weighted side and its centred neurons x_j:
    alpha_i = sum_j |<h_i, x_j>|, normalised to sum 1; the value is sum_i alpha_i rho_i.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples; more samples than neurons.
    side
        Whose neurons weigh: "x", "y", "smaller" (fewer live neurons; x if equal) or "mean" of
        both values. The two sides can differ a lot: name the side with the number.

    Notes
    -----
    Invariant to invertible linear maps of the other side, but not to rotations of its own.
    Morcos, Raghu, Bengio 2018 (arXiv 1806.05759).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((300, 3))
    >>> round(pwcca(X, X[:, :2]).value, 6)
    1.0
    """
    return judge(PWCCA, pair_of(X, Y), side=side)


def compute_pwcca(pair: Pair, *, side: str = "smaller") -> Similarity:
    """Return the PWCCA similarity of one pair."""
    if side not in SIDES:
        raise ArgumentError(f"side is {side!r}; choose one of {', '.join(SIDES)}")
    if side == "smaller":
        side = "x" if len(pair.x.live) <= len(pair.y.live) else "y"
    x, y = pair.x.whitened, pair.y.whitened
    left, rho, right = np.linalg.svd(pair.canonical, full_matrices=False)
    rho = np.clip(rho, 0.0, 1.0)
    weights = {
        "x": _weights(pair.x, left),
        "y": _weights(pair.y, right.conj().T),
    }
    used = [weights[name] for name in ("x", "y") if side in (name, "mean")]
    value = float(np.mean([weight @ rho for weight in used]))
    return Similarity(
        **describe(pair, "pwcca"),
        value=value,
        value_all=value,
        null=null_summary(x.rank, y.rank, pair.n, "mean"),
        coefficients=rho,
        rank_x=x.rank,
        rank_y=y.rank,
        status=sample_status(pair, x, y),
        details={
            "side": side,
            "weights": np.mean(used, axis=0),
            "condition_x": x.condition,
            "condition_y": y.condition,
        },
    )


def _weights(layer: Any, directions: np.ndarray) -> np.ndarray:
    """Return alpha: directions (rank, k) in the layer's whitened basis, summed over neurons."""
    factor = layer.whitened
    neurons = factor.values[:, None] * factor.axes.conj().T * factor.scale  # Q^H X
    alpha = np.abs(directions.conj().T @ neurons).sum(axis=1)
    return alpha / alpha.sum()


_OTHER_SIDE = LINEAR
_OWN_SIDE = frozenset({"shift", "scale"})

PWCCA = Measure(
    name="pwcca",
    compute=compute_pwcca,
    invariant_x=_OWN_SIDE,
    invariant_y=_OWN_SIDE,
    symmetric=False,
    needs_samples="xy",
)
PWCCA_X = Measure(
    name="pwcca",
    compute=compute_pwcca,
    invariant_x=_OWN_SIDE,
    invariant_y=_OTHER_SIDE,
    symmetric=False,
    needs_samples="xy",
    options={"side": "x"},
)
