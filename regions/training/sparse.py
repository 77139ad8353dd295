"""A stack of very sparse perceptrons that stores and trains the kept weights alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import regions.compiling  # noqa: F401  kernels are compiled at first use
from regions.training.perceptron import PerceptronEngine
from regions.training.recipe import Recipe
from regions.training.sparse_kernel import Pattern, Step, mini_batches, sparse_epoch
from regions.training.stack import Stack, Tensors

# Above this share of kept weights, dense matrix products are faster.
SPARSE_BELOW = 0.2


@dataclass(frozen=True)
class SparseEngine:
    """Gradient descent on the kept weights of a stack of perceptrons, one model at a time.

    In its stack a weight has shape (models, most kept weights of any model), padded with zeros;
    `places` are their positions in the flattened matrix, padded with 0.
    """

    layers: tuple[str, ...]
    shapes: dict[str, torch.Size]
    places: Tensors
    patterns: tuple[Pattern, ...]

    def shrink(self, parameters: Tensors) -> Tensors:
        """Return the kept weights, padded, and all biases."""
        small = {}
        for name, value in parameters.items():
            if name in self.places:
                kept = value.flatten(1).gather(1, self.places[name].clamp(min=0))
                value = torch.where(self.places[name] >= 0, kept, torch.zeros((), dtype=kept.dtype))
            small[name] = value
        return small

    def expand(self, small: Tensors) -> Tensors:
        """Return matrices with the kept weights in their places and zeros elsewhere."""
        full = dict(small)
        for name, places in self.places.items():
            flat = small[name].new_zeros(len(places), self.shapes[name][1:].numel())
            full[name] = flat.scatter_add_(1, places.clamp(min=0), small[name]).view(
                self.shapes[name]
            )
        return full

    def share(self, images: Tensor, size: int) -> Tensor:
        """Return the same images (batch, inputs) for each of `size` models."""
        return images.expand(size, *images.shape)

    def logits(self, parameters: Tensors, buffers: Tensors, inputs: Tensor) -> Tensor:
        """Return the outputs (models, batch, classes)."""
        full, found = self.expand(parameters), []
        first = f"{self.layers[0]}.weight"
        for index, pattern in enumerate(self.patterns):
            one = {name: value[index : index + 1] for name, value in full.items()}
            one[first] = one[first][:, :, pattern.inputs]
            seen = inputs[index : index + 1, :, pattern.inputs]
            found.append(PerceptronEngine(self.layers).logits(one, buffers, seen))
        return torch.cat(found)

    def epoch(
        self,
        stack: Stack,
        velocity: Tensor,
        images: tuple[Tensor, Tensor],
        order: Tensor,
        recipe: Recipe,
        rate: float,
    ) -> Tensor:
        """Take all steps of one epoch; return each model's summed cross-entropy."""
        x, y = (tensor.numpy() for tensor in images)
        values, speeds = stack.values.numpy(), velocity.numpy()
        number = values.dtype.type
        step = Step(
            rate=number(rate),
            momentum=number(recipe.momentum),
            decay=number(recipe.weight_decay),
            nesterov=recipe.nesterov,
        )
        losses = np.zeros(len(order))
        for members in _same_order(order):
            rows = order[members[0]].numpy()
            inputs = np.unique(np.concatenate([self.patterns[index].inputs for index in members]))
            batches = mini_batches(x, rows, min(recipe.batch_size, len(rows)), inputs)
            for index in members:
                pattern = self._in_place(stack, index)
                places = np.searchsorted(inputs, pattern.inputs)
                losses[index] = sparse_epoch(
                    batches, places, y, rows, pattern, values, speeds, step
                )
        return torch.from_numpy(losses)

    def _in_place(self, stack: Stack, index: int) -> Pattern:
        """Return one model's pattern with its places in the flat buffer of the stack."""
        pattern = self.patterns[index]
        weights = _offsets(stack, self.layers, "weight", index)
        biases = _offsets(stack, self.layers, "bias", index)
        first = pattern.rows[pattern.row_starts]
        return pattern._replace(weights=weights - first, biases=biases)


def _same_order(order: Tensor) -> list[list[int]]:
    """Return the models in groups that see the images in the same order."""
    groups: list[list[int]] = []
    for index in range(len(order)):
        found = [group for group in groups if torch.equal(order[group[0]], order[index])]
        if found:
            found[0].append(index)
        else:
            groups.append([index])
    return groups


def _offsets(stack: Stack, layers: tuple[str, ...], kind: str, index: int) -> np.ndarray:
    """Return where one model's numbers start in the flat buffer, layer by layer; -1: nowhere."""
    views = [stack.parameters.get(f"{name}.{kind}") for name in layers]
    return np.array([-1 if view is None else view[index].storage_offset() for view in views])


def kept_shares(parameters: Tensors, masks: Tensors | None) -> Tensor:
    """Return the fraction of its weights (not biases) that each model keeps."""
    weights = {name: value for name, value in parameters.items() if name.endswith("weight")}
    total = sum(value[0].numel() for value in weights.values())
    kept = torch.full((len(next(iter(parameters.values()))),), total, dtype=torch.float64)
    for mask in (masks or {}).values():
        kept -= (~mask).flatten(1).sum(1)
    return kept / max(total, 1)


def sparse_engine(layers: tuple[str, ...], parameters: Tensors, masks: Tensors) -> SparseEngine:
    """Return the engine for perceptrons with these masks."""
    names = [f"{name}.weight" for name in layers]
    full = {name: torch.ones(parameters[name].shape, dtype=torch.bool) for name in names}
    kept = {name: masks.get(name, full[name]) for name in names}
    patterns = tuple(
        _pattern([kept[name][index].numpy() for name in names])
        for index in range(len(kept[names[0]]))
    )
    return SparseEngine(
        layers=layers,
        shapes={name: parameters[name].shape for name in names},
        places={name: _places(mask.flatten(1)) for name, mask in kept.items()},
        patterns=patterns,
    )


def _places(mask: Tensor) -> Tensor:
    """Return the positions of the True entries of each row, in order, padded with -1."""
    counts = mask.sum(1)
    model, place = mask.nonzero(as_tuple=True)
    rank = torch.arange(len(model)) - (counts.cumsum(0) - counts)[model]
    places = torch.full((len(mask), int(counts.max())), -1)
    places[model, rank] = place
    return places


def _pattern(masks: list[np.ndarray]) -> Pattern:
    """Return the pattern of one model; its places in a stack's buffer are not known yet."""
    inputs = np.flatnonzero(masks[0].any(axis=0))
    squeezed = [masks[0][:, inputs], *masks[1:]]
    counts = [np.concatenate([[0], mask.sum(axis=1)]) for mask in squeezed]
    unknown = np.full(len(masks), -1)
    return Pattern(
        inputs=inputs,
        widths=np.array([len(inputs), *(len(mask) for mask in masks)]),
        rows=np.cumsum(np.concatenate(counts)),
        row_starts=np.cumsum([0, *(len(count) for count in counts[:-1])]),
        columns=np.concatenate([mask.nonzero()[1] for mask in squeezed]),
        weights=unknown,
        biases=unknown,
        varies=np.concatenate(_varying(squeezed)),
    )


def _varying(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Return for each layer, inputs and outputs included, which units depend on the image."""
    varies: list[np.ndarray] = [np.ones(masks[0].shape[1], dtype=bool)]
    for mask in masks[:-1]:
        varies.append(np.asarray((mask & varies[-1]).any(axis=1)))
    return [*varies, np.ones(len(masks[-1]), dtype=bool)]
