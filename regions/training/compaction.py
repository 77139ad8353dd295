"""Leave out what pruning made useless while training, exactly: unused inputs and units."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from regions.training.stack import Tensors

# Below this share of the weights the extra indexing costs less than the products it saves.
_WORTHWHILE = 0.6


@dataclass(frozen=True)
class Compaction:
    """Which units of each layer of a stacked perceptron are used.

    `used[0]` are the inputs, `used[k]` the outputs of `layers[k - 1]`: (models, widest), padded
    with unit 0; `real` has False at the padding. A unit is used if a kept path leads from it to
    an output; nothing else can influence the loss.
    """

    layers: tuple[str, ...]
    used: tuple[Tensor, ...]
    real: tuple[Tensor, ...]

    def shrink(self, parameters: Tensors, masks: Tensors) -> tuple[Tensors, Tensors]:
        """Return parameters and masks of the used units alone; padding is masked."""
        small, small_masks = {}, {}
        for name, block in self._blocks():
            weight = f"{name}.weight"
            mask = masks.get(weight)
            small[weight] = _pick(parameters[weight], block)
            kept = True if mask is None else _pick(mask, block)
            small_masks[weight] = block.real & kept
            if f"{name}.bias" in parameters:
                small[f"{name}.bias"] = parameters[f"{name}.bias"].gather(1, block.rows)
        return small, small_masks

    def expand(self, small: Tensors, originals: Tensors, idle: Tensor) -> Tensors:
        """Put trained values back; parameters left out become `idle` (models,) times original."""
        full = {
            name: value * idle.to(value.dtype).view(-1, *[1] * (value.ndim - 1))
            for name, value in originals.items()
        }
        for name, block in self._blocks():
            model, row, column = block.real.nonzero(as_tuple=True)
            weight = f"{name}.weight"
            at = (model, block.rows[model, row], block.columns[model, column])
            full[weight][at] = small[weight][model, row, column]
            if f"{name}.bias" in small:
                model, row = block.real_rows.nonzero(as_tuple=True)
                values = small[f"{name}.bias"][model, row]
                full[f"{name}.bias"][model, block.rows[model, row]] = values
        return full

    def _blocks(self) -> list[tuple[str, _Block]]:
        return [
            (name, _Block(self.used[k + 1], self.used[k], self.real[k + 1], self.real[k]))
            for k, name in enumerate(self.layers)
        ]


@dataclass(frozen=True)
class _Block:
    """The used rows and columns of one weight matrix per model."""

    rows: Tensor
    columns: Tensor
    real_rows: Tensor
    real_columns: Tensor

    @property
    def real(self) -> Tensor:
        return self.real_rows.unsqueeze(2) & self.real_columns.unsqueeze(1)


def _pick(weight: Tensor, block: _Block) -> Tensor:
    models = torch.arange(len(weight)).view(-1, 1, 1)
    return weight[models, block.rows.unsqueeze(2), block.columns.unsqueeze(1)]


def used_units(layers: tuple[str, ...], parameters: Tensors, masks: Tensors) -> list[Tensor]:
    """Return bool (models, units) for the inputs and the outputs of every layer."""
    last = parameters[f"{layers[-1]}.weight"]
    used = [torch.ones(last.shape[:2], dtype=torch.bool)]
    for name in reversed(layers):
        weight = f"{name}.weight"
        mask = masks.get(weight, torch.ones(parameters[weight].shape, dtype=torch.bool))
        used.append((mask & used[-1].unsqueeze(2)).any(1))
    return used[::-1]


def compact(
    layers: tuple[str, ...], parameters: Tensors, masks: Tensors | None
) -> Compaction | None:
    """Return what can be left out of a stack of perceptrons, or None if it does not pay."""
    if masks is None:
        return None
    used = used_units(layers, parameters, masks)
    widths = [max(int(flags.sum(1).max()), 1) for flags in used]
    full = [flags.shape[1] for flags in used]
    if _weights(widths) > _WORTHWHILE * _weights(full):
        return None
    indices, real = zip(*map(_padded, used, widths), strict=True)
    return Compaction(layers, indices, real)


def _weights(widths: list[int]) -> int:
    return sum(a * b for a, b in itertools.pairwise(widths))


def _padded(flags: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the numbers of the True units first, cut at `width`, and which of them are real."""
    order = torch.argsort(~flags, dim=1, stable=True)[:, :width]
    real = torch.arange(width) < flags.sum(1, keepdim=True)
    return torch.where(real, order, 0), real
