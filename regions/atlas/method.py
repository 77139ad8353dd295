"""A pruning method by its name on the command line, such as ``magnitude+repair``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import regions
from regions.choices import options_of
from regions.errors import ArgumentError
from regions.pruning import CRITERIA, METHODS, Masks
from regions.training import DataSet, Recipe

_SUFFIXES = ("repair", "global")
_IMAGES = 2048


@dataclass(frozen=True, kw_only=True)
class Method:
    """A criterion (or method) of `regions.prune`, and how it is used.

    Attributes
    ----------
    name : str
        As the user gave it.
    criterion : str
    repair : bool
        Keep only weights on an input-to-output path.
    scope : {"layer", "global"}
    options : tuple of str
        The names of the options that the criterion takes.

    Examples
    --------
    >>> from regions.atlas.method import read_method
    >>> read_method("snip+global").scope
    'global'
    """

    name: str
    criterion: str
    repair: bool
    scope: str
    options: tuple[str, ...]

    def prune(
        self, model: Any, density: float, data: DataSet, recipe: Recipe, rng: np.random.Generator
    ) -> Masks:
        """Return the masks of `model`; a criterion that needs images gets training images."""
        known = {
            "inputs": data.train.inputs[:_IMAGES],
            "labels": data.train.labels[:_IMAGES],
            "weight_decay": recipe.weight_decay,
            "gradient": "regularised",
        }
        return regions.prune(
            model,
            density,
            self.criterion,
            self.repair,
            scope=self.scope,
            input_shape=data.image_shape,
            rng=rng,
            **{name: value for name, value in known.items() if name in self.options},
        )


def read_method(name: str) -> Method:
    """Return the method that `name` means: a criterion, then ``+repair`` or ``+global``.

    Raises
    ------
    ArgumentError
        If there is no such criterion or suffix.

    Examples
    --------
    >>> read_method("magnitude+repair")
    Method(name='magnitude+repair', criterion='magnitude', repair=True, scope='layer', options=())
    """
    registry = {**CRITERIA, **METHODS}
    criterion, *suffixes = str(name).split("+")
    if criterion not in registry:
        raise ArgumentError(f"no pruning method {name!r}; choose one of {sorted(registry)}")
    unknown = [suffix for suffix in suffixes if suffix not in _SUFFIXES]
    if unknown or len(set(suffixes)) < len(suffixes):
        raise ArgumentError(
            f"method {name!r} has the suffixes {suffixes}; expected each of {_SUFFIXES} at most "
            "once, such as magnitude+repair"
        )
    return Method(
        name=name,
        criterion=criterion,
        repair="repair" in suffixes,
        scope="global" if "global" in suffixes else "layer",
        options=options_of(registry[criterion]),
    )
