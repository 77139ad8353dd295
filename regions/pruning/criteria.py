"""What a pruning criterion is, and the criteria by name.

A criterion is a function from a `Request` to one score per weight, higher is better; one file each.
`prune` then keeps the best weights of each layer (or of all layers together), plainly or repaired.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from regions.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a criterion is given.

    Attributes
    ----------
    model : object
        The model as the user gave it; a criterion must not change it.
    weights : mapping of str to array
        Weights of the layers to prune, float64, masked ones as zeros.
    rng : numpy.random.Generator
        The only source of randomness.
    options : mapping
        Further keyword arguments of `prune`, for the criterion alone.
    """

    model: Any
    weights: Mapping[str, np.ndarray]
    rng: np.random.Generator
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Criterion = Callable[[Request], Mapping[str, np.ndarray]]

# name -> the options it takes; the function has the criterion's name, in the file of that name
_GRADIENT_OPTIONS = ("inputs", "labels", "weight_decay", "gradient")
CRITERIA: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "gradient": _GRADIENT_OPTIONS,
        "magnitude": (),
        "random": (),
        "undecayed": _GRADIENT_OPTIONS,
    }
)


def find_criterion(criterion: str | Criterion, options: Mapping[str, Any]) -> Criterion:
    """Return the criterion of that name (or the callable itself) after checking its options."""
    if callable(criterion):
        return criterion
    if criterion not in CRITERIA:
        raise ArgumentError(
            f"no criterion {criterion!r}; choose one of {list(CRITERIA)} or give a function"
        )
    unknown = sorted(set(options) - set(CRITERIA[criterion]))
    if unknown:
        raise ArgumentError(
            f"criterion {criterion!r} takes the options {list(CRITERIA[criterion])}, not {unknown}"
        )
    return getattr(importlib.import_module(f"regions.pruning.{criterion}"), criterion)


def score(criterion: Criterion, request: Request) -> dict[str, np.ndarray]:
    """Return the criterion's scores after checking names, shapes and NaN."""
    scores = {name: np.asarray(value, float) for name, value in criterion(request).items()}
    for name, weight in request.weights.items():
        found = scores.get(name)
        if found is None or found.shape != weight.shape or np.isnan(found).any():
            given = None if found is None else f"shape {found.shape}"
            raise ArgumentError(
                f"the criterion gave layer {name!r} the scores {given}; expected one number (no "
                f"NaN) per weight, shape {weight.shape}"
            )
    return {name: scores[name] for name in request.weights}
