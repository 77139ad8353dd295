"""What a pruning criterion and a pruning method are, and both by name.

A criterion is a function from a `Request` to one score per weight, higher is better; one file each.
`prune` then keeps the best weights of each layer (or of all layers together), plainly or repaired.
A method, also one file each, chooses the masks itself: whole units, blocks, or weights it changes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.reading import Reading


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
    counts : mapping of str to int
        How many weights each of these layers is to keep; together, if `scope` is "global".
    scope : {"layer", "global"}
        Whether the counts bind each layer or only their sum.
    reading : Reading
        All weights and the wiring of the model.
    options : mapping
        Further keyword arguments of `prune`, for the criterion alone.
    """

    model: Any
    weights: Mapping[str, np.ndarray]
    rng: np.random.Generator
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    scope: str = "layer"
    reading: Reading | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a method returns: masks of the layers it prunes, and the parameters it set anew."""

    masks: Mapping[str, np.ndarray]
    repaired: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))


Criterion = Callable[[Request], Mapping[str, np.ndarray]]
Method = Callable[[Request], Selection]

# name -> the options it takes; the function has the criterion's name, in the file of that name
_GRADIENT_OPTIONS = ("inputs", "labels", "weight_decay", "gradient")
CRITERIA: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "gradient": _GRADIENT_OPTIONS,
        "grasp": ("inputs", "labels", "temperature"),
        "magnitude": (),
        "random": (),
        "snip": ("inputs", "labels"),
        "synflow": ("rounds",),
        "undecayed": _GRADIENT_OPTIONS,
    }
)
METHODS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "blocks": ("block",),
        "disjoint": ("paths",),
        "greedy": ("inputs", "imitation", "rule", "start", "candidates", "refit"),
        "spectral": ("inputs", "labels", "score"),
        "subspace": ("inputs", "order", "refit"),
    }
)


def find_criterion(criterion: str | Criterion, options: Mapping[str, Any]) -> Criterion | Method:
    """Return the function of that name (or the callable itself) after checking its options."""
    if callable(criterion):
        return criterion
    known = {**CRITERIA, **METHODS}
    if criterion not in known:
        raise ArgumentError(
            f"no criterion {criterion!r}; choose one of {sorted(known)} or give a function"
        )
    unknown = sorted(set(options) - set(known[criterion]))
    if unknown:
        raise ArgumentError(
            f"criterion {criterion!r} takes the options {list(known[criterion])}, not {unknown}"
        )
    return getattr(importlib.import_module(f"regions.pruning.{criterion}"), criterion)


def checked_scores(given: Mapping[str, np.ndarray], request: Request) -> dict[str, np.ndarray]:
    """Return a criterion's scores after checking names, shapes and NaN."""
    scores = {name: np.asarray(value, float) for name, value in given.items()}
    for name, weight in request.weights.items():
        found = scores.get(name)
        if found is None or found.shape != weight.shape or np.isnan(found).any():
            what = None if found is None else f"shape {found.shape}"
            raise ArgumentError(
                f"the criterion gave layer {name!r} the scores {what}; expected one number (no "
                f"NaN) per weight, shape {weight.shape}"
            )
    return {name: scores[name] for name in request.weights}
