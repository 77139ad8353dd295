"""Checks of single arguments, each with an error that names the argument."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from regions.errors import ArgumentError


def check_count(value: object, name: str) -> int:
    """Return a positive integer, or raise an `ArgumentError` that names the argument."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, got {value!r}.")
    return int(value)


def check_seed(rng: object) -> None:
    """Raise an `ArgumentError` unless `rng` is a seed, a Generator or None."""
    seed = isinstance(rng, Integral) and not isinstance(rng, bool) and int(rng) >= 0
    if not (seed or rng is None or isinstance(rng, np.random.Generator)):
        raise ArgumentError(
            f"rng must be a whole number of at least 0, a numpy Generator or None, got {rng!r}."
        )
