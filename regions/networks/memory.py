"""What a run's memory holds: which place has which value of the network, and which are constants.

Tensors are views of storages, and a storage may be written through any of them. So values are
kept per place of a storage, not per tensor: a place holds a label, which says that it is element e
of a symbol for sample b of the batch, or that it is a constant (label 0; its value is read from the
tensor itself), or that it cannot be followed (a negative label; the reason is kept). Views,
slices, in-place changes and copies then need no rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from regions.errors import RegionsError, UnsupportedModelError
from regions.networks.builder import Builder, Symbol

Layout = tuple[torch.Size, tuple[int, ...], int]


@dataclass(frozen=True)
class Arrangement:
    """Where the samples of a batch are in a tensor; called, it puts them on the first axis."""

    kind: str
    rows: int
    axis: int = 0

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.kind == "merged":  # (rows * k, ...)
            return tensor.unflatten(0, (self.rows, -1))
        if self.kind == "interleaved":  # (k * rows, ...)
            return tensor.unflatten(0, (-1, self.rows)).movedim(1, 0)
        return tensor.movedim(self.axis, 0) if self.axis else tensor


@dataclass
class _Block:
    """Content of one storage: one symbol in one layout, or a label for each place."""

    reference: StorageWeakRef  # keeps the address from being given to another storage
    whole: tuple[Symbol, Layout] | None = None
    labels: torch.Tensor | None = None


def key_of(tensor: torch.Tensor) -> int | None:
    """Return what identifies the storage of `tensor`; None if it has no plain one."""
    if tensor.layout is not torch.strided or tensor.is_meta:
        return None
    try:
        return tensor.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):
        return None


def layout_of(tensor: torch.Tensor) -> Layout:
    """Return sizes, strides and offset of a view of a storage."""
    return tensor.size(), tensor.stride(), int(tensor.storage_offset())


class Memory:
    """Values of all storages of one run on a batch of `rows` samples."""

    def __init__(self, builder: Builder, rows: int):
        self.rows = rows
        self._builder = builder
        self._blocks: dict[int, _Block] = {}
        self._symbols: list[Symbol] = []
        self._starts: list[int] = []
        self._next = 1
        self._start_of: dict[str, int] = {}
        self._reasons: list[RegionsError] = []

    def holds(self, tensor: torch.Tensor) -> bool:
        """Tell whether some place of `tensor` depends on the input or cannot be followed."""
        block = self._blocks.get(key_of(tensor) or 0)
        if block is None:
            return False
        return block.whole is not None or bool(self.labels(tensor).count_nonzero())

    def labels(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the label of each place of `tensor`, float64 of its shape."""
        block = self._blocks.get(key_of(tensor) or 0)
        if block is None:
            return torch.zeros(tensor.shape, dtype=torch.float64)
        if block.whole is not None and block.whole[1] == layout_of(tensor):
            return self._labels_of(block.whole[0])
        return self._places(block, tensor).as_strided(*layout_of(tensor))

    def _places(self, block: _Block, tensor: torch.Tensor) -> torch.Tensor:
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        if block.labels is None:
            block.labels = torch.zeros(size, dtype=torch.float64)
            if block.whole is not None:
                symbol, layout = block.whole
                block.labels.as_strided(*layout).copy_(self._labels_of(symbol))
        if len(block.labels) != size:
            raise UnsupportedModelError("a value is read with another number type or resized")
        return block.labels

    def _labels_of(self, symbol: Symbol) -> torch.Tensor:
        size = symbol.size
        start = self._start_of.get(symbol.name)
        if start is None:
            start = self._start_of[symbol.name] = self._next
            self._symbols.append(symbol)
            self._starts.append(start)
            self._next += size * self.rows
        labels = torch.arange(start, start + size * self.rows, dtype=torch.float64)
        return labels.reshape(self.rows, *symbol.shape)

    def _block(self, tensor: torch.Tensor) -> _Block:
        key = key_of(tensor)
        if key is None:
            raise UnsupportedModelError(f"a value becomes a tensor of layout {tensor.layout}")
        if key not in self._blocks:
            self._blocks[key] = _Block(StorageWeakRef(tensor.untyped_storage()))
        return self._blocks[key]

    def write(self, tensor: torch.Tensor, symbol: Symbol) -> None:
        """Note that `tensor`, samples first, now holds `symbol`."""
        block, layout = self._block(tensor), layout_of(tensor)
        fills = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        if fills or (block.whole is not None and block.whole[1] == layout):
            block.whole, block.labels = (symbol, layout), None
        else:
            self.write_labels(tensor, self._labels_of(symbol))

    def write_labels(self, tensor: torch.Tensor, labels: torch.Tensor) -> None:
        """Note the label of each place of `tensor`."""
        block = self._block(tensor)
        places = self._places(block, tensor)
        places.as_strided(*layout_of(tensor)).copy_(labels)
        block.whole = None

    def spoil(self, tensor: torch.Tensor, reason: RegionsError) -> None:
        """Note that the values of `tensor` cannot be followed, and why."""
        self._reasons.append(reason)
        labels = torch.full(tensor.shape, -float(len(self._reasons)), dtype=torch.float64)
        self.write_labels(tensor, labels)

    def reason(self, tensor: torch.Tensor) -> RegionsError | None:
        """Return why the values of `tensor` cannot be followed; None if they can."""
        block = self._blocks.get(key_of(tensor) or 0)
        if block is None or block.labels is None:
            return None
        lowest = self.labels(tensor).min() if tensor.numel() else torch.zeros(())
        return self._reasons[-int(lowest) - 1] if lowest < 0 else None

    def read(self, tensor: torch.Tensor) -> tuple[Symbol, Arrangement]:
        """Return the symbol that `tensor` holds, and where its samples are."""
        block = self._blocks.get(key_of(tensor) or 0)
        if block is not None and block.whole and block.whole[1] == layout_of(tensor):
            return block.whole[0], Arrangement("axis", self.rows)
        reason = self.reason(tensor)
        if reason is not None:
            raise reason
        labels = self.labels(tensor)
        for arrangement in self._arrangements(tensor.shape):
            found = self._split(arrangement(labels), arrangement(tensor))
            if found is not None:
                shape = tuple(arrangement(labels).shape[1:])
                joined = self._join(*found, shape)
                if tensor.is_contiguous() and (found[0] >= 0).all():
                    # what is joined again then has few parts; expanded views cannot be written
                    self.write_labels(arrangement(tensor), self._labels_of(joined))
                return joined, arrangement
        raise UnsupportedModelError(
            f"a value of shape {tuple(tensor.shape)} mixes samples of the batch, or holds only "
            "some of them, or constants that differ between them; do the same to all samples, on "
            "the first axis"
        )

    def _arrangements(self, shape: torch.Size) -> Iterator[Arrangement]:
        for axis, size in enumerate(shape):
            if size == self.rows:
                yield Arrangement("axis", self.rows, axis)
        if shape and shape[0] > self.rows and shape[0] % self.rows == 0:
            yield Arrangement("merged", self.rows)
            yield Arrangement("interleaved", self.rows)

    def _split(
        self, labels: torch.Tensor, values: torch.Tensor
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return per scalar its symbol (-1: constant), element and constant, if samples agree."""
        rows = labels.reshape(self.rows, -1).numpy()
        first = rows[0].astype(np.int64)
        which = np.searchsorted(self._starts, first, side="right") - 1
        sizes = np.array([s.size for s in self._symbols])
        element = np.where(which >= 0, first - np.array(self._starts)[which], 0)
        step = np.where(which >= 0, sizes[which], 0)
        if (element >= step)[which >= 0].any():
            return None
        if not np.array_equal(rows, first + np.arange(self.rows)[:, None] * step):
            return None
        constants = np.zeros(len(first))
        if (which < 0).any():
            found = values.detach().reshape(self.rows, -1)[:, torch.from_numpy(which < 0)]
            if not torch.equal(found, found[:1].expand_as(found)):
                return None
            constants[which < 0] = found[0].double().numpy()
        return which, element, constants

    def _join(
        self, which: np.ndarray, element: np.ndarray, constants: np.ndarray, shape: tuple[int, ...]
    ) -> Symbol:
        parts = [
            self._builder.place(self._symbols[s], np.where(which == s, element, -1), shape)
            for s in np.unique(which[which >= 0])
        ]
        if not parts:
            raise UnsupportedModelError(f"a value of shape {shape} is empty")
        joined = parts[0] if len(parts) == 1 else self._builder.total(parts)
        if not constants.any():
            return joined
        return self._builder.scale(joined, None, constants.reshape(shape))
