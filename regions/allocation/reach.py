"""What the best weights of one layer connect, as a function of how many are kept.

Units are laid out as (channels, positions). Channels that are complete need no look at single
weights: a unit is reached as soon as the first weight is kept that any tap brings to its position,
and these first places are found once, whatever count is asked for later. Where channels are not
complete, they are grouped by the pattern of their positions, of which there are few; kept weights
then join patterns, and positions are only looked at pattern by pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from regions.networks.steps import Conv, Linear, Shape


@dataclass(frozen=True)
class Places:
    """One layer's weights in their order: channel that is written, channel that is read, tap."""

    rows: np.ndarray
    cols: np.ndarray
    taps: np.ndarray

    @classmethod
    def of(cls, order: np.ndarray, shape: Shape, groups: int) -> Places:
        """Return the weights at these flat indices of an array of this shape."""
        rows, rest = np.divmod(order, prod(shape[1:]))
        cols, taps = np.divmod(rest, prod(shape[2:]))
        cols += rows // (shape[0] // groups) * shape[1]
        return cls(*(index.astype(np.int32) for index in (rows, cols, taps)))


@dataclass(frozen=True, eq=False)
class Reach:
    """One use of a layer.

    Attributes
    ----------
    places : Places
        Its weights, best first.
    seen : array of shape (taps, positions)
        Which position each tap reads at each position written, -1 for padding.
    written, read : tuple of int
        Shapes of the values that it gives and takes.
    axis : int
        Which of their axes is that of channels, the first (0) or the last (-1).
    """

    places: Places
    seen: np.ndarray
    written: Shape
    read: Shape
    axis: int

    @classmethod
    def of(cls, places: Places, step: Linear | Conv, read: Shape) -> Reach:
        """Return the reach of a step that takes values of shape `read`."""
        if isinstance(step, Linear):
            return cls(places, np.arange(prod(read[:-1]))[None], step.shape, read, -1)
        return cls(places, step.taps((1, *read[1:])), step.shape, read, 0)

    @cached_property
    def _hit(self) -> np.ndarray:
        """Which positions each tap reads at all: (taps, positions read)."""
        hit = np.zeros((len(self.seen), prod(self.read) // self.read[self.axis]), dtype=bool)
        for positions, tap in zip(hit, self.seen, strict=True):
            positions[tap[tap >= 0]] = True
        return hit

    @cached_property
    def _fed_from(self) -> tuple[np.ndarray, np.ndarray]:
        return self._thresholds(self.places.rows, self.written[self.axis], self.seen >= 0)

    @cached_property
    def _feeding_from(self) -> tuple[np.ndarray, np.ndarray]:
        return self._thresholds(self.places.cols, self.read[self.axis], self._hit)

    def _thresholds(
        self, channel: np.ndarray, channels: int, met: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the count at which each channel reaches each class of positions, and the classes.

        Positions that are met by the same taps are of one class.
        """
        never, taps = channel.size, len(met)
        first = np.full(channels * taps, never)
        key = channel[::-1].astype(np.int64) * taps + self.places.taps[::-1]
        first[key] = np.arange(never)[::-1]  # the last assignment is the first place
        first = first.reshape(channels, taps)
        kinds, class_of = np.unique(met, axis=1, return_inverse=True)
        from_count = np.full((channels, kinds.shape[1]), never)
        for index, kind in enumerate(kinds.T):
            if kind.any():
                from_count[:, index] = first[:, kind].min(axis=1)
        return from_count, class_of.ravel()

    @cached_property
    def _complete_from(self) -> tuple[int, int]:
        """The counts above which units written and read are all connected to complete others."""
        return int(self._fed_from[0].max()), int(self._feeding_from[0].max())

    @cached_property
    def _is_used(self) -> bool:
        """Whether each tap meets an input at some position."""
        return bool((self.seen >= 0).any(axis=1).all())

    def fed(self, inputs: np.ndarray | None, count: int) -> np.ndarray | None:
        """Return which units are reached from `inputs`; None stands for all of them."""
        if inputs is None:
            complete = count > self._complete_from[0]
            return None if complete else self._by_threshold(*self._fed_from, count, self.written)
        pattern, kinds = _patterns(self._by_channel(inputs))
        seen = pattern[self.places.cols[:count]]
        return self._joined(self.places.rows, seen, self._shown(kinds), self.written)

    def feeding(self, outputs: np.ndarray | None, count: int) -> np.ndarray | None:
        """Return which units lead to `outputs`; None stands for all of them."""
        if outputs is None:
            complete = count > self._complete_from[1]
            return None if complete else self._by_threshold(*self._feeding_from, count, self.read)
        pattern, kinds = _patterns(self._by_channel(outputs))
        back = np.zeros((len(kinds), *self._hit.shape), dtype=np.float32)
        for index, tap in enumerate(self.seen):
            back[:, index, tap[tap >= 0]] = kinds[:, tap >= 0]
        back = back.reshape(-1, back.shape[-1])
        return self._joined(self.places.cols, pattern[self.places.rows[:count]], back, self.read)

    def effective(
        self, inputs: np.ndarray | None, outputs: np.ndarray | None, count: int
    ) -> np.ndarray | None:
        """Return which of the first `count` weights lead from `inputs` to `outputs` anywhere.

        None stands for all of them.
        """
        if inputs is None and outputs is None and self._is_used:
            return None
        if inputs is None:
            inputs = np.ones(self.read, dtype=bool)
        if outputs is None:
            outputs = np.ones(self.written, dtype=bool)
        above, wanted = _patterns(self._by_channel(outputs))
        below, given = _patterns(self._by_channel(inputs))
        meet = wanted.astype(np.float32) @ self._shown(given).T > 0
        rows, cols, taps = (
            index[:count] for index in (self.places.rows, self.places.cols, self.places.taps)
        )
        return meet[above[rows], below[cols] * len(self.seen) + taps]

    def _shown(self, kinds: np.ndarray) -> np.ndarray:
        """Return what each tap sees of each pattern: (patterns * taps, positions written)."""
        padded = np.concatenate([kinds, np.zeros((len(kinds), 1), dtype=bool)], axis=1)
        return padded[:, self.seen].reshape(-1, self.seen.shape[1]).astype(np.float32)

    def _joined(
        self, channel: np.ndarray, pattern: np.ndarray, shown: np.ndarray, shape: Shape
    ) -> np.ndarray | None:
        """Return the units that any weight shows to its channel."""
        count = len(pattern)
        useful = shown.any(axis=1)
        has = np.zeros((shape[self.axis], len(shown)), dtype=np.float32)
        has[channel[:count], pattern * len(self.seen) + self.places.taps[:count]] = 1.0
        reached = has[:, useful] @ shown[useful] > 0
        return None if reached.all() else self._as_values(reached, shape)

    def _by_threshold(
        self, from_count: np.ndarray, class_of: np.ndarray, count: int, shape: Shape
    ) -> np.ndarray:
        return self._as_values((from_count < count)[:, class_of], shape)

    def _by_channel(self, units: np.ndarray) -> np.ndarray:
        """Return values as (channels, positions)."""
        return np.moveaxis(units, self.axis, 0).reshape(units.shape[self.axis], -1)

    def _as_values(self, units: np.ndarray, shape: Shape) -> np.ndarray:
        if self.axis == 0:
            return units.reshape(shape)
        return np.ascontiguousarray(units.T).reshape(shape)


def _patterns(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each channel's pattern, and the patterns."""
    packed = np.packbits(units, axis=1)
    as_one = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, where, number = np.unique(as_one, return_index=True, return_inverse=True)
    return number.ravel(), units[where]
