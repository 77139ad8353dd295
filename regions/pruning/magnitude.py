"""Magnitude: a weight's score is its absolute value."""

from __future__ import annotations

import numpy as np

from regions.pruning.criteria import Request


def magnitude(request: Request) -> dict[str, np.ndarray]:
    """Return |w| for every weight (LeCun, Denker and Solla 1990 call it the usual baseline)."""
    return {name: np.abs(weight) for name, weight in request.weights.items()}
