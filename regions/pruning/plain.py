"""A copy of a module in which pruned weights are ordinary parameters again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from regions.pruning.reading import prunable_modules

if TYPE_CHECKING:
    import torch


def plain_copy(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in evaluation mode whose masked weights are ordinary parameters."""
    from torch.nn.utils import parametrize, prune

    # torch prune keeps the masked weight as a computed tensor, which cannot be deep-copied
    found = [part.__dict__.get("weight") for part in prunable_modules(model).values()]
    memo = {id(weight): weight.detach().clone() for weight in found if weight is not None}
    plain = copy.deepcopy(model, memo).eval()
    for part in prunable_modules(plain).values():
        if hasattr(part, "weight_mask"):
            prune.remove(part, "weight")
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
        part.weight.requires_grad_(True)  # type: ignore[union-attr]
        bias = part.bias  # back behind the weight, so that the state has the usual order
        del part.bias
        part.register_parameter("bias", bias)  # type: ignore[arg-type]
    return plain
