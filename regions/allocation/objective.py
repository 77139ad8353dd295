"""What an allocation is judged by, and the rules that need no judgement: named choices."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from regions.allocation.problem import Counts, Problem

Evaluate = Callable[[Counts], np.ndarray]


@dataclass(frozen=True)
class Objective(ABC):
    """What is maximised; its fields are its options.

    Examples
    --------
    >>> import regions
    >>> from regions.allocation import OBJECTIVES
    >>> objective = OBJECTIVES["expected"]()
    >>> regions.allocate([784, 100, 100, 10], 0.001, objective=objective).objective
    'expected'
    """

    name: ClassVar[str]

    @abstractmethod
    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        """Return the function from the counts of all layers to the objective's values.

        That function gives one value per draw of masks (their mean is maximised), or a single one.
        """

    def ceiling(self, problem: Problem) -> float:
        """Return what no split's value exceeds: where it is reached, there is nothing to search."""
        return math.inf


@dataclass(frozen=True)
class Rule(ABC):
    """Layer densities from a formula alone, without any search.

    Examples
    --------
    >>> import regions
    >>> from regions.allocation import RULES
    >>> regions.allocate([784, 100, 100, 10], 0.01, objective=RULES["uniform"]()).counts
    {'layer1': 784, 'layer2': 100, 'output': 1000}
    """

    name: ClassVar[str]

    @abstractmethod
    def counts(self, problem: Problem) -> dict[str, int]:
        """Return the counts of the free layers."""

    def masks(self, problem: Problem) -> tuple[str, bool]:
        """Return the `criterion` and `repair` of `regions.prune` that these counts are made for."""
        return "magnitude", False
