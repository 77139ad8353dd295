"""Orthogonal Procrustes: how well one representation rotates onto the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.representations.measure import Measure, judge, result_of
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
    Ding et al. 2021 (arXiv 2108.01661); Williams et al. 2021 (arXiv 2110.14739). `null` is a
    mean over seeded orthogonal blocks, within about 1 %.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> rotated = X[:, [1, 2, 0]]
    >>> round(procrustes(X, rotated).value, 6)
    1.0
    """
    return judge(Procrustes(kind), pair_of(X, Y))


@dataclass(frozen=True)
class Procrustes(Measure):
    """How well one layer rotates onto the other, as a measure of a pair of layers.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> round(Procrustes()(pair_of(X, 2 * X)).value, 6)
    1.0
    """

    kind: str = "similarity"
    """"similarity", "squared_distance" or "angular_distance", as in `procrustes`."""

    def __post_init__(self) -> None:
        check_name("kind", self.kind, KINDS)

    @property
    def name(self) -> str:
        return "procrustes" if self.kind == "similarity" else f"procrustes_{self.kind}"

    def similarity(self, pair: Pair) -> Similarity:
        size = np.sqrt(pair.x.total * pair.y.total)
        nuclear = float(np.linalg.svd(pair.cross, compute_uv=False).sum() / size)
        return result_of(pair, self.name, self._transformed(min(1.0, nuclear)))

    def independent(self, pair: Pair, found: Similarity) -> float:
        x, y = pair.x.principal, pair.y.principal
        return self._transformed(null_nuclear(x.values, y.values, pair.n))

    def _transformed(self, similarity: float) -> float:
        if self.kind == "similarity":
            return similarity
        squared = self.kind == "squared_distance"
        return 2 - 2 * similarity if squared else float(np.arccos(similarity))
