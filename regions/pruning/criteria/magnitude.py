"""Magnitude: a weight's score is its absolute value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.pruning.criterion import Criterion, Request


@dataclass(frozen=True)
class Magnitude(Criterion):
    """|w| for every weight (LeCun, Denker and Solla 1990 call it the usual baseline)."""

    name = "magnitude"

    def __call__(self, request: Request) -> dict[str, np.ndarray]:
        return {name: np.abs(weight) for name, weight in request.weights.items()}
