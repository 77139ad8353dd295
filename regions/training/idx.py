"""Data sets in the IDX format of MNIST, Fashion-MNIST, KMNIST and EMNIST."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from regions import files
from regions.errors import DataError
from regions.training import source

_PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_UNSIGNED_BYTE = 8


def read_idx(folder: Path) -> source.Source | None:
    """Read the four IDX files of a folder, or return None if it has none of them."""
    found = {part: _find(folder, part) for part in _PARTS}
    if not any(found.values()):
        return None
    missing = [part for part, path in found.items() if path is None]
    if missing:
        raise DataError(f"{folder}: the files {missing} (-idx?-ubyte, .gz or not) are missing")
    paths = [path for path in found.values() if path is not None]
    axes = (3, 1, 3, 1)
    arrays = [read_idx_file(path, count) for path, count in zip(paths, axes, strict=True)]
    return source.Source.checked(
        folder.name, arrays[0][:, None], arrays[1], arrays[2][:, None], arrays[3], paths
    )


def _find(folder: Path, part: str) -> Path | None:
    found = sorted(folder.glob(f"{part}?idx?-ubyte")) or sorted(
        folder.glob(f"{part}?idx?-ubyte.gz")
    )
    return found[0] if found else None


def read_idx_file(path: Path, axes: int) -> np.ndarray:
    """Read one IDX file of unsigned bytes with so many axes.

    Raises
    ------
    DataError
        If the magic number is another, or the size is not what the header says.
    """
    files.check_file(path, 2 * files.ARRAY_BYTES)
    # no byte of a packed file gives more than 1032: nothing is made room for that cannot come
    most = path.stat().st_size * (1032 if path.suffix == ".gz" else 1)
    with files.guarded(path, "IDX file"):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            header = stream.read(4 + 4 * axes)
            shape = _shape(path, header, axes)
            content = stream.read(min(math.prod(shape), most) + 1)
    if len(content) != math.prod(shape):
        size = math.prod(shape)
        has = f"only {len(content)}" if len(content) < size else "more"
        raise DataError(f"{path.name} announces {shape}, {size} bytes of data; it has {has}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, axes: int) -> tuple[int, ...]:
    expected = bytes([0, 0, _UNSIGNED_BYTE, axes])
    if header[:4] != expected:
        raise DataError(
            f"{path.name} starts with {header[:4].hex()}; expected {expected.hex()}, an IDX file "
            f"of unsigned bytes with {axes} axes"
        )
    if len(header) < 4 + 4 * axes:
        raise DataError(f"{path.name} ends inside its header")
    shape = struct.unpack(f">{axes}I", header[4:])
    if math.prod(shape) > source.MAX_BYTES:
        raise DataError(f"{path.name} announces {shape}; the limit is {source.MAX_BYTES} bytes")
    return shape
