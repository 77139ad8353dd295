"""Moves whose places follow from a few numbers: sliding windows, and the pairs of a knockout.

The maximum of k values is found in rounds, in which the slots of a first axis meet in pairs: one
ReLU unit per pair says which of the two is larger (`regions.networks.pieces`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar, Literal

import numpy as np

from regions.networks.geometry import Shape, joint_places, of_channels, window_reads
from regions.networks.steps import Move

Part = Literal["first", "second", "ahead", "padded"]


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
        return of_channels(spatial_places(self), self.shape[1], self.sides).ravel()


def spatial_places(step: Window) -> np.ndarray:
    """Return the place within one channel that each slot sees, (slots, *positions), or -1."""
    rest = (step.shape[2:], step.kernel, step.stride, step.padding, step.dilation)
    axes = zip(step.sides, *rest, strict=True)
    return joint_places(step.sides, [window_reads(*numbers) for numbers in axes])


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
