"""Projection weighted CCA (Morcos et al. 2018): correlations weighted by what they explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from regions.choices import check_name
from regions.representations.layer import Layer
from regions.representations.measure import LINEAR, Measure, judge, result_of, sample_status
from regions.representations.null import null_mean_correlation
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity

SIDES = ("x", "y", "smaller", "mean")
_OWN_SIDE = frozenset({"shift", "scale"})


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
    return judge(PWCCA(side), pair_of(X, Y))


@dataclass(frozen=True)
class PWCCA(Measure):
    """Correlations weighted by one side's neurons, as a measure of a pair of layers.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> round(PWCCA(side="mean")(pair_of(X, 2 * X)).value, 6)
    1.0
    """

    name: ClassVar[str] = "pwcca"
    symmetric: ClassVar[bool] = False
    needs_samples: ClassVar[str] = "xy"
    without_interval: ClassVar[str] = (
        "the weights of pwcca are absolute values, whose bias falls too slowly for a jackknife to "
        "take out: its intervals held the truth in 46 to 73 % of samples of 400 images where "
        "they promise 95; ask for cka or procrustes"
    )

    side: str = "smaller"
    """Whose neurons weigh: "x", "y", "smaller" (fewer live neurons; x if equal) or "mean"."""

    def __post_init__(self) -> None:
        check_name("side", self.side, SIDES)

    @property
    def invariant_x(self) -> frozenset[str]:
        return LINEAR if self.side == "y" else _OWN_SIDE

    @property
    def invariant_y(self) -> frozenset[str]:
        return LINEAR if self.side == "x" else _OWN_SIDE

    def similarity(self, pair: Pair) -> Similarity:
        side = self.side
        if side == "smaller":
            side = "x" if len(pair.x.live) <= len(pair.y.live) else "y"
        x, y = pair.x.whitened, pair.y.whitened
        left, rho, right = np.linalg.svd(pair.canonical, full_matrices=False)
        rho = np.clip(rho, 0.0, 1.0)
        sides = {"x": (pair.x, left), "y": (pair.y, right.conj().T)}
        used = [_weights(*sides[name]) for name in sides if side in (name, "mean")]
        return result_of(
            pair,
            self.name,
            float(np.mean([weight @ rho for weight in used])),
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

    def independent(self, pair: Pair, found: Similarity) -> float:
        return null_mean_correlation(found.rank_x, found.rank_y, pair.n)


def _weights(layer: Layer, directions: np.ndarray) -> np.ndarray:
    """Return alpha: directions (rank, k) in the layer's whitened basis, summed over neurons."""
    factor = layer.whitened
    neurons = factor.values[:, None] * factor.axes.conj().T * factor.scale  # Q^H X
    alpha = np.abs(directions.conj().T @ neurons).sum(axis=1)
    return alpha / alpha.sum()
