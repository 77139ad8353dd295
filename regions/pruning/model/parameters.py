"""What a layer's weight is made from: a parameter, a masked one, or one that hooks compute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regions.errors import ArgumentError

if TYPE_CHECKING:
    import torch

_REMEDIES = {
    "SpectralNorm": ("spectral_norm", "torch.nn.utils.remove_spectral_norm"),
    "WeightNorm": ("weight_norm", "torch.nn.utils.remove_weight_norm"),
}


def prunable_modules(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Return the Linear and Conv modules of `model` by name, in the order of registration.

    Layers of the user's own among them (`is_own_layer`). Without the output projections of
    attention, whose weight is read past the module.
    """
    from torch.nn.modules import Conv1d, Conv2d, Conv3d, Linear
    from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

    kinds = (Linear, Conv1d, Conv2d, Conv3d)
    return {
        name: part
        for name, part in model.named_modules()
        if (isinstance(part, kinds) and not isinstance(part, NonDynamicallyQuantizableLinear))
        or is_own_layer(part)
    }


def is_own_layer(part: Any) -> bool:
    """Tell whether a module may be a linear layer of the user's own, such as ShrinkBench's.

    It is no module of torch's, has no parts, and its parameter `weight` has two axes or more. The
    wiring tells whether it is one.
    """
    import torch
    from torch import nn

    kinds = (nn.Linear, nn.modules.conv._ConvNd, torch.jit.ScriptModule)
    if isinstance(part, kinds) or any(True for _ in part.children()):
        return False
    weight = part._parameters.get("weight_orig" if is_masked(part) else "weight")
    ours = type(part).__module__.startswith("torch.") or isinstance(part, nn.Embedding)
    return weight is not None and weight.ndim > 1 and not ours


def passed_over(model: torch.nn.Module) -> tuple[str, ...]:
    """Return the names of the weights (two axes or more) that belong to no prunable module.

    Those of recurrent layers, attention, transposed convolutions, embeddings and parameters that
    a module holds by itself; not biases and normalisation.
    """
    from torch import nn

    norms = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
    prunable = prunable_modules(model).values()
    handled = {id(value) for part in prunable for value in part.parameters()}
    found = []
    for name, part in model.named_modules():
        for kind, value in part.named_parameters(recurse=False):
            matrix = value.ndim > 1 and not isinstance(part, norms) and id(value) not in handled
            # what a module of the user's own holds along one axis is a constant to add or multiply
            ours = type(part).__module__.startswith("torch.nn")
            if matrix and (ours or sum(n > 1 for n in value.shape) > 1):
                found.append(f"{name}.{kind}" if name else kind)
    return tuple(found)


def is_masked(module: Any, kind: str = "weight") -> bool:
    """Tell whether `torch.nn.utils.prune` masks that parameter of a module."""
    from torch.nn.utils.prune import BasePruningMethod

    hooks = module._forward_pre_hooks.values()
    return any(isinstance(hook, BasePruningMethod) and hook._tensor_name == kind for hook in hooks)


def own_parameter(name: str, module: Any, kind: str = "weight") -> torch.nn.Parameter:
    """Return the parameter behind a module's weight (or bias), under the mask if it has one.

    Raises
    ------
    ArgumentError
        If it is computed at every pass, so that whatever is written into it is lost.
    """
    import torch

    found = module._parameters.get(f"{kind}_orig" if is_masked(module, kind) else kind)
    if isinstance(found, torch.nn.Parameter):
        return found
    maker, remedy = "a hook or the module itself", "turn it into a parameter"
    if kind in getattr(module, "parametrizations", {}):
        maker = "parametrization: it is parametrized"
        remedy = "call torch.nn.utils.parametrize.remove_parametrizations on it"
    for hook in module._forward_pre_hooks.values():
        if type(hook).__name__ in _REMEDIES:
            maker, function = _REMEDIES[type(hook).__name__]
            remedy = f"call {function} on it"
    raise ArgumentError(
        f"the {kind} of layer {name!r} is computed at every pass by {maker}; {remedy} first"
    )


def current_weight(module: Any) -> torch.Tensor:
    """Return the weight that a module would use now in evaluation mode, changing nothing.

    The weight that old hooks left in the module may be of an earlier pass.
    """
    if is_masked(module):
        return (module.weight_orig * module.weight_mask).detach()
    for hook in module._forward_pre_hooks.values():
        kind = type(hook).__name__
        if kind in _REMEDIES and hook.name == "weight":
            only = {"do_power_iteration": False} if kind == "SpectralNorm" else {}
            return hook.compute_weight(module, **only).detach()
    with _evaluating(getattr(module, "parametrizations", [])):
        return module.weight.detach()


@contextmanager
def _evaluating(parts: Any) -> Iterator[None]:
    """Keep parametrizations from counting this as a step of training, as spectral_norm does."""
    modes = [(part, part.training) for part in parts.modules()] if parts else []
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, training in modes:
            part.training = training


def tied_layers(model: torch.nn.Module, names: Iterable[str]) -> dict[str, str]:
    """Return layer -> the first of `names` that has the same parameter as its weight.

    Layers with a weight of their own are left out, and so is the first of those that share one.
    """
    modules, first, tied = prunable_modules(model), {}, {}
    for name in names:
        part: Any = modules[name]
        weight = part._parameters.get("weight_orig" if is_masked(part) else "weight")
        if weight is not None and first.setdefault(id(weight), name) != name:
            tied[name] = first[id(weight)]
    return tied


def merge_tied(given: Mapping[str, Any], tied: Mapping[str, str], what: str) -> dict[str, Any]:
    """Return what is given for layers as what it means for their parameters.

    Raises
    ------
    ArgumentError
        If layers that share one parameter are given different things.
    """
    merged: dict[str, Any] = {}
    for name, value in given.items():
        owner = tied.get(name, name)
        if merged.setdefault(owner, value) != value:
            raise ArgumentError(
                f"layers {owner!r} and {name!r} share one weight, but {what} are {merged[owner]!r} "
                f"and {value!r}; give them the same, or name one of them"
            )
    return merged
