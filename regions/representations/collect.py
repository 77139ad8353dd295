"""One pass over the inputs: both networks see the same batches, sums are all that is kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch

from regions.errors import ArgumentError
from regions.progress import track
from regions.representations.capture import Select
from regions.representations.extent import Extent
from regions.representations.inputs import batches
from regions.representations.moments import Column, Moments, with_lengths
from regions.representations.plan import Group, Plan, Shapes, make_plan
from regions.representations.readers import open_reader
from regions.representations.rows import as_rows, host
from regions.representations.stored import Stored
from regions.representations.triangle import Triangle

ACCUMULATORS: dict[str, Any] = {"moments": Moments, "tsqr": Triangle, "store": Stored}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How activations are collected; see `compare_layers` for the words."""

    layers: str | Sequence[str] | None = None
    tap: str = "output"
    mode: str = "spatial"
    accumulator: str = "moments"
    grid: bool | None = None
    blocks: int = 0
    permutations: int = 0
    max_positions: int | None = None
    per_position: bool = False
    lengths: bool = False
    batch_size: int = 64
    max_images: int | None = None
    select: Select | None = None
    rng: int = 0
    progress: bool = False


@dataclass(kw_only=True)
class Collected:
    """What is known of one group of layers: sums per block of images, sums of shuffled pairs."""

    group: Group
    columns_x: dict[str, Column] = field(default_factory=dict)
    columns_y: dict[str, Column] = field(default_factory=dict)
    blocks: list[Any] = field(default_factory=list)
    shuffled: list[Any] = field(default_factory=list)
    images: int = 0

    def total(self, without: int | None = None) -> Any:
        """Return the sums over all blocks of images, or all but one."""
        parts = [part for k, part in enumerate(self.blocks) if k != without and part is not None]
        return reduce(add, parts)


def collect(
    dense: Any, pruned: Any, inputs: Any, settings: Settings
) -> tuple[Plan, list[Collected]]:
    """Run both networks over the inputs once and return the plan and what was summed."""
    stream = batches(inputs, settings.batch_size, settings.max_images, settings.rng)
    first = next(stream)
    shapes_x, shapes_y = (_probe(model, first[:2], settings) for model in (dense, pruned))
    grid = _wants_grid(shapes_x, shapes_y, settings)
    positions = settings.max_positions
    plan = make_plan(shapes_x, shapes_y, settings.mode, grid, positions, settings.rng)
    gatherers = [_Gatherer(group, settings) for group in plan.groups]
    with ExitStack() as stack:
        options = (settings.layers, settings.tap, settings.select, plan.rows)
        read_x, read_y = (
            stack.enter_context(open_reader(model, *options)) for model in (dense, pruned)
        )
        everything = itertools.chain([first], stream)
        for batch in track(everything, show=settings.progress, label="batches"):
            seen_x, seen_y = read_x(batch), read_y(batch)
            for gatherer in gatherers:
                gatherer.add(seen_x, seen_y, len(batch))
            seen_x = seen_y = None  # one batch in memory, not two
    return plan, [gatherer.finish() for gatherer in gatherers]


