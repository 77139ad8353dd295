"""Images with labels, split into training, validation and test parts that never mix."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regions.errors import ArgumentError, DataError
from regions.randomness import Rng
from regions.results import Result
from regions.training.arrays import read_torch
from regions.training.formats import read_source
from regions.training.source import Source

Standardise = Literal["channel", "pixel"]
# scikit-learn's digits under two names, by how many of the 1,797 images are the test part
DIGITS = {"digits": 360, "digits-half": 900}


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Inputs, float32 of shape (images, *image_shape), and labels, int64 of shape (images,).

    Examples
    --------
    >>> import numpy as np
    >>> len(Split(inputs=np.zeros((5, 1, 8, 8), "float32"), labels=np.zeros(5, int)))
    5
    """

    inputs: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, np.shape(self.inputs)[1:]))
        return f"Split({len(self)} inputs of {shape})"

    def sample(self, count: int, rng: Rng = 0) -> Split:
        """Return `count` images drawn by `rng`, each class in proportion (all if there are fewer).

        >>> load_data("digits").train.sample(100).inputs.shape
        (100, 1, 8, 8)
        """
        if count < 1:
            raise ArgumentError(f"{count} images were asked for; expected 1 or more")
        size = min(count, len(self))
        chosen, _ = split_by_class(self.labels, size, np.random.default_rng(rng))
        return Split(self.inputs[chosen], self.labels[chosen])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DataSet(Result):
    """A data set whose parts are kept apart.

    Inputs are standardised by mean and standard deviation of the training part alone.

    Attributes
    ----------
    train, validation, test
        The parts; fit on `train`, choose on `validation`, report on `test`.
    class_names
        One per class, in the order of the labels.
    image_shape
        (channels, height, width), or (features,) for data that are no images.
    mean, sd
        What was subtracted and divided by, broadcastable to `image_shape`.
    source_hash
        SHA-256 of the files the data came from.

    Examples
    --------
    >>> from regions.training import load_data
    >>> data = load_data("digits")
    >>> data.name, data.image_shape, len(data.test)
    ('digits', (1, 8, 8), 360)
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    mean: np.ndarray = field(repr=False)
    sd: np.ndarray = field(repr=False)
    source_hash: str

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def summary(self) -> str:
        """Return a sentence on what the data set holds."""
        shape = "x".join(map(str, self.image_shape))
        return (
            f"{self.name}: {self.classes} classes, inputs of {shape}; {len(self.train)} training, "
            f"{len(self.validation)} validation and {len(self.test)} test images."
        )


def load_data(
    source: str | os.PathLike | tuple[Any, Any] = "digits",
    *,
    validation: float = 0.1,
    limit: int | None = None,
    standardise: Standardise = "channel",
    rng: Rng = 0,
) -> DataSet:
    """Load images and split them into training, validation and test parts.

    Parameters
    ----------
    source
        "digits" (1,797 images of 8x8, from scikit-learn; a fixed fifth is the test part) or
        "digits-half" (a fixed half of them, 90 a class, as tests of recall need), or the path of an
        `.npz` file with `X_train, y_train, X_test, y_test` (and `class_names`), of a folder with
        the four IDX files of MNIST and its relatives (gzipped or not), or of a folder with the
        *binary* version of CIFAR-10 or CIFAR-100. The test part is the files' own. Keras' names
        (x_train, ...) are read too. Or a pair (training, test) of torch Datasets or DataLoaders.
    validation
        Fraction of the training images set aside, each class in proportion; 0 for none.
    limit
        Use at most so many of the training images (validation included), drawn by `rng`, each
        class in proportion.
    standardise
        "channel": one mean and standard deviation per channel (per data set where there are no
        channels); "pixel": one per input (constant inputs become 0).
    rng
        Draws the validation images.

    Raises
    ------
    DataError
        If a file is missing, truncated, mislabelled, oversized or holds pickled objects.
    ArgumentError
        If an option is out of range.

    Examples
    --------
    >>> data = load_data("digits")
    >>> data.image_shape, data.classes, len(data.train), len(data.validation), len(data.test)
    ((1, 8, 8), 10, 1293, 144, 360)
    """
    if not 0 <= validation < 1:
        raise ArgumentError(f"validation is {validation}; expected a fraction in [0, 1)")
    if limit is not None and limit < 1:
        raise ArgumentError(f"limit is {limit}; expected 1 or more training images, or None")
    if standardise not in ("channel", "pixel"):
        raise ArgumentError(f"standardise is {standardise!r}; choose 'channel' or 'pixel'")
    raw = _raw(source)
    generator = np.random.default_rng(rng)
    chosen = np.arange(len(raw.train_labels))
    if limit is not None and limit < len(chosen):
        chosen, _ = split_by_class(raw.train_labels, limit, generator)
    count = round(validation * len(chosen))
    aside, rest = split_by_class(raw.train_labels[chosen], count, generator)
    return _standardised(raw, chosen[rest], chosen[aside], standardise)


def _raw(source: str | os.PathLike | tuple[Any, Any]) -> Source:
    if isinstance(source, (tuple, list)):
        if len(source) != 2:
            raise ArgumentError(f"{len(source)} data sets were given; expected (training, test)")
        return read_torch(*source)
    if not isinstance(source, (str, os.PathLike)):
        raise ArgumentError(
            f"the data are {type(source).__name__}; expected the name of a data set, the path of a "
            "file or folder, or a pair (training, test) of torch Datasets or DataLoaders"
        )
    if isinstance(source, str) and source in DIGITS:
        return _digits(source)
    return read_source(Path(source), DIGITS)


def split_by_class(
    labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` sorted positions with each class in proportion, and all other positions.

    Each class gives its share rounded down; the classes with the largest remainders give one more.
    """
    if not 0 <= count <= len(labels):
        raise ArgumentError(f"cannot draw {count} of {len(labels)} images")
    sizes = np.bincount(labels)
    shares = sizes * count / max(len(labels), 1)
    take = np.floor(shares).astype(int)
    largest = np.argsort(take - shares, kind="stable")[: count - take.sum()]
    take[largest] += 1
    drawn = [
        rng.permutation(np.flatnonzero(labels == label))[:number]
        for label, number in enumerate(take)
    ]
    inside = np.sort(np.concatenate(drawn)).astype(int)
    return inside, np.setdiff1d(np.arange(len(labels)), inside)


