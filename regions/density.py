"""A density: the fraction of weights that is kept."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from regions.errors import ArgumentError


def check_density(density: Any, what: str = "density", *, empty: bool = False) -> float:
    """Return `density` as a float, or refuse it: above 0 (or 0 too, if `empty`) and at most 1.

    Examples
    --------
    >>> check_density(1), check_density(0, empty=True)
    (1.0, 0.0)
    """
    number = isinstance(density, Real) and not isinstance(density, (bool, np.bool_))
    if not number or not (0.0 < float(density) <= 1.0 or (empty and density == 0)):
        least = "at least 0" if empty else "above 0"
        raise ArgumentError(
            f"{what} must be a fraction of weights kept, {least} and at most 1; got {density!r}"
        )
    return float(density)