def _probe(model: Any, batch: torch.Tensor, settings: Settings) -> Shapes:
    def keep(_: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    with open_reader(model, settings.layers, settings.tap, settings.select, keep) as read:
        return {name: tuple(tensor.shape[1:]) for name, tensor in read(batch).items()}


def _wants_grid(shapes_x: Shapes, shapes_y: Shapes, settings: Settings) -> bool:
    if settings.mode == "dft":
        return False
    if settings.grid is not None:
        return settings.grid
    flat = settings.mode == "flatten"
    widths = [sum(_width(shape, flat) for shape in side.values()) for side in (shapes_x, shapes_y)]
    return max(widths) <= 1024


def _width(shape: tuple[int, ...], flat: bool) -> int:
    if flat:
        return int(np.prod(shape))
    return shape[0] if len(shape) != 2 else shape[1]


class _Gatherer:
    """Sums of one group of layers, filled batch by batch."""

    def __init__(self, group: Group, settings: Settings) -> None:
        self.settings = settings
        self.collected = Collected(group=group)
        self.blocks: list[Any] = [None] * max(1, settings.blocks)
        self.shuffled: list[Any] = [None] * settings.permutations
        self.extents: tuple[dict, dict] = ({}, {})
        self.origins: tuple[dict, dict] = ({}, {})
        self.images = 0
        self.shifts = np.random.default_rng(settings.rng)

    def add(self, seen_x: Mapping, seen_y: Mapping, images: int) -> None:
        group = self.collected.group
        x = self._side(0, group.names_x, seen_x, images)
        y = self._side(1, group.names_y, seen_y, images)
        for block, part in _split(x.shape[0], len(self.blocks), self.images):
            self._into(self.blocks, block, x[part], y[part])
        for number in range(len(self.shuffled) if images > 1 else 0):
            shift = int(self.shifts.integers(1, images))
            moved = y[np.roll(np.arange(images), shift)]
            self._into(self.shuffled, number, x, moved)
        self.images += images

    def _into(self, sums: list, index: int, x: Any, y: Any) -> None:
        kind = ACCUMULATORS[self.settings.accumulator]
        positions = x.shape[1] if self.settings.per_position else None
        if self.settings.mode != "dft":
            x, y = (side.reshape(-1, side.shape[-1]) for side in (x, y))
        new = kind.of(x, y, positions)
        sums[index] = new if sums[index] is None else sums[index] + new

    def _side(self, side: int, names: Sequence[str], seen: Mapping, images: int) -> Any:
        """Return the group's rows of one side as (images, samples per image, columns)."""
        parts = [self._layer(side, name, seen[name]) for name in names]
        joined = parts[0] if len(parts) == 1 else _concatenate(parts)
        if self.settings.mode == "dft":
            return joined
        return joined.reshape(images, -1, joined.shape[-1])

    def _layer(self, side: int, name: str, values: torch.Tensor) -> Any:
        if self.settings.mode == "dft":
            return _maps(values)
        rows = as_rows(values, name)
        extent = Extent.of(rows, values)
        if not (np.isfinite(extent.low).all() and np.isfinite(extent.high).all()):
            self._refuse(side, name, host(rows))
        known, origins = self.extents[side], self.origins[side]
        known[name] = known[name] | extent if name in known else extent
        if name not in origins:
            origins[name] = rows.mean(0)
        if self.settings.accumulator == "store":
            return rows
        rows = rows - origins[name]
        return with_lengths(rows) if self.settings.lengths else rows

    def _refuse(self, side: int, name: str, rows: np.ndarray) -> None:
        bad = int((~np.isfinite(rows)).sum())
        raise ArgumentError(
            f"layer {name!r} of the {('first', 'second')[side]} network has {bad} NaN or infinite "
            f"activations of {rows.size} in the batch from image {self.images}; expected finite "
            "numbers (did the network diverge, or half precision overflow?)"
        )

    def finish(self) -> Collected:
        if self.settings.blocks and any(block is None for block in self.blocks):
            raise ArgumentError(
                f"{self.images} images cannot fill {len(self.blocks)} blocks; "
                "use fewer blocks or more images"
            )
        found = self.collected
        found.images = self.images
        found.blocks = [block for block in self.blocks if block is not None]
        found.shuffled = [sums for sums in self.shuffled if sums is not None]
        if self.settings.mode != "dft":
            found.columns_x = self._columns(0, found.group.names_x)
            found.columns_y = self._columns(1, found.group.names_y)
        return found

    def _columns(self, side: int, names: Sequence[str]) -> dict[str, Column]:
        columns, start = {}, 0
        lengths = self.settings.lengths and self.settings.accumulator != "store"
        for name in names:
            extent = self.extents[side][name]
            columns[name] = Column(
                name=name, start=start, neurons=len(extent.low), extent=extent, lengths=lengths
            )
            start = columns[name].whole.stop
        return columns


def _split(images: int, blocks: int, start: int) -> Iterator[tuple[int, slice]]:
    """Yield which images of a batch go to which block: image i of all to block i mod blocks."""
    for block in range(blocks):
        first = (block - start) % blocks
        if first < images:
            yield block, slice(first, None, blocks)


def _maps(values: torch.Tensor) -> np.ndarray:
    maps = values.detach().cpu().double().numpy()
    return maps.reshape(*maps.shape, 1, 1) if maps.ndim == 2 else maps


def _concatenate(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=1)
    return torch.cat(parts, dim=1)
