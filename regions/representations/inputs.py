"""Batches of inputs: the same objects for every network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from regions.arguments import as_numbers, check_unmasked
from regions.errors import ArgumentError
from regions.representations.rows import is_dense

_KEYS = ("input", "inputs", "x", "image", "images", "pixel_values", "input_ids")


def batches(
    inputs: Any, batch_size: int, max_images: int | None, rng: int
) -> Iterator[torch.Tensor]:
    """Yield batches of inputs.

    Parameters
    ----------
    inputs
        An array or tensor (images, ...), which is shuffled once by `rng`; or one batch
        ``[images, labels]``; or a loader of tensors, of tuples whose first item is the input, or
        of mappings; or a tuple of two loaders, which must give the same inputs in the same order.
    batch_size
        For arrays; loaders keep theirs, but single images are joined to batches.
    max_images
        Stop after so many.
    """
    found = False
    for batch in _joined(_limited(_source(inputs, batch_size, rng), max_images), batch_size):
        found = True
        yield batch
    if not found:
        raise ArgumentError("inputs are empty; expected at least a few images")


def _limited(stream: Iterable, limit: int | None) -> Iterator[torch.Tensor]:
    left = limit if limit is not None else float("inf")
    for batch in stream:
        if left <= 0:
            return
        batch = batch[: int(min(left, len(batch)))]
        left -= len(batch)
        yield batch


def _joined(stream: Iterable[torch.Tensor], batch_size: int) -> Iterator[torch.Tensor]:
    """Yield the batches with single images joined to others: one alone cannot be shuffled."""
    held, size = None, max(2, batch_size)
    for batch in stream:
        if not len(batch):
            continue
        if held is None:
            held = batch
        elif 1 in (len(held), len(batch)) and held.shape[1:] == batch.shape[1:]:
            held = torch.cat([held, batch])
            if len(held) >= size + 2:
                yield held[:-2]
                held = held[-2:]
        else:
            yield held
            held = batch
    if held is not None:
        yield held


def _source(inputs: Any, batch_size: int, rng: int) -> Iterable:
    check_unmasked(inputs, "inputs")
    if _with_labels(inputs):
        inputs = inputs[0]
    if isinstance(inputs, (np.ndarray, torch.Tensor)):
        return _slices(_tensor(inputs, "inputs"), batch_size, rng)
    if isinstance(inputs, tuple) and len(inputs) == 2 and all(map(_is_loader, inputs)):
        return _checked(*inputs)
    if not isinstance(inputs, Iterable) or isinstance(inputs, (str, Mapping)):
        raise ArgumentError(
            f"inputs are a {type(inputs).__name__}; expected an array or tensor (images, ...) or "
            "a loader of batches"
        )
    return (pick_input(item) for item in inputs)


def _with_labels(inputs: Any) -> bool:
    """Whether `inputs` is one batch [images, labels] and no list of two batches of images."""
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
        return False
    images, labels = inputs
    if not all(isinstance(part, (np.ndarray, torch.Tensor)) for part in inputs):
        return False
    if labels.ndim < 1 or len(images) != len(labels) or images.shape[1:] == labels.shape[1:]:
        return False
    if labels.ndim != images.ndim or labels.ndim < 3:
        return True
    # sequences of another length or images of another size are a batch, maps of labels are not
    return labels.ndim > 3 and images.shape[2:] == labels.shape[2:]


def _is_loader(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (np.ndarray, torch.Tensor, str))


def _slices(tensor: torch.Tensor, batch_size: int, rng: int) -> Iterator[torch.Tensor]:
    order = torch.as_tensor(np.random.default_rng(rng).permutation(len(tensor)))
    for start in range(0, len(order), batch_size):
        yield tensor[order[start : start + batch_size]]


def _checked(first: Iterable, second: Iterable) -> Iterator[torch.Tensor]:
    """Yield the batches of two loaders after checking that they agree."""
    pairs = iter(first), iter(second)
    for number, item in enumerate(pairs[0]):
        left, right = pick_input(item), next(pairs[1], None)
        right = None if right is None else pick_input(right)
        if right is None or left.shape != right.shape:
            shape = "no batch" if right is None else f"shape {tuple(right.shape)}"
            raise ArgumentError(
                f"batch {number} of the two loaders has shape {tuple(left.shape)} and {shape}; "
                "both networks must see the same inputs: pass one loader"
            )
        different = (left != right).flatten(1).any(1)
        if different.any():
            raise ArgumentError(
                f"in batch {number} of the two loaders {int(different.sum())} of {len(left)} "
                "inputs differ: they have different orders (shuffle=True?) or augmentation; "
                "both networks must see the same inputs: pass one loader"
            )
        yield left
    if next(pairs[1], None) is not None:
        raise ArgumentError("the second loader has more batches than the first; pass one loader")


def _tensor(values: Any, name: str) -> torch.Tensor:
    """Return images as a tensor of numbers, (images, ...)."""
    if not torch.is_tensor(values):
        values = torch.as_tensor(as_numbers(values, name))
    if not (is_dense(values) and values.ndim):
        kind = str(values.layout).removeprefix("torch.")
        raise ArgumentError(
            f"{name} is a {kind} tensor of shape {tuple(values.shape)} on {values.device}; "
            "expected a dense one with the images first, (images, ...)"
        )
    return values


def _refuse_masked(item: Mapping) -> None:
    """Raise ArgumentError if a mask says that some of the inputs are padding."""
    mask = item.get("attention_mask")
    if isinstance(mask, (torch.Tensor, np.ndarray)) and not bool((mask != 0).all()):
        raise ArgumentError(
            "a batch has an attention_mask with zeros, but models are run on the input alone, so "
            "that padding would be compared like words; give batches without padding (equal "
            "lengths), or inputs of one tensor and a model that makes the mask from them"
        )


def pick_input(item: Any) -> torch.Tensor:
    """Return the input tensor of a loader's item."""
    if isinstance(item, (torch.Tensor, np.ndarray)):
        return _tensor(item, "a batch")
    if isinstance(item, (tuple, list)) and item:
        return pick_input(item[0])
    if isinstance(item, Mapping):
        _refuse_masked(item)
        for key in _KEYS:
            if key in item:
                return pick_input(item[key])
        raise ArgumentError(f"a batch has the keys {list(item)}; expected one of {list(_KEYS)}")
    raise ArgumentError(
        f"a batch is a {type(item).__name__}; expected a tensor, a tuple whose first item is "
        "the input, or a mapping"
    )
