"""Checks of single arguments, each with an error that names the argument."""

from __future__ import annotations

import sys
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

from regions.errors import ArgumentError

_LARGEST = sys.float_info.max  # whole numbers can be larger


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, of any type but bool."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, of any type but bool, and not NaN."""
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    return real and value == value


def check_whole(value: Any, name: str, least: int = 1, most: int | None = None) -> int:
    """Return a whole number of at least `least`, or raise an ArgumentError that names it."""
    if not (is_whole(value) and value >= least and (most is None or value <= most)):
        end = "" if most is None else f" and at most {most}"
        raise ArgumentError(
            f"{name} is {value!r}; expected a whole number of at least {least}{end}"
        )
    return int(value)


def check_number(
    value: Any,
    name: str,
    *,
    above: float = -inf,
    least: float = -inf,
    below: float = inf,
    most: float = inf,
) -> float:
    """Return a finite number within limits as a float, or raise an ArgumentError that names it."""
    inside = is_number(value) and abs(value) <= _LARGEST and above < value < below
    if not (inside and least <= value <= most):
        limits = (("above", above), ("of at least", least), ("below", below), ("of at most", most))
        said = " and ".join(f"{word} {limit:g}" for word, limit in limits if abs(limit) < inf)
        raise ArgumentError(f"{name} is {value!r}; expected a finite number {said}".rstrip())
    return float(value)


def check_reals(values: Any, name: str) -> np.ndarray:
    """Return finite real numbers in float64, or raise an ArgumentError that names them."""
    array = as_numbers(values, name)
    if np.iscomplexobj(array):
        raise ArgumentError(f"{name} holds complex numbers; expected real ones")
    array = array.astype(np.float64)
    if bad := int(array.size - np.isfinite(array).sum()):
        raise ArgumentError(f"{name} holds {bad} NaN or infinite value(s) of {array.size}")
    return array


def check_numbers(values: Any, name: str, *, least: float = -inf, most: float = inf) -> np.ndarray:
    """Return a float array of one axis or more, or raise an ArgumentError that names it."""
    array = check_reals(values, name)
    if not (array.ndim and array.size):
        raise ArgumentError(
            f"{name} is {repr(values)[:80]}; expected an array of at least one number"
        )
    wrong = (array < least) | (array > most)
    if wrong.any():
        limits = (("at least", least), ("at most", most))
        said = "".join(f", {word} {limit:g}" for word, limit in limits if abs(limit) < inf)
        raise ArgumentError(f"{name} holds {array[wrong][0]}; expected finite numbers{said}")
    return array


def check_flag(value: Any, name: str) -> bool:
    """Return True or False, or raise an ArgumentError that names the argument."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name} is {value!r}; expected True or False")
    return bool(value)


def check_confidence(value: Any, name: str = "confidence") -> None:
    """Raise ArgumentError unless a confidence lies between 0 and 1."""
    if not (is_number(value) and 0.0 < value < 1.0):
        raise ArgumentError(f"{name} is {value!r}; expected a number between 0 and 1")


def check_time_limit(limit: Any) -> None:
    """Raise ArgumentError unless a time limit is a number of seconds above 0, or None."""
    if limit is not None and not (is_number(limit) and limit > 0):
        raise ArgumentError(
            f"time_limit is {limit!r}; expected a number of seconds above 0, or None"
        )


def check_unmasked(values: Any, name: str) -> None:
    """Raise ArgumentError if masked arrays, also in lists, hide entries that would be taken."""
    parts = values if isinstance(values, (list, tuple)) else [values]
    masked = [part for part in parts if isinstance(part, np.ma.MaskedArray)]
    if count := sum(int(np.ma.count_masked(part)) for part in masked):
        raise ArgumentError(
            f"{name} is a masked array with {count} masked entries, which cannot be left out one "
            "by one; leave out whole samples (rows), models or classes, or fill them in"
        )
    for part in parts if parts is values else ():
        if isinstance(part, (list, tuple)):
            check_unmasked(part, name)


def as_numbers(values: Any, name: str, expected: str = "an array or tensor of numbers") -> Any:
    """Return a NumPy array of the numbers in an array or tensor, or raise an ArgumentError.

    Refuses what NumPy would read as numbers but no caller means: masked entries, text, dates,
    sparse tensors and tensors without values.
    """
    check_unmasked(values, name)
    try:
        array = np.asarray(_plain(values) if hasattr(values, "detach") else values)
        text = array.dtype == object and any(isinstance(x, _NO_NUMBERS) for x in array.flat)
        if array.dtype.kind not in "biufcO" or text:
            raise TypeError
        return array.astype(float) if array.dtype == object else array
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ArgumentError(
            f"{name} is a {type(values).__name__} that is no numeric array; expected {expected}"
        ) from error


_NO_NUMBERS = (str, bytes, type(None))


def _plain(tensor: Any) -> Any:
    """Return a tensor of any device in a type that NumPy knows."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    return tensor.double() if tensor.is_floating_point() else tensor
