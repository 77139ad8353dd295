"""Which reader a file or folder needs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from regions.choices import meant
from regions.errors import DataError
from regions.training.cifar import read_cifar
from regions.training.idx import read_idx
from regions.training.npz import read_npz
from regions.training.source import Source


def read_source(path: Path, names: Collection[str] = ()) -> Source:
    """Read a file or folder of a known format; `names` are what else may have been meant.

    Raises
    ------
    DataError
        If the path is missing, of no known format, or its content is not what it should be.
    """
    if not path.exists():
        listed = "".join(f"{name!r}, " for name in names)
        near = meant([path], [*names])
        raise DataError(f"{path} does not exist; give {listed}an .npz file or a folder{near}")
    if path.is_file():
        if path.suffix != ".npz":
            raise DataError(
                f"{path.name} is no .npz file; known are .npz files, folders of IDX files and "
                "folders of the binary version of CIFAR (files with pickled objects are not read)"
            )
        return read_npz(path)
    for reader in (read_cifar, read_idx):
        found = reader(path)
        if found is not None:
            return found
    raise DataError(
        f"folder {path} holds neither IDX files (train-images-idx3-ubyte, ..) nor the binary "
        "version of CIFAR (data_batch_1.bin, .. or train.bin)"
    )
