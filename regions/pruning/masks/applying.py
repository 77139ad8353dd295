"""Puts masks onto a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.networks import ReLUNetwork, as_network
from regions.pruning.masks.targets import parameters_of, repaired_parameters
from regions.pruning.model.parameters import current_weight, is_masked, prunable_modules
from regions.pruning.model.reading import is_module

if TYPE_CHECKING:
    import torch

Arrays = Mapping[str, np.ndarray]


def apply_masks(masks: Arrays, repaired: Arrays, model: Any, how: str) -> Any:
    """Apply masks to `model`, after the parameters set anew, and return it; see `Masks.apply`."""
    check_name("how", how, ("prune", "zeros"))
    if is_module(model):
        return _apply_to_module(masks, repaired, model, how)
    if isinstance(model, (list, tuple)):
        return _masked_pairs(masks, repaired, model)
    network = as_network(model)
    for name in masks:
        _check_bias(name, f"{name}.bias" in network.parameters, repaired)
    return ReLUNetwork(network.graph, {**network.parameters, **repaired}).masked(masks)


def _apply_to_module(
    masks: Arrays, repaired: Arrays, model: torch.nn.Module, how: str
) -> torch.nn.Module:
    import torch

    modules = modules_of({name: mask.shape for name, mask in masks.items()}, model)
    for name, module in modules.items():
        _check_bias(name, getattr(module, "bias", None) is not None, repaired)
    # everything is looked at before anything is changed
    targets = parameters_of(masks, model, modules, how)
    written = repaired_parameters(repaired, model, modules)
    with torch.no_grad():
        for parameter, value in written:
            parameter.copy_(torch.tensor(value, dtype=parameter.dtype, device=parameter.device))
        for target in targets:
            kept = torch.tensor(target.mask, device=target.parameter.device)
            if how == "zeros":
                target.parameter.masked_fill_(~kept, 0.0)
    for target in targets:
        for module, kind in target.holders:
            _set_mask(module, kind, target.mask if how == "prune" else None)
    return model


def _set_mask(module: Any, kind: str, mask: np.ndarray | None) -> None:
    """Register a mask as torch prune does, or (None) only bring the masked weight up to date."""
    import torch
    from torch.nn.utils import prune

    masked = is_masked(module, kind)
    if mask is not None:
        weight = getattr(module, f"{kind}_orig" if masked else kind)
        kept = torch.tensor(mask, dtype=weight.dtype, device=weight.device)
        if not masked:
            prune.custom_from_mask(module, kind, kept)
            return
        setattr(module, f"{kind}_mask", kept)
    if masked:
        product = getattr(module, f"{kind}_orig") * getattr(module, f"{kind}_mask")
        setattr(module, kind, product)


def modules_of(masks: Mapping[str, tuple[int, ...]], model: Any) -> dict[str, torch.nn.Module]:
    """Return the modules of the layers in `masks`, refusing missing ones and other shapes."""
    if not is_module(model):
        raise ArgumentError(f"expected a torch.nn.Module, got {type(model).__name__}")
    from regions.networks.twin import uncompiled

    modules = prunable_modules(uncompiled(model))
    shapes = {name: tuple(current_weight(module).shape) for name, module in modules.items()}
    for name, shape in masks.items():
        if shapes.get(name) != shape:
            raise ArgumentError(
                f"the mask of layer {name!r} has shape {shape}, but the model's prunable layers "
                f"are {shapes}; use masks made for this architecture"
            )
    return {name: modules[name] for name in masks}


def _check_bias(name: str, has_bias: bool, repaired: Arrays) -> None:
    if f"{name}.bias" in repaired and not has_bias:
        raise ArgumentError(
            f"the masks carry a repaired bias for layer {name!r}, but the model has none there; "
            "give that layer a bias, or prune the model that the masks are for"
        )


def _masked_pairs(
    masks: Arrays, repaired: Arrays, pairs: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    weights = [np.asarray(weight) for weight, _ in pairs]
    given, shapes = ([array.shape for array in part] for part in (masks.values(), weights))
    if given != shapes:
        raise ArgumentError(
            f"the masks have the shapes {given}, "
            f"but the weights have {shapes}; give one mask per (W, b) pair, in order"
        )
    masked = []
    for (name, mask), weight, (_, bias) in zip(masks.items(), weights, pairs, strict=True):
        _check_bias(name, bias is not None, repaired)
        weight = repaired.get(f"{name}.weight", weight)
        masked.append((weight * mask, repaired.get(f"{name}.bias", bias)))
    return masked
