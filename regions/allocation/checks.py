"""What an allocation must satisfy, with errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, prod
from typing import Any

import numpy as np

from regions.arguments import is_whole
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.registry import CRITERIA, METHODS

ROLES = ("free", "fixed", "whole")
_LARGEST = 2**63


def check_layers(shapes: Any, counts: Any, roles: Any, uniform: Any) -> None:
    """Refuse layers without weights, impossible counts, and parts about other layers."""
    parts = {"shapes": shapes, "counts": counts, "roles": roles, "uniform": uniform}
    for what, part in parts.items():
        if not isinstance(part, Mapping) or not part or list(part) != list(shapes):
            raise ArgumentError(
                f"{what} is {part!r:.80}; expected one entry for each of the layers {shapes!r:.80}"
            )
    for name, shape in shapes.items():
        axes = isinstance(name, str) and isinstance(shape, tuple) and len(shape) >= 2
        if not axes or not all(is_whole(n) and n >= 1 for n in shape):
            raise ArgumentError(
                f"layer {name!r} has the shape {shape!r:.80}; expected the shape of a weight, such "
                "as (outputs, inputs)"
            )
        if prod(shape) > _LARGEST:
            raise ArgumentError(f"layer {name!r} of shape {shape} has more than 2**63 weights")
        if roles[name] not in ROLES:
            raise ArgumentError(f"role of layer {name!r} is {roles[name]!r}; choose of {ROLES}")
        for what, given in (("counts", counts[name]), ("uniform", uniform[name])):
            _check_count(f"{what} of layer {name!r}", given, prod(shape))
        if roles[name] == "whole" and counts[name] != prod(shape):
            raise ArgumentError(
                f"layer {name!r} is kept whole, but {counts[name]} of {prod(shape)} weights count"
            )
    if "free" not in roles.values():
        raise ArgumentError(f"no layer is free: the roles are {dict(roles)}")
    if sum(counts.values()) != sum(uniform.values()):
        raise ArgumentError(
            f"the counts sum to {sum(counts.values())}, the uniform split to "
            f"{sum(uniform.values())}; both share out the same budget"
        )


def check_plateau(shapes: Mapping[str, tuple[int, ...]], plateau: Any) -> None:
    """Refuse plateaus of unknown layers, or ends that are no counts in order."""
    if not isinstance(plateau, Mapping) or not set(plateau) <= set(shapes):
        raise ArgumentError(f"plateau is {plateau!r:.80}; expected ends for some of the layers")
    for name, ends in plateau.items():
        if not isinstance(ends, tuple) or len(ends) != 2:
            raise ArgumentError(f"plateau of layer {name!r} is {ends!r:.80}; expected (low, high)")
        for end in ends:
            _check_count(f"plateau of layer {name!r}", end, prod(shapes[name]))
        if ends[0] > ends[1]:
            raise ArgumentError(f"plateau of layer {name!r} runs from {ends[0]} to {ends[1]}")


def check_numbers(allocation: Any) -> None:
    """Refuse values that are no numbers, and negative counts of what was tried."""
    for what in ("value", "uniform_value", "error"):
        given = getattr(allocation, what)
        if given is not None and not _is_number(given):
            raise ArgumentError(f"{what} is {given!r:.80}; expected a number or None")
    if allocation.error is not None and allocation.error < 0:
        raise ArgumentError(f"error is {allocation.error}; a standard error is never negative")
    if not _is_number(allocation.tolerance) or not allocation.tolerance >= 0:
        raise ArgumentError(f"tolerance is {allocation.tolerance!r:.80}; expected a number >= 0")
    for what in ("ties", "evaluations"):
        given = getattr(allocation, what)
        if not is_whole(given) or not 0 <= given <= _LARGEST:
            raise ArgumentError(f"{what} is {given!r:.80}; expected a whole number >= 0")
    if not isinstance(allocation.objective, str):
        raise ArgumentError(f"objective is {allocation.objective!r:.80}; expected a name")
    check_name("criterion", allocation.criterion, (*CRITERIA, *METHODS))
    for what in ("repair", "converged"):
        given = getattr(allocation, what)
        if not isinstance(given, bool):
            raise ArgumentError(f"{what} is {given!r:.80}; expected True or False")
    if allocation.repair and allocation.criterion in METHODS:
        raise ArgumentError(
            f"repair is True, but {allocation.criterion!r} chooses the masks itself; expected False"
        )


def _check_count(what: str, given: Any, size: int) -> None:
    if not is_whole(given) or not 0 <= given <= size:
        raise ArgumentError(
            f"{what}: {given!r:.80}; expected a whole number of weights, 0 to {size}"
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return not isnan(value)
    return is_whole(value) and abs(value) <= _LARGEST
