"""One pass over the inputs: both networks see the same batches, sums are all that is kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
import torch

from regions.errors import ArgumentError, RegionsError
from regions.progress import track
from regions.representations.capture import names_of
from regions.representations.extent import Column, Extent
from regions.representations.inputs import batches
from regions.representations.moments import Moments, with_lengths
from regions.representations.plan import Group, Plan, Shapes, make_plan
from regions.representations.readers import open_reader
from regions.representations.rows import batch_rows, exponent_of, host, refuse_one_sample, scaled
from regions.representations.settings import ACCUMULATORS, Settings
from regions.representations.stored import Stored

_BATCH, _HELD = 64, 2**30  # images, and bytes of their activations, at a time
_SHUFFLES = 2  # of the images, where positions are samples


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What is known of one group of layers: sums per block of images, sums of shuffled pairs."""

    group: Group
    columns_x: Mapping[str, Column]
    columns_y: Mapping[str, Column]
    blocks: Sequence[Any]
    shuffled: Sequence[Any]

    def total(self, without: int | None = None) -> Any:
        """Return the sums over all blocks of images, or all but one."""
        return reduce(add, [part for k, part in enumerate(self.blocks) if k != without])


class Collection(NamedTuple):
    """What was planned, what was summed group by group, and over how many images."""

    plan: Plan
    groups: list[Collected]
    images: int


