"""What pruning means for a parameter that several layers share: one mask, for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.criterion import Method
from regions.pruning.model.reading import Reading
from regions.pruning.registry import CRITERIA
from regions.pruning.repair import Follow


def check_sharing(criterion: Any, reading: Reading, names: Collection[str]) -> None:
    """Refuse methods that choose masks layer by layer where layers share a parameter.

    Criteria score each parameter once, whatever it is used for. Most methods follow what one layer
    does.
    """
    tied = reading.tied
    shared = [name for name, owner in tied.items() if owner in names]
    if shared and isinstance(criterion, Method) and not criterion.shares:
        pairs = ", ".join(f"{name!r} and {tied[name]!r}" for name in shared)
        raise UnsupportedModelError(
            f"{criterion.name} cannot prune layers that share one weight: {pairs}; give densities "
            f"for other layers, or use one of the criteria {list(CRITERIA)}"
        )


def share_masks(chosen: Mapping[str, np.ndarray], tied: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the masks of all layers, given those of the first layer of each parameter."""
    for name, owner in tied.items():
        if name in chosen and (owner not in chosen or (chosen[name] != chosen[owner]).any()):
            raise ArgumentError(
                f"layers {owner!r} and {name!r} share one weight, but the criterion gave them "
                f"different masks; leave {name!r} out"
            )
    return {**chosen, **{name: chosen[o] for name, o in tied.items() if o in chosen}}


def follow_shared(follow: Follow, reading: Reading) -> Follow:
    """Return `follow` on one mask per parameter: a weight is effective if it is in some layer."""
    if not reading.tied:
        return follow
    owner_of = {name: reading.tied.get(name, name) for name in reading.shapes}

    def joined(masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        alive = follow({name: masks[owner] for name, owner in owner_of.items()})
        found = {name: alive[name] for name in masks}
        for name, owner in reading.tied.items():
            found[owner] = found[owner] | alive[name]
        return found

    return joined
