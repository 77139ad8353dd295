"""Where regions are counted: planes through test images, and lines between classes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from regions.errors import DataError, DomainError
from regions.networks import Box, Slice
from regions.training import DataSet

_TRIES = 100


def pixel_box(data: DataSet) -> Box:
    """Return the range of the (standardised) pixel values of all images, channel by channel."""
    channels = data.image_shape[0] if len(data.image_shape) == 3 else 1
    parts = [part.inputs for part in (data.train, data.validation, data.test) if len(part)]
    by_channel = [part.reshape(len(part), channels, -1) for part in parts]

    def ends(extreme: Callable) -> np.ndarray:
        values = extreme([extreme(part, axis=(0, 2)) for part in by_channel], axis=0)
        return np.repeat(np.asarray(values, dtype=float), by_channel[0].shape[2])

    low, high = ends(np.min), ends(np.max)
    return Box(low, np.where(high > low, high, low + 1.0))  # a channel may be constant


def draw_planes(data: DataSet, box: Box, count: int, rng: np.random.Generator) -> list[Slice]:
    """Return planes through three test images, of three classes where there are as many.

    Each is the part of the plane inside `box`.

    Raises
    ------
    DataError
        If the test images are so alike that no three of them span a plane.
    """
    classes = np.unique(data.test.labels)

    def draw() -> Slice:
        chosen = rng.choice(classes, 3, replace=len(classes) < 3)
        return Slice.through(_images(data, chosen, rng), box=box)

    return [_try(draw, "three test images that span a plane") for _ in range(count)]


def draw_lines(data: DataSet, count: int, rng: np.random.Generator) -> list[Slice]:
    """Return segments between two test images of different classes, all pairs of classes in turn.

    Raises
    ------
    DataError
        If the test images have one class only, or are all the same.
    """
    pairs = rng.permutation(list(combinations(np.unique(data.test.labels), 2)))
    if len(pairs) == 0:
        raise DataError(f"{data.name}: the test images have one class only; lines join two")

    def draw(pair: np.ndarray) -> Slice:
        return Slice.through(_images(data, pair, rng))

    chosen = [pairs[index % len(pairs)] for index in range(count)]
    return [_try(lambda p=pair: draw(p), "two different test images") for pair in chosen]


def _images(data: DataSet, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = [rng.choice(np.flatnonzero(data.test.labels == label)) for label in classes]
    return data.test.inputs[rows].reshape(len(rows), -1).astype(float)


def _try(draw: Callable[[], Slice], wanted: str) -> Any:
    """Draw again where images coincide or lie on one line."""
    for _ in range(_TRIES):
        try:
            return draw()
        except DomainError:
            continue
    raise DataError(f"no {wanted} were found in {_TRIES} draws; the images may be all alike")
