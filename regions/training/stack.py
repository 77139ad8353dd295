"""Many networks of one architecture as one stack: all parameters in one flat buffer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from regions.errors import ArgumentError

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Stack:
    """The parameters of `size` networks.

    `values` is one flat buffer in which each parameter of all networks lies together, so that
    the optimiser is a handful of operations on one array; `parameters` are views of it, of shape
    (size, *shape). `keep` marks the entries that may differ from zero (None: all).
    """

    size: int
    values: Tensor
    parameters: Tensors
    buffers: Tensors
    keep: Tensor | None

    def views(self, flat: Tensor) -> Tensors:
        """Return the parameters as views of another flat buffer laid out like `values`."""
        return _views(flat, {name: view.shape for name, view in self.parameters.items()})

    def copy(self) -> Stack:
        """Return a stack with its own memory."""
        values = self.values.clone()
        buffers = {name: value.clone() for name, value in self.buffers.items()}
        return Stack(self.size, values, self.views(values), buffers, self.keep)


def make_stack(parameters: Tensors, buffers: Tensors, masks: Tensors | None) -> Stack:
    """Copy stacked parameters, shape (size, ...), into a stack; masked entries become zero."""
    shapes = {name: value.shape for name, value in parameters.items()}
    values = torch.cat([value.reshape(-1) for value in parameters.values()])
    keep = None
    if masks:
        ones = {name: masks.get(name, torch.ones(())) for name in parameters}
        parts = [ones[name].to(values).expand(shapes[name]).reshape(-1) for name in parameters]
        keep = torch.cat(parts)
        # not a product: a masked NaN or infinity must become zero too
        values = torch.where(keep.bool(), values, torch.zeros((), dtype=values.dtype))
    size = next(iter(shapes.values()))[0]
    return Stack(size, values, _views(values, shapes), buffers, keep)


def _views(flat: Tensor, shapes: Mapping[str, torch.Size]) -> Tensors:
    parts = flat.split([math.prod(shape) for shape in shapes.values()])
    return {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}


def stack_models(models: Sequence[nn.Module]) -> tuple[Tensors, Tensors]:
    """Return copies of the parameters and of the buffers of equal architectures, stacked."""
    first = dict(models[0].state_dict())
    _check_parameters(models[0])
    states = [model.state_dict() for model in models]
    for index, state in enumerate(states):
        _check_same(first, state, index)
    names = {name for name, _ in models[0].named_parameters()}
    stacked = {name: torch.stack([state[name] for state in states]) for name in first}
    parameters = {name: value for name, value in stacked.items() if name in names}
    buffers = {name: value for name, value in stacked.items() if name not in names}
    return parameters, buffers


def _check_parameters(model: nn.Module) -> None:
    names = [name for name, _ in model.named_parameters()]
    if not names:
        raise ArgumentError(f"{type(model).__name__} has no parameters; nothing to train")
    pruned = [name for name in names if name.endswith("_orig") or "parametrizations" in name]
    if pruned:
        raise ArgumentError(
            f"{pruned[0]!r} is a pruned or parametrised weight; train the plain module and give "
            "the masks by masks="
        )
    frozen = [name for name, value in model.named_parameters() if not value.requires_grad]
    if frozen:
        raise ArgumentError(f"parameter {frozen[0]!r} is frozen; all parameters are trained here")
    shared = [n for n, _ in model.named_parameters(remove_duplicate=False) if n not in names]
    if shared:
        raise ArgumentError(f"parameter {shared[0]!r} is shared between modules; not supported")
    dtypes = {value.dtype for value in model.parameters()}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        raise ArgumentError(f"the parameters are {dtypes}; use model.float() or model.double()")


def _check_same(first: Mapping[str, Tensor], state: Mapping[str, Tensor], index: int) -> None:
    if list(first) != list(state):
        other = sorted(set(first) ^ set(state))[:3]
        raise ArgumentError(f"model {index} has other parameters than model 0: {other}")
    for name, value in first.items():
        if value.shape != state[name].shape or value.dtype != state[name].dtype:
            was, now = tuple(value.shape), tuple(state[name].shape)
            raise ArgumentError(
                f"model {index}: {name} is {now} {state[name].dtype}; model 0: {was} {value.dtype}"
            )


def stack_masks(
    masks: Sequence[Mapping | None] | Mapping | None, parameters: Tensors
) -> Tensors | None:
    """Return masks keyed by module name as one bool tensor (models, *shape) per weight."""
    size = next(iter(parameters.values())).shape[0]
    each = [masks] * size if masks is None or isinstance(masks, Mapping) else list(masks)
    if len(each) != size:
        raise ArgumentError(f"{len(each)} masks were given for {size} models; give one per model")
    names = dict.fromkeys(name for mask in each if mask is not None for name in mask)
    stacked = {
        f"{name}.weight": torch.stack([_mask(mask, name, parameters) for mask in each])
        for name in names
    }
    return stacked or None


def _mask(mask: Mapping | None, name: str, parameters: Tensors) -> Tensor:
    weight = parameters.get(f"{name}.weight")
    if weight is None:
        known = [key.removesuffix(".weight") for key in parameters if key.endswith(".weight")]
        raise ArgumentError(f"mask for {name!r}: no such layer; the layers are {known}")
    if mask is None or name not in mask:
        return torch.ones(weight.shape[1:], dtype=torch.bool)
    array = np.asarray(mask[name])
    if array.shape != tuple(weight.shape[1:]) or not np.isin(array, (0, 1)).all():
        raise ArgumentError(
            f"mask for {name!r}: expected booleans of shape {tuple(weight.shape[1:])}, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return torch.from_numpy(array.astype(bool))
