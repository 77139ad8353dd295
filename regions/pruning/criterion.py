"""What a criterion and a method of `prune` are, what they are given, and what a method returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from regions.pruning.model.reading import Reading


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
    densities : mapping of str to float
        The fractions that were asked for, of which the counts are the rounded products.
    scope : {"layer", "global"}
        Whether the counts bind each layer or only their sum.
    reading : Reading
        All weights and the wiring of the model.
    options : mapping
        Further keyword arguments of `prune`, where the criterion is a function.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> def score(request):
    ...     return {name: request.rng.random(w.shape) for name, w in request.weights.items()}
    >>> pairs = [(np.ones((2, 2)), None), (np.ones((1, 2)), None)]
    >>> regions.prune(pairs, 0.5, score, rng=0).counts
    {'layer1': 2, 'output': 2}
    """

    model: Any
    weights: Mapping[str, np.ndarray]
    rng: np.random.Generator
    counts: Mapping[str, int]
    densities: Mapping[str, float]
    scope: str
    reading: Reading
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a method returns: masks of the layers it prunes, and the parameters it set anew.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> def first_rows(request):
    ...     masks = {name: np.zeros(w.shape, bool) for name, w in request.weights.items()}
    ...     for mask in masks.values():
    ...         mask[: len(mask) // 2] = True
    ...     return regions.pruning.Selection(masks=masks)
    >>> pairs = [(np.ones((2, 2)), None), (np.ones((1, 2)), None)]
    >>> regions.prune(pairs, 0.5, first_rows)["layer1"].tolist()
    [[True, True], [False, False]]
    """

    masks: Mapping[str, np.ndarray]
    repaired: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Criterion(ABC):
    """One score per weight, higher is better: a named choice whose fields are its options.

    `prune` keeps the best weights of each layer (or of all layers together), plainly or repaired.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> pairs = [(np.array([[3.0, 1.0], [2.0, 0.5]]), None), (np.array([[0.1, 4.0]]), None)]
    >>> regions.prune(pairs, 0.5, regions.pruning.CRITERIA["magnitude"]())["layer1"].tolist()
    [[True, False], [True, False]]
    """

    name: ClassVar[str]

    @abstractmethod
    def __call__(self, request: Request) -> Mapping[str, np.ndarray]:
        """Return the scores of each layer in `request.weights`, in the weight's shape."""


@dataclass(frozen=True)
class Method(ABC):
    """What chooses the masks itself: whole units, blocks, or weights that it changes.

    Attributes
    ----------
    name : str
        The public word for it.
    shares : bool
        Whether a weight may belong to several layers.

    Examples
    --------
    >>> import numpy as np
    >>> import regions
    >>> pairs = [(np.ones((2, 2)), None), (np.ones((1, 2)), None)]
    >>> regions.prune(pairs, 0.5, regions.pruning.METHODS["disjoint"](), rng=0).counts
    {'layer1': 2, 'output': 2}
    """

    name: ClassVar[str]
    shares: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, request: Request) -> Selection:
        """Return the masks of the layers in `request.weights`."""


Function = Callable[[Request], Mapping[str, np.ndarray] | Selection]