def _standardised(
    raw: Source, train: np.ndarray, validation: np.ndarray, how: Standardise
) -> DataSet:
    if len(train) == 0:
        raise DataError(f"{raw.name}: no training images are left")
    with np.errstate(over="ignore", invalid="ignore"):
        images = raw.train_images[train].astype(np.float32)
        mean, sd = _moments(images, how)

    def split(part: np.ndarray, labels: np.ndarray) -> Split:
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (part.astype(np.float32) - mean) / sd
        if not np.isfinite(scaled).all():
            raise DataError(f"{raw.name}: the images leave the range of float32; rescale them")
        return Split(scaled, labels.astype(np.int64))

    return DataSet(
        name=raw.name,
        train=split(images, raw.train_labels[train]),
        validation=split(raw.train_images[validation], raw.train_labels[validation]),
        test=split(raw.test_images, raw.test_labels),
        class_names=raw.class_names,
        image_shape=raw.train_images.shape[1:],
        mean=mean,
        sd=sd,
        source_hash=raw.digest,
    )


def _moments(images: np.ndarray, how: Standardise) -> tuple[np.ndarray, np.ndarray]:
    channels = how == "channel"
    axes = (0,) if not channels else (0, 2, 3) if images.ndim == 4 else tuple(range(images.ndim))
    mean = images.mean(axis=axes, keepdims=True, dtype=np.float64)[0]
    sd = images.std(axis=axes, keepdims=True, dtype=np.float64)[0]
    sd = sd.astype(np.float32)
    return mean.astype(np.float32), np.where(sd > 0, sd, np.float32(1.0))


def _digits(name: str) -> Source:
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    images = np.asarray(inputs, dtype=np.uint8).reshape(-1, 1, 8, 8)
    labels = np.asarray(labels, dtype=np.int64)
    test, train = split_by_class(labels, DIGITS[name], np.random.default_rng(0))
    return Source.checked(
        name, images[train], labels[train], images[test], labels[test], [images, labels]
    )
