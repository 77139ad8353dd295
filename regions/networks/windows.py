"""Moves whose places follow from a few numbers: sliding windows, and the pairs of a knockout.

The maximum of k values is found in rounds, in which the slots of a first axis meet in pairs: one
ReLU unit per pair says which of the two is larger (`regions.networks.pieces`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from regions.networks.steps import Move, Shape

Part = Literal["first", "second", "ahead", "padded"]


def _reads(side: int, count: int, kernel: int, stride: int, padding: int, dilation: int) -> Any:
    """Return what windows see along one axis, (kernel, positions); -1 in the padding."""
    reads = dilation * np.arange(kernel)[:, None] + stride * np.arange(count) - padding
    return np.where((reads >= 0) & (reads < side), reads, -1)


@dataclass(frozen=True, kw_only=True)
class Window(Move):
    """The values that sliding windows see: (slots, channels, *positions); zero in the padding."""

    kind: ClassVar[str] = "window"
    sides: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    @cached_property
    def places(self) -> np.ndarray:
        seen = spatial_places(self)[:, None]
        shifts = np.arange(self.shape[1]).reshape(1, -1, *([1] * len(self.sides)))
        return np.where(seen < 0, -1, seen + shifts * prod(self.sides)).ravel()


def spatial_places(step: Window) -> np.ndarray:
    """Return the place within one channel that each slot sees, (slots, *positions), or -1."""
    geometry = (step.sides, step.shape[2:], step.kernel, step.stride, step.padding, step.dilation)
    return joint_places(step.sides, [_reads(*numbers) for numbers in zip(*geometry, strict=True)])


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


@dataclass(frozen=True, kw_only=True)
class Pairs(Move):
    """Some of the slots on the first axis, which meet in pairs: 0 and 1, 2 and 3, ...

    Parts are the "first" and the "second" of each full pair (zero where one is absent), who is
    "ahead" before they meet (the first, or the only one there), and what they gave, "padded" with
    zeros for a last slot without partner.
    """

    kind: ClassVar[str] = "pairs"
    part: Part
    slots: int
    absent: tuple[int, ...] = ()  # in the order (slots, *positions); the same for all channels

    @property
    def present(self) -> np.ndarray:
        """Which slots are there, (slots, 1, *positions)."""
        found = np.ones((self.slots, prod(self.shape[2:])), bool)
        found.reshape(-1)[list(self.absent)] = False
        return found.reshape(self.slots, *([1] * (len(self.shape) > 1)), *self.shape[2:])

    @cached_property
    def places(self) -> np.ndarray:
        each = self.shape[1:]
        if self.part == "padded":
            flat = np.arange(self.size)
            return np.where(flat < (self.slots // 2) * prod(each), flat, -1)
        index = np.arange(self.slots * prod(each)).reshape(self.slots, *each)
        present = np.broadcast_to(self.present, index.shape)
        full = 2 * (self.slots // 2)
        if self.part != "ahead":
            both = present[0:full:2] & present[1:full:2]
            return np.where(both, index[int(self.part == "second") : full : 2], -1).ravel()
        ahead, there = index[0::2].copy(), present[0::2]
        others = index[1::2]
        ahead[: len(others)] = np.where(there[: len(others)], ahead[: len(others)], others)
        return ahead.ravel()
