"""CIFAR-10 and CIFAR-100 in their binary version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regions import files
from regions.errors import DataError
from regions.training import source

_SHAPE = (3, 32, 32)
_BYTES = 3 * 32 * 32


def read_cifar(folder: Path) -> source.Source | None:
    """Read a folder of CIFAR's binary version, or return None if it is something else."""
    if (folder / "test_batch.bin").exists() or (folder / "data_batch_1.bin").exists():
        train = [folder / f"data_batch_{number}.bin" for number in range(1, 6)]
        return _read(folder, train, folder / "test_batch.bin", 10, 1, "batches.meta.txt")
    if (folder / "train.bin").exists() or (folder / "test.bin").exists():
        train = [folder / "train.bin"]
        return _read(folder, train, folder / "test.bin", 100, 2, "fine_label_names.txt")
    if (folder / "data_batch_1").exists() or (folder / "train").is_file():
        raise DataError(
            f"{folder} holds the pickled ('python') version of CIFAR; download the binary version"
        )
    return None


def _read(
    folder: Path, train: list[Path], test: Path, classes: int, label_bytes: int, names: str
) -> source.Source:
    """Read records of `label_bytes` labels (the last one counts) and one image each."""
    parts = [_records(path, label_bytes) for path in [*train, test]]
    images = [part[:, label_bytes:].reshape(-1, *_SHAPE) for part in parts]
    labels = [part[:, label_bytes - 1].astype(np.int64) for part in parts]
    return source.Source.checked(
        f"cifar{classes}",
        np.concatenate(images[:-1]),
        np.concatenate(labels[:-1]),
        images[-1],
        labels[-1],
        [*train, test],
        _names(folder / names, classes),
    )


def _records(path: Path, label_bytes: int) -> np.ndarray:
    size = label_bytes + _BYTES
    content = np.frombuffer(files.read_bytes(path, source.MAX_BYTES), dtype=np.uint8)
    length = len(content)
    if length == 0 or length % size:
        raise DataError(
            f"{path.name} has {length} bytes; expected a multiple of {size}: {label_bytes} of "
            f"label and {_BYTES} of image per record"
        )
    return content.reshape(-1, size)


def _names(path: Path, classes: int) -> list[str]:
    if not path.exists():
        return [str(number) for number in range(classes)]
    with files.guarded(path, "list of class names"):
        text = files.read_bytes(path, 2**20).decode()
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if len(names) != classes:
        raise DataError(f"{path.name} names {len(names)} classes; expected {classes}")
    return names
