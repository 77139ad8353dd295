"""Moves whose places follow from a few numbers: shifts, sliding windows, pairs of a knockout.

The maximum of k values is found in rounds, in which the slots of a first axis meet in pairs: one
ReLU unit per pair says which of the two is larger (`regions.networks.pieces`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from regions.networks.geometry import Shape, joint_places, of_channels, window_reads
from regions.networks.steps import Move

Part = Literal["first", "second", "ahead", "padded"]


@dataclass(frozen=True, kw_only=True)
class Shift(Move):
    """Scalar k copies scalar k + `shift` of `length`, or nothing: a slice, or part of a longer run.

    What is concatenated is a sum of such parts, of as many numbers as there are values.
    """

    kind: ClassVar[str] = "shift"
    shift: int
    length: int

    @property
    def places(self) -> np.ndarray:
        """The index as an array."""
        index = np.arange(self.size) + self.shift
        return np.where((index >= 0) & (index < self.length), index, -1)

    @property
    def zeros(self) -> np.ndarray:
        """The output scalars that copy nothing."""
        return np.flatnonzero(self.places < 0)

    def linear(self, values: list[Any], parameters: Mapping[str, Any]) -> Any:
        flat = values[0].reshape(len(values[0]), -1)
        if not isinstance(flat, np.ndarray):
            from torch.nn import functional

            moved = functional.pad(flat, (-self.shift, self.size - self.length + self.shift))
            return moved.reshape(len(flat), *self.shape)
        moved = np.zeros((len(flat), self.size), dtype=flat.dtype)
        there = slice(max(0, -self.shift), min(self.size, self.length - self.shift))
        moved[:, there] = flat[:, there.start + self.shift : there.stop + self.shift]
        return moved.reshape(len(flat), *self.shape)


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
