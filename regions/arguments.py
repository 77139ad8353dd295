"""Checks of single arguments, each with an error that names the argument."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from regions.errors import ArgumentError


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, of any type but bool."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, of any type but bool, and not NaN."""
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    return real and value == value


def check_whole(value: Any, name: str, least: int = 1) -> int:
    """Return a whole number of at least `least`, or raise an ArgumentError that names it."""
    if not (is_whole(value) and value >= least):
        raise ArgumentError(f"{name} is {value!r}; expected a whole number of at least {least}")
    return int(value)


def check_confidence(value: Any) -> None:
    """Raise ArgumentError unless a confidence lies between 0 and 1."""
    if not (is_number(value) and 0.0 < value < 1.0):
        raise ArgumentError(f"confidence is {value!r}; expected a number between 0 and 1")


def check_time_limit(limit: Any) -> None:
    """Raise ArgumentError unless a time limit is a number of seconds above 0, or None."""
    if limit is not None and not (is_number(limit) and limit > 0):
        raise ArgumentError(
            f"time_limit is {limit!r}; expected a number of seconds above 0, or None"
        )
