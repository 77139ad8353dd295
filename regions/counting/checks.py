"""What engines ask of their options."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks import ReLUNetwork
from regions.networks.pieces import Pieces


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, of any type but bool."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, of any type but bool, and not NaN."""
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    return real and value == value


def check_whole(engine: Any, *names: str) -> None:
    """Raise ArgumentError unless fields of an engine are whole numbers of at least 1."""
    for name in names:
        value = getattr(engine, name)
        if not (is_whole(value) and value >= 1):
            raise ArgumentError(f"{name} is {value!r}; expected a whole number of at least 1")


def check_two_pieces(net: ReLUNetwork, what: str) -> None:
    """Raise UnsupportedModelError for networks with maxima of more than two values."""
    maxima = Pieces(net.graph).maxima
    if maxima:
        raise UnsupportedModelError(
            f"{what} knows units of two pieces, and this network takes maxima of up to "
            f"{max(layer.slots[0] for layer in maxima)} values (max pooling, maxout); count its "
            "regions with method 'line', 'plane', 'cells' or 'sample', or kind='linear'"
        )


def check_confidence(engine: Any) -> None:
    """Raise ArgumentError unless the confidence of an engine lies between 0 and 1."""
    value = engine.confidence
    if not (is_number(value) and 0.0 < value < 1.0):
        raise ArgumentError(f"confidence is {value!r}; expected a number between 0 and 1")


def generator_of(rng: Any) -> np.random.Generator:
    """Return the generator that `rng` means; ArgumentError if it means none."""
    if rng is None or isinstance(rng, np.random.Generator) or (is_whole(rng) and rng >= 0):
        return np.random.default_rng(rng)
    raise ArgumentError(
        f"rng is {rng!r}; expected a whole number of at least 0, a numpy Generator, or None"
    )
