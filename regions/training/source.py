"""Raw images and labels from files: one reader per format, the same checks for all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regions.errors import DataError

MAX_BYTES = 2**32  # of unpacked data; ImageNet-sized files belong to other tools


@dataclass(frozen=True, eq=False)
class Source:
    """Images (count, *shape) and labels (count,) as the files hold them."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    digest: str

    @classmethod
    def checked(
        cls,
        name: str,
        train_images: np.ndarray,
        train_labels: np.ndarray,
        test_images: np.ndarray,
        test_labels: np.ndarray,
        hashed: Iterable[np.ndarray | Path],
        class_names: Sequence[str] | None = None,
    ) -> Source:
        """Return a source whose parts fit together, or say what does not."""
        train_labels, test_labels = _flat(train_labels), _flat(test_labels)
        size = train_images.size + test_images.size
        if 4 * size > MAX_BYTES:
            raise DataError(
                f"{name}: {size} numbers take {4 * size} bytes as float32; the limit is {MAX_BYTES}"
            )
        _check_part(f"{name}: training part", train_images, train_labels)
        _check_part(f"{name}: test part", test_images, test_labels)
        if train_images.shape[1:] != test_images.shape[1:]:
            raise DataError(
                f"{name}: training images are {train_images.shape[1:]}, test images "
                f"{test_images.shape[1:]}; expected the same shape"
            )
        present = np.unique(train_labels)
        given = range(len(present)) if class_names is None else class_names
        # before anything is built that has one entry per class: a label may be any number
        _check_classes(name, present, test_labels, class_names)
        names = list(map(str, given))
        digest = _digest(hashed)
        return cls(name, train_images, train_labels, test_images, test_labels, tuple(names), digest)


def _flat(labels: np.ndarray) -> np.ndarray:
    """Return labels of shape (count, 1), as some data sets have them, as (count,)."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _check_part(what: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.ndim < 2 or 0 in images.shape or images.dtype.kind not in "uifb":
        raise DataError(
            f"{what}: images have shape {images.shape} and type {images.dtype}; expected numbers "
            "of shape (count, height, width), (count, height, width, channels) or (count, features)"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise DataError(
            f"{what}: labels have shape {labels.shape} and type {labels.dtype}; expected integers "
            "of shape (count,)"
        )
    if len(images) != len(labels):
        raise DataError(f"{what}: {len(images)} images but {len(labels)} labels")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise DataError(f"{what}: the images hold NaN or infinite values")


def _check_classes(
    name: str, present: np.ndarray, test: np.ndarray, class_names: Sequence[str] | None
) -> None:
    low, high = min(int(present[0]), int(test.min())), max(int(present[-1]), int(test.max()))
    classes = int(present[-1]) + 1 if class_names is None else len(class_names)
    if low < 0 or high >= classes:
        raise DataError(f"{name}: labels run from {low} to {high}; expected 0 to {classes - 1}")
    if len(present) < classes:
        gap = np.flatnonzero(present != np.arange(len(present)))
        absent = int(gap[0]) if gap.size else len(present)
        raise DataError(
            f"{name}: no training image has label {absent}; classes must be 0, 1, .. {classes - 1}"
        )


def _digest(parts: Iterable[np.ndarray | Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        else:
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