def collect(
    dense: Any, pruned: Any, inputs: Any, settings: Settings, lengths: bool = False
) -> Collection:
    """Run both networks over the inputs once; `lengths` keeps those of the samples, too."""
    settings = replace(settings, layers=names_of((dense, pruned), settings.layers))
    stream = batches(inputs, settings.batch_size or _BATCH, settings.max_images, settings.rng)
    first, images = next(stream), 0
    models = {"first": dense, "second": pruned}
    shapes_x, shapes_y = (_probe(models[one], one, first, settings) for one in models)
    plan = make_plan(shapes_x, shapes_y, settings)
    gatherers = [_Gatherer(group, plan, settings, lengths) for group in plan.groups]
    most = _most_images(plan) if settings.batch_size is None else None
    with ExitStack() as stack:
        read_x, read_y = (
            stack.enter_context(open_reader(model, settings, plan.rows))
            for model in (dense, pruned)
        )
        everything = itertools.chain([first], stream)
        for batch in track(everything, show=settings.progress, label="batches"):
            for part in batch.tensor_split(-(-len(batch) // (most or len(batch)))):
                seen_x, seen_y = read_x(part), read_y(part)
                for gatherer in gatherers:
                    gatherer.add(seen_x, seen_y, len(part))
                images += len(part)
                seen_x = seen_y = None  # one batch in memory, not two
    return Collection(plan, [gatherer.finish() for gatherer in gatherers], images)


def _most_images(plan: Plan) -> int:
    """Return how many images' activations in both networks may be held, at least 3."""
    shapes = itertools.chain(plan.shapes_x.items(), plan.shapes_y.items())
    values = sum(plan.rows(name, torch.zeros(1, *shape)).numel() for name, shape in shapes)
    return max(3, _HELD // (8 * values))


def _probe(model: Any, which: str, batch: torch.Tensor, settings: Settings) -> Shapes:
    """Return the shapes of one image's activations, after runs on a few images.

    A second run, on twice as many, tells images from as many time steps.
    """
    few = batch[: 3 if len(batch) > 3 else 2]
    with open_reader(model, settings, lambda _, tensor: tensor) as read:
        try:
            seen, twice = read(few), read(torch.cat([few, few]))
        except RegionsError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise ArgumentError(
                f"the {which} network fails on inputs of shape {tuple(few.shape)} and type "
                f"{str(few.dtype).removeprefix('torch.')}: {error}. Give inputs as the model takes "
                "them, images first"
            ) from error
    for name, images in itertools.product(seen, (len(few), 2 * len(few))):
        tensor = (seen if images == len(few) else twice)[name]
        if len(tensor) != images:
            raise ArgumentError(
                f"layer {name!r} of the {which} network gives activations of {len(tensor)} images "
                f"for {images}, shape {tuple(tensor.shape)} with the images first; recurrent "
                "layers without batch_first=True give (time, images, features). Leave it out by "
                "`layers`, or turn it round by `select`"
            )
    return {name: tuple(tensor.shape[1:]) for name, tensor in seen.items()}


class _Gatherer:
    """Sums of one group of layers, filled batch by batch."""

    def __init__(self, group: Group, plan: Plan, settings: Settings, lengths: bool) -> None:
        self.group, self.settings = group, settings
        self.kind = ACCUMULATORS[settings.accumulator]
        lengths = lengths and self.kind is not Stored
        self.x = _Side("first", group.names_x, plan.shapes_x, self.kind is not Stored, lengths)
        self.y = _Side("second", group.names_y, plan.shapes_y, self.kind is not Stored, lengths)
        self.blocks: list[Any] = [None] * max(1, settings.blocks)
        self.shuffled: list[Any] = [None] * _permutations(group, plan, settings)
        self.images = self.samples = 0
        self.shifts = np.random.default_rng(settings.rng)

    def add(self, seen_x: Mapping, seen_y: Mapping, images: int) -> None:
        x, y = self.x.rows(seen_x, self.images), self.y.rows(seen_y, self.images)
        x, y = (rows.reshape(images, -1, rows.shape[-1]) for rows in (x, y))
        for block, part in _split(images, len(self.blocks), self.images):
            self._into(self.blocks, block, x[part], y[part])
        for number in range(len(self.shuffled) if images > 1 else 0):
            shift = int(self.shifts.integers(1, images))
            self._into(self.shuffled, number, x, y[np.roll(np.arange(images), shift)], True)
        self.images += images
        self.samples += images * x.shape[1]

    def _into(self, sums: list, index: int, x: Any, y: Any, shuffled: bool = False) -> None:
        """Add (images, samples per image, columns) of both sides to one of the sums.

        Of moments a shuffle of whole images changes the products between the sides alone.
        """
        positions = x.shape[1] if self.settings.per_position else None
        x, y = (rows.reshape(-1, rows.shape[-1]) for rows in (x, y))
        cross_only = shuffled and self.kind is Moments
        new = host(x.T @ y) if cross_only else self.kind.of(x, y, positions)
        sums[index] = new if sums[index] is None else sums[index] + new

    def finish(self) -> Collected:
        if self.settings.blocks and any(block is None for block in self.blocks):
            raise ArgumentError(
                f"{self.images} images cannot fill {len(self.blocks)} blocks; "
                "use fewer blocks or more images"
            )
        columns_x, columns_y = self.x.columns(), self.y.columns()
        for column in (*columns_x.values(), *columns_y.values()):
            refuse_one_sample(self.samples, column.neurons, f"layer {column.name!r}")
        shuffled = [sums for sums in self.shuffled if sums is not None]
        if self.kind is Moments and shuffled:
            total = reduce(add, self.blocks)
            shuffled = [replace(total, cross=cross) for cross in shuffled]
        return Collected(
            group=self.group,
            columns_x=columns_x,
            columns_y=columns_y,
            blocks=self.blocks,
            shuffled=shuffled,
        )


def _permutations(group: Group, plan: Plan, settings: Settings) -> int:
    if settings.permutations is not None:
        return settings.permutations
    positions = any(len(plan.shapes_x[name]) > 1 for name in group.names_x)
    return _SHUFFLES if positions and plan.mode in ("spatial", "resize") else 0


class _Side:
    """One network's layers of a group: their rows beside each other, and what is known of them.

    Rows that are summed (`shifted`) are taken about the mean of the first batch.
    """

    def __init__(
        self, network: str, names: Sequence[str], shapes: Shapes, shifted: bool, lengths: bool
    ) -> None:
        self.network, self.names, self.shapes = network, names, shapes
        self.shifted, self.lengths = shifted, lengths
        self.extents: dict[str, Extent] = {}
        self.origins: dict[str, Any] = {}
        self.exponents: dict[str, int] = {}  # of two, by which extreme activations are divided

    def rows(self, seen: Mapping[str, torch.Tensor], start: int) -> Any:
        """Return the rows of the batch from image `start`, (samples, columns of all layers)."""
        parts = [self._layer(name, seen[name], start) for name in self.names]
        if len(parts) == 1:
            return parts[0]
        arrays = isinstance(parts[0], np.ndarray)
        return np.concatenate(parts, axis=1) if arrays else torch.cat(parts, dim=1)

    def _layer(self, name: str, values: torch.Tensor, start: int) -> Any:
        rows = batch_rows(values, name)
        if values.is_complex():
            raise ArgumentError(
                f"layer {name!r} of the {self.network} network has complex activations; expected "
                "real numbers: make them so by `select`"
            )
        if name not in self.exponents:
            self.exponents[name] = exponent_of(rows)
        rows = scaled(rows, self.exponents[name])
        extent = Extent.of(rows, values)
        if not (np.isfinite(extent.low).all() and np.isfinite(extent.high).all()):
            bad = int((~np.isfinite(host(rows))).sum())
            raise ArgumentError(
                f"layer {name!r} of the {self.network} network has {bad} NaN or infinite "
                f"activations of {host(rows).size} in the batch from image {start}; expected "
                "finite numbers (did the network diverge, or half precision overflow?)"
            )
        self.extents[name] = self.extents[name] | extent if name in self.extents else extent
        if not self.shifted:
            return rows
        rows = rows - self.origins.setdefault(name, rows.mean(0))
        return with_lengths(rows) if self.lengths else rows

    def columns(self) -> dict[str, Column]:
        """Return where each layer lies among the columns, and its extent."""
        columns, start = {}, 0
        for name in self.names:
            extent = self.extents[name]
            columns[name] = Column(
                name=name,
                start=start,
                neurons=len(extent.low),
                extent=extent,
                lengths=self.lengths,
                shape=self.shapes[name],
            )
            start = columns[name].whole.stop
        return columns


def _split(images: int, blocks: int, start: int) -> Iterator[tuple[int, slice]]:
    """Yield which images of a batch go to which block: image i of all to block i mod blocks."""
    for block in range(blocks):
        first = (block - start) % blocks
        if first < images:
            yield block, slice(first, None, blocks)
