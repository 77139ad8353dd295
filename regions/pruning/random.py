"""Random: every set of weights of the demanded size is equally likely."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request


def random(request: Request) -> dict[str, np.ndarray]:
    """Return scores in random order, comparable between layers of any size."""
    return {name: request.rng.random(weight.shape) for name, weight in request.weights.items()}
