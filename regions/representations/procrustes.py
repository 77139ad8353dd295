"""Orthogonal Procrustes: how well one representation rotates onto the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.measure import ORTHOGONAL, Measure, describe, judge
from regions.representations.null import null_nuclear
from regions.representations.pair import Pair, pair_of
from regions.representations.similarity import Similarity

KINDS = ("similarity", "squared_distance", "angular_distance")


def procrustes(X: Any, Y: Any, *, kind: str = "similarity") -> Similarity:
    """Return the Procrustes similarity of two representations, or a distance made of it.

    F = |X^T Y|_* / (|X|_F |Y|_F) of the centred activations, in [0, 1]; it equals the
    normalised Bures similarity (NBS) of the two linear kernels.

    Parameters
    ----------
    X, Y
        (samples, neurons) arrays or tensors over the same samples; neurons may exceed samples.
    kind
        "similarity": F. "squared_distance": 2 - 2 F, the squared Procrustes distance of the
        normalised activations. "angular_distance": arccos F, a metric.

    Notes
    -----
    Ding et al. 2021 (arXiv 2108.01661); Williams et al. 2021 (arXiv 2110.14739). `null` is one
    seeded draw.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> rotated = X[:, [1, 2, 0]]
    >>> round(procrustes(X, rotated).value, 6)
    1.0
    """
    return judge(PROCRUSTES, pair_of(X, Y), kind=kind)


def compute_procrustes(pair: Pair, *, kind: str = "similarity") -> Similarity:
    """Return the Procrustes similarity or distance of one pair."""
    size = np.sqrt(pair.x.total * pair.y.total)
    similarity = min(1.0, float(np.linalg.svd(pair.cross, compute_uv=False).sum() / size))
    null = null_nuclear(pair.x.principal.values, pair.y.principal.values, pair.n)
    value = _transform(similarity, kind)
    return Similarity(
        **describe(pair, "procrustes" if kind == "similarity" else f"procrustes_{kind}"),
        value=value,
        value_all=value,
        null=_transform(null, kind),
        rank_x=min(len(pair.x.live), pair.n - 1),
        rank_y=min(len(pair.y.live), pair.n - 1),
    )


def _transform(similarity: float, kind: str) -> float:
    if kind not in KINDS:
        raise ArgumentError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    if kind == "similarity":
        return similarity
    return 2 - 2 * similarity if kind == "squared_distance" else float(np.arccos(similarity))


PROCRUSTES = Measure(
    name="procrustes",
    compute=compute_procrustes,
    invariant_x=ORTHOGONAL,
    invariant_y=ORTHOGONAL,
    symmetric=True,
)
