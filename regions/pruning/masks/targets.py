"""Which parameters of a module masks are put on, and who else holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.model.parameters import is_masked, is_own_layer, own_parameter

if TYPE_CHECKING:
    import torch

Holders = list[tuple[Any, str]]


@dataclass(frozen=True, eq=False)
class Target:
    """A parameter, its mask, and every module that has it, under which name."""

    parameter: torch.nn.Parameter
    mask: np.ndarray
    holders: Holders


def parameters_of(
    masks: Mapping[str, np.ndarray], model: torch.nn.Module, modules: Mapping[str, Any], how: str
) -> list[Target]:
    """Return what `masks` mean for the parameters of `model`: one mask for each.

    Layers that share a parameter share its mask, also those that the masks do not name.

    Raises
    ------
    ArgumentError
        If a weight is computed at every pass, if layers that share one have different masks, or
        (for ``how="prune"``) if a module that shares it runs no hooks that could mask it.
    """
    chosen: dict[int, tuple[str, Any]] = {}
    for name, module in modules.items():
        parameter = own_parameter(name, module)
        first, _ = chosen.setdefault(id(parameter), (name, parameter))
        if not np.array_equal(masks[first], masks[name]):
            raise ArgumentError(
                f"layers {first!r} and {name!r} share one weight, but have different masks; one "
                "weight has one mask: make the masks with regions.prune on this model"
            )
    found = holders_of(model)
    targets = []
    for name, parameter in chosen.values():
        for where, module, _ in found[id(parameter)]:
            if how == "prune" and not _runs_hooks(module):
                kind = type(module).__name__
                raise ArgumentError(
                    f"the weight of layer {name!r} is also {where!r}, of a {kind}, which no hook "
                    'can mask; use how="zeros"'
                )
            if how == "prune" and "weight_mask" in module._buffers and not is_masked(module):
                raise ArgumentError(
                    f"layer {name!r} ({type(module).__name__}) has a buffer weight_mask of its "
                    'own, which torch.nn.utils.prune would replace; use how="zeros"'
                )
        holders = [(module, kind) for _, module, kind in found[id(parameter)]]
        targets.append(Target(parameter, masks[name], holders))
    return targets


def holders_of(model: torch.nn.Module) -> dict[int, list[tuple[str, Any, str]]]:
    """Return for the id of each parameter the full names, modules and names it is held under."""
    found: dict[int, list[tuple[str, Any, str]]] = {}
    for name, module in model.named_modules():
        for kind, parameter in module._parameters.items():
            if parameter is not None:
                plain = kind.removesuffix("_orig")
                held = plain if is_masked(module, plain) else kind
                where = f"{name}.{held}" if name else held
                found.setdefault(id(parameter), []).append((where, module, held))
    return found


def repaired_parameters(
    repaired: Mapping[str, np.ndarray], model: torch.nn.Module, modules: Mapping[str, Any]
) -> list[tuple[torch.nn.Parameter, np.ndarray]]:
    """Return the parameters that are to be set anew, and their values.

    Raises
    ------
    ArgumentError
        If one is computed or masked, or is shared with a layer for which it must not change.
    """
    found, written = holders_of(model), []
    for name, value in repaired.items():
        layer, _, kind = name.rpartition(".")
        parameter = own_parameter(layer, modules[layer], kind)
        if kind == "bias" and is_masked(modules[layer], kind):
            raise ArgumentError(
                f"the bias of layer {layer!r} is masked; call torch.nn.utils.prune.remove on it"
            )
        for where, _, _ in found[id(parameter)]:
            if where not in repaired or not np.array_equal(repaired[where], value):
                raise ArgumentError(
                    f"the masks set {name!r} anew, but it is also {where!r}, which they do not set "
                    "to the same values; give each layer a parameter of its own"
                )
        written.append((parameter, value))
    return written


def _runs_hooks(module: Any) -> bool:
    """Tell whether a module reads its parameters in its own forward pass, after its hooks."""
    from torch import nn

    kinds = (nn.modules.conv._ConvNd, nn.Linear, nn.Embedding, nn.EmbeddingBag, nn.Bilinear)
    quiet = nn.modules.linear.NonDynamicallyQuantizableLinear
    plain = isinstance(module, kinds) and not isinstance(module, quiet)
    return plain or (is_own_layer(module) and type(module).forward is not nn.Module.forward)
