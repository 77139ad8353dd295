"""Random: every set of weights of the demanded size is equally likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.pruning.criterion import Criterion, Request


@dataclass(frozen=True)
class Random(Criterion):
    """Scores in random order, comparable between layers of any size."""

    name = "random"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        return {name: request.rng.random(weight.shape) for name, weight in request.weights.items()}
