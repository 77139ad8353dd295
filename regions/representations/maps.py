"""What a sample is in a convolutional layer: positions, images, or frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from regions.arguments import as_numbers, check_whole
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.representations.rows import is_dense

MODES = ("spatial", "gap", "flatten", "resize", "dft")


def map_rows(
    maps: Any,
    mode: str = "spatial",
    *,
    size: tuple[int, int] | None = None,
    positions: np.ndarray | None = None,
) -> Any:
    """Return the (samples, neurons) form of a layer's output for a batch of images.

    Parameters
    ----------
    maps
        Tensor (images, channels, height, width), (images, tokens, features) or
        (images, features); the last is returned as it is. A NumPy array stays one.
    mode
        "spatial": positions are samples, channels are neurons (tokens likewise). Positions of
        one image depend on each other: analytic nulls are too low.
        "gap": the mean over positions, one sample per image.
        "flatten": every channel at every position is a neuron; needs many more images than
        neurons, or a measure for few samples (CKA, Procrustes).
        "resize": positions after average pooling to `size`, for layers of unequal resolution.
        "dft": the maps themselves, for `dft_similarity`.
    size
        Height and width for "resize".
    positions
        Indices of the positions to keep in "spatial" and "resize"; the same for both networks.

    Examples
    --------
    >>> maps = np.arange(24.0).reshape(1, 3, 2, 4)
    >>> map_rows(maps).shape, map_rows(maps, "gap").shape, map_rows(maps, "flatten").shape
    ((8, 3), (1, 3), (1, 24))
    """
    check_name("mode", mode, MODES)
    maps = maps if is_dense(maps) else as_numbers(maps, "maps")
    count = int(np.prod(maps.shape[2:] if maps.ndim == 4 else maps.shape[1:2]))
    _check_places(size, positions, count)
    if maps.ndim == 2 or mode == "dft":
        return maps
    if mode == "flatten" and maps.ndim:
        return maps.reshape(len(maps), -1)
    if maps.ndim == 3:  # tokens: features are already last
        tokens = maps if positions is None else maps[:, positions]
        return maps.mean(1) if mode == "gap" else tokens.reshape(-1, maps.shape[2])
    if maps.ndim != 4:
        raise ArgumentError(
            f"a layer's output has shape {tuple(maps.shape)}; expected (images, features), "
            "(images, tokens, features) or (images, channels, height, width); "
            "use mode='flatten' or a `select` function"
        )
    if mode == "gap":
        return maps.mean((2, 3))
    maps = _pooled(maps, size) if mode == "resize" and size is not None else maps
    flat = maps.reshape(*maps.shape[:2], -1)
    flat = flat if positions is None else flat[:, :, positions]
    return flat.swapaxes(1, 2).reshape(-1, maps.shape[1])


def choose_positions(count: int, limit: int | None, rng: Rng) -> np.ndarray | None:
    """Return a sorted random choice of `limit` positions of `count`; None for all."""
    if limit is None or check_whole(limit, "max_positions") >= count:
        return None
    return np.sort(np.random.default_rng(rng).choice(count, size=limit, replace=False))


def _check_places(size: Any, positions: Any, count: int) -> None:
    if size is not None:
        if not isinstance(size, (tuple, list, torch.Size)) or len(size) != 2:
            raise ArgumentError(f"size is {size!r}; expected a height and a width")
        for side in size:
            check_whole(side, "size")
    if positions is not None:
        places = as_numbers(positions, "positions", "indices of positions")
        whole = places.ndim == 1 and places.dtype.kind in "iu" and len(places) > 0
        if not whole or places.min() < 0 or (size is None and places.max() >= count):
            raise ArgumentError(
                f"positions has shape {places.shape} and type {places.dtype}; expected indices of "
                f"the {count} positions, such as [0, {count - 1}]"
            )


def _pooled(maps: Any, size: tuple[int, int]) -> Any:
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    tensor = torch.as_tensor(maps)
    pooled = torch.nn.functional.adaptive_avg_pool2d(tensor, size)
    return pooled.numpy() if isinstance(maps, np.ndarray) else pooled
