"""What masks and repaired parameters must satisfy, with errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from regions.errors import ArgumentError


def as_mask(name: Any, array: Any) -> np.ndarray:
    """Return a read-only boolean copy of a mask, or refuse it."""
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"a mask's key must be a layer name, got {name!r}")
    if hasattr(array, "detach"):
        array = array.detach().cpu().numpy()
    try:
        values = np.asarray(array)
        kept = values.astype(bool)
        valid = values.dtype.kind in "biuf" and bool((values == kept).all())
    except (TypeError, ValueError):
        valid = False
    if not valid or values.ndim < 2 or values.size == 0:
        raise ArgumentError(
            f"mask {name!r} must be a boolean (or 0/1) array of the weight's shape, with two or "
            f"more axes and at least one entry; got {_describe(array)}"
        )
    frozen = np.array(kept, dtype=bool, order="C")
    frozen.flags.writeable = False
    return frozen


def as_parameter(name: str, value: Any, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a read-only float64 copy of a repaired parameter, or refuse it."""
    layer, _, kind = str(name).rpartition(".")
    try:
        frozen = np.array(value, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"repaired parameter {name!r} is no array of numbers") from error
    shape = arrays[layer].shape if layer in arrays and kind in ("weight", "bias") else None
    expected = shape if kind == "weight" or shape is None else shape[:1]
    if expected is None or frozen.shape != expected or not np.isfinite(frozen).all():
        raise ArgumentError(
            f"repaired parameter {name!r} has shape {frozen.shape}; expected the finite .weight or "
            f".bias of one of the layers { {n: a.shape for n, a in arrays.items()} }"
        )
    frozen.flags.writeable = False
    return frozen


def _describe(array: Any) -> str:
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is None:
        return f"{array!r:.60}"
    return f"shape {tuple(shape)}, dtype {dtype} (entries other than 0 and 1 are not allowed)"
