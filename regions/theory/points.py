"""Reading of the points that kernels compare."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.arguments import check_reals, is_whole
from regions.errors import ArgumentError
from regions.randomness import generator_of


def read_generator(rng: Any) -> np.random.Generator:
    """Return the generator that `rng` means; several whole numbers are a seed, too."""
    several = isinstance(rng, (list, tuple)) and len(rng) > 0
    if several and all(is_whole(number) and number >= 0 for number in rng):
        return np.random.default_rng(rng)
    return generator_of(rng)


def read_points(name: str, points: Any) -> tuple[np.ndarray, bool]:
    """Return finite points in float64 with a batch axis, and whether it was a single vector."""
    array = check_reals(points, name)
    if array.ndim == 0 or array.size == 0:
        raise ArgumentError(
            f"{name} has shape {array.shape}; expected one vector (n0,) or points (rows, ...)"
        )
    return np.atleast_2d(array), array.ndim == 1


def squeeze_kernel(kernel: np.ndarray, single_x: bool, single_y: bool) -> Any:
    """Drop the axis of each argument that was a single vector; a float if both were."""
    axes = tuple(axis for axis, single in enumerate((single_x, single_y)) if single)
    out = kernel.squeeze(axis=axes)
    return out if out.ndim else float(out)
