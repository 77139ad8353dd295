"""Data sets in NumPy's `.npz` format."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from regions.errors import DataError
from regions.training import source

_KEYS = ("X_train", "y_train", "X_test", "y_test")


def read_npz(path: Path) -> source.Source:
    """Read `X_train, y_train, X_test, y_test` and, if present, `class_names`; never pickles."""
    try:
        _check_size(path)
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            missing = [key for key in _KEYS if key not in archive.files]
            if missing:
                raise DataError(
                    f"{path.name}: arrays {missing} are missing; it has {archive.files}"
                )
            arrays = {key: archive[key] for key in _KEYS}
            names = archive["class_names"] if "class_names" in archive.files else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path.name} cannot be read as an .npz file without pickles: {error}"
        ) from error
    return source.Source.checked(
        path.stem,
        _channels_first(path.name, arrays["X_train"]),
        arrays["y_train"],
        _channels_first(path.name, arrays["X_test"]),
        arrays["y_test"],
        [path],
        None if names is None else [str(name) for name in names.tolist()],
    )


def _check_size(path: Path) -> None:
    """Refuse an archive that unpacks to more than the limit, before unpacking it."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > source.MAX_BYTES:
        raise DataError(f"{path.name} unpacks to {size} bytes; the limit is {source.MAX_BYTES}")


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
