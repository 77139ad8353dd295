"""What sliding windows see: places of a grid, by position."""

from __future__ import annotations

from math import prod

import numpy as np

Shape = tuple[int, ...]


def window_counts(
    sides: Shape, kernel: Shape, ceil_mode: bool, stride: Shape, padding: Shape, dilation: Shape
) -> Shape:
    """Return how many positions windows have along each axis, as torch has it."""
    counts = []
    for n, k, s, p, d in zip(sides, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1  # the last window starts in the padding
        counts.append(count)
    return tuple(counts)


def window_reads(
    side: int, count: int, kernel: int, stride: int, padding: int, dilation: int
) -> np.ndarray:
    """Return what windows see along one axis, (kernel, positions); -1 in the padding."""
    reads = dilation * np.arange(kernel)[:, None] + stride * np.arange(count) - padding
    return np.where((reads >= 0) & (reads < side), reads, -1)


def adaptive_reads(sides: Shape, counts: Shape) -> list[np.ndarray]:
    """Return what adaptive windows see along each axis, (taps, positions); -1 where they end.

    Window i of m over n values goes from floor(i n / m) to ceil((i + 1) n / m).
    """
    reads = []
    for side, count in zip(sides, counts, strict=True):
        at = np.arange(count)
        starts, ends = at * side // count, -(-(at + 1) * side // count)
        taps = starts + np.arange((ends - starts).max())[:, None]
        reads.append(np.where(taps < ends, taps, -1))
    return reads


def joint_places(sides: Shape, reads: list[np.ndarray]) -> np.ndarray:
    """Return the places that windows see, (slots, *positions), or -1, from those along each axis.

    `reads` are (taps, positions), with -1 for what is not there.
    """
    found = np.zeros((1,) * (len(sides) + 1), np.int64)
    for axis, (side, seen) in enumerate(zip(sides, reads, strict=True)):
        shape = [len(seen), *([1] * len(sides))]
        shape[axis + 1] = seen.shape[1]
        row = seen.reshape(1, *shape)
        both = np.where((found[:, None] < 0) | (row < 0), -1, found[:, None] * side + row)
        found = both.reshape(-1, *both.shape[2:])
    return found


def of_channels(spatial: np.ndarray, channels: int, sides: Shape) -> np.ndarray:
    """Return places within one channel as places of all: (slots, channels, *positions), or -1."""
    shifts = np.arange(channels).reshape(1, -1, *([1] * len(sides))) * prod(sides)
    return np.where(spatial[:, None] < 0, -1, spatial[:, None] + shifts)
