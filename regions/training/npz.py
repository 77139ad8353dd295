"""Data sets in NumPy's `.npz` format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regions import files
from regions.errors import DataError
from regions.training import source

_KEYS = ("X_train", "y_train", "X_test", "y_test")


def read_npz(path: Path) -> source.Source:
    """Read `X_train, y_train, X_test, y_test` and, if present, `class_names`; never pickles."""
    keras = [key.lower() for key in _KEYS]
    given = files.read_npz(
        path,
        ".npz file without pickles",
        limit=source.MAX_BYTES,
        names=(*_KEYS, *keras, "class_names"),
    )
    other = dict(zip(keras, _KEYS, strict=True))  # as Keras names them
    arrays = {other.get(key, key): value for key, value in given.items()}
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise DataError(f"{path.name}: arrays {missing} are missing; it has {[*arrays]}")
    names = arrays.get("class_names")
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise DataError(f"{path.name}: class_names has shape {names.shape} and type {names.dtype}")
    return source.Source.checked(
        path.stem,
        _channels_first(path.name, arrays["X_train"]),
        arrays["y_train"],
        _channels_first(path.name, arrays["X_test"]),
        arrays["y_test"],
        [path],
        None if names is None else [str(name) for name in names.tolist()],
    )


def _channels_first(name: str, images: np.ndarray) -> np.ndarray:
    """Return (count, channels, height, width), or (count, features) unchanged."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim != 4:
        return images
    if images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    if images.shape[1] in (1, 3):
        return images
    raise DataError(f"{name}: images of shape {images.shape[1:]}; expected 1 or 3 channels")
