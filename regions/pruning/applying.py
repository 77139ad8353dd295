"""Puts masks onto a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.reading import is_module, prunable_modules

if TYPE_CHECKING:
    import torch

    from regions.pruning.masks import Masks

_HOWS = ("prune", "zeros")


def apply_masks(masks: Masks, model: Any, how: str) -> Any:
    """Apply `masks` to `model` and return it; see `Masks.apply`."""
    if how not in _HOWS:
        raise ArgumentError(f"how must be one of {_HOWS}, got {how!r}")
    if is_module(model):
        modules = modules_of(masks, model)
        put = _register if how == "prune" else _zero
        for name, module in modules.items():
            _check_parametrized(name, module)
            _check_bias(name, module.bias is not None, masks)
        for name, value in masks.repaired.items():
            layer, _, kind = name.rpartition(".")
            _write(modules[layer], kind, value)
        for name, module in modules.items():
            put(module, masks[name])
        return model
    if isinstance(model, (list, tuple)):
        return _masked_pairs(masks, model)
    from regions.networks import as_network

    network = as_network(model)
    for name in masks:
        _check_bias(name, f"{name}.bias" in network.parameters, masks)
    repaired = {**network.parameters, **masks.repaired}
    return type(network)(network.graph, repaired).masked(masks)


def modules_of(masks: Masks, model: Any) -> dict[str, torch.nn.Module]:
    """Return the modules of `model` that `masks` names, refusing missing ones and other shapes."""
    if not is_module(model):
        raise ArgumentError(f"expected a torch.nn.Module, got {type(model).__name__}")
    modules = prunable_modules(model)
    shapes = {name: _shape(module) for name, module in modules.items()}
    for name, shape in masks.shapes.items():
        if shapes.get(name) != shape:
            raise ArgumentError(
                f"the mask of layer {name!r} has shape {shape}, but the model's prunable layers "
                f"are {shapes}; use masks made for this architecture"
            )
    return {name: modules[name] for name in masks}


def _shape(module: Any) -> tuple[int, ...]:
    return tuple(module.weight.shape)


def _check_parametrized(name: str, module: Any) -> None:
    if "weight" in getattr(module, "parametrizations", {}):
        raise ArgumentError(
            f"the weight of layer {name!r} is parametrized; call "
            "torch.nn.utils.parametrize.remove_parametrizations on it before applying masks"
        )


def _check_bias(name: str, has_bias: bool, masks: Masks) -> None:
    if f"{name}.bias" in masks.repaired and not has_bias:
        raise ArgumentError(
            f"the masks carry a repaired bias for layer {name!r}, but the model has none there; "
            "give that layer a bias, or prune the model that the masks are for"
        )


def _write(module: Any, kind: str, value: np.ndarray) -> None:
    import torch

    pruned = kind == "weight" and hasattr(module, "weight_orig")
    parameter = module.weight_orig if pruned else getattr(module, kind)
    with torch.no_grad():
        parameter.copy_(torch.tensor(value, dtype=parameter.dtype, device=parameter.device))


def _register(module: Any, mask: np.ndarray) -> None:
    import torch
    from torch.nn.utils import prune

    kept = torch.tensor(mask, dtype=module.weight.dtype, device=module.weight.device)
    if not hasattr(module, "weight_orig"):
        prune.custom_from_mask(module, "weight", kept)
        return
    module.weight_mask = kept
    module.weight = module.weight_orig * kept


def _zero(module: Any, mask: np.ndarray) -> None:
    import torch

    pruned = hasattr(module, "weight_orig")
    weight = module.weight_orig if pruned else module.weight
    kept = torch.tensor(mask, device=weight.device)
    with torch.no_grad():
        weight.masked_fill_(~kept, 0.0)
    if pruned:
        module.weight = module.weight_orig * module.weight_mask


def _masked_pairs(masks: Masks, pairs: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    weights = [np.asarray(weight) for weight, _ in pairs]
    shapes = [weight.shape for weight in weights]
    if list(masks.shapes.values()) != shapes:
        raise ArgumentError(
            f"the masks have the shapes {list(masks.shapes.values())}, "
            f"but the weights have {shapes}; give one mask per (W, b) pair, in order"
        )
    masked = []
    for (name, mask), weight, (_, bias) in zip(masks.items(), weights, pairs, strict=True):
        _check_bias(name, bias is not None, masks)
        weight = masks.repaired.get(f"{name}.weight", weight)
        masked.append((weight * mask, masks.repaired.get(f"{name}.bias", bias)))
    return masked
