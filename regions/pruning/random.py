"""Random: every set of weights of the demanded size is equally likely."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request


def random(request: Request) -> dict[str, np.ndarray]:
    """Return scores in random order, without ties."""
    return {
        name: request.rng.permutation(weight.size).reshape(weight.shape).astype(float)
        for name, weight in request.weights.items()
    }
