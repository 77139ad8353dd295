"""A copy of a module in which pruned weights are ordinary parameters again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from regions.pruning.model.parameters import is_masked, own_parameter, prunable_modules

if TYPE_CHECKING:
    import torch


def plain_copy(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in evaluation mode whose weights are ordinary parameters, masked or not."""
    # torch prune keeps the masked weight as a computed tensor, which cannot be deep-copied
    found = [part.__dict__.get("weight") for part in prunable_modules(model).values()]
    memo = {id(weight): weight.detach().clone() for weight in found if weight is not None}
    plain = copy.deepcopy(model, memo).eval()
    for name, part in prunable_modules(plain).items():
        _make_plain(part)
        own_parameter(name, part).requires_grad_(True)
        if "bias" in part._parameters:  # back behind the weight, as states have it
            part._parameters["bias"] = part._parameters.pop("bias")
    return plain


def _make_plain(part: Any) -> None:
    """Turn a weight that is computed at every pass into a parameter of its present value."""
    from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm

    if is_masked(part):
        prune.remove(part, "weight")
    if parametrize.is_parametrized(part, "weight"):
        # torch takes the weight's property from the class, which the copy shares with the model
        parts = {k: v for k, v in vars(type(part)).items() if k not in ("__dict__", "__weakref__")}
        part.__class__ = type(type(part).__name__, type(part).__bases__, parts)
        parametrize.remove_parametrizations(part, "weight")
    remove = {"SpectralNorm": remove_spectral_norm, "WeightNorm": remove_weight_norm}
    for hook in list(part._forward_pre_hooks.values()):
        kind = type(hook).__name__
        if kind in remove and hook.name == "weight":
            remove[kind](part, "weight")
