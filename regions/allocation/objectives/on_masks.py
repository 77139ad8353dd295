"""Bounds for given masks: objectives that differ in the bound alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.allocation.draws import ChainDraw, Draw, GraphDraw, make_draws
from regions.allocation.objective import Evaluate, Objective
from regions.allocation.problem import Counts, Problem
from regions.bounds.on_mask import log2_on_mask
from regions.bounds.supports import Supports, supports_of_masks, supports_of_network
from regions.errors import UnsupportedModelError
from regions.networks import ReLUNetwork


@dataclass(frozen=True)
class OnMasks(Objective):
    """log2 of the bound of the same name on drawn masks, one value per draw.

    Attributes
    ----------
    masks : {"magnitude", "random"}, optional
        By default "magnitude" with a model, "random" with widths.
    draws : int
        Number of random masks.
    dim, count_output
        As for `Expected`.
    """

    masks: str | None = None
    draws: int = 10
    dim: int | None = None
    count_output: bool = True

    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        drawn = make_draws(problem, self.masks, self.draws, rng)
        return bound_on_masks(problem, drawn, self.name, self.dim, self.count_output)


@dataclass(frozen=True)
class Rows(OnMasks):
    """The rank-aware bound without the rows that masks leave empty."""

    name = "rows"


@dataclass(frozen=True)
class Live(OnMasks):
    """The bound that counts a unit only if a path leads to it from an input."""

    name = "live"


@dataclass(frozen=True)
class Effective(OnMasks):
    """The bound that counts a unit only if it lies on an input-to-output path."""

    name = "effective"


def bound_on_masks(
    problem: Problem, draws: Sequence[Draw], kind: str, dim: int | None, count_output: bool
) -> Evaluate:
    """Return log2 of the bound `kind` at each draw's masks.

    The outputs of a chain count as a ReLU layer if `count_output`; those of other networks never.
    """
    chain_of = _of_layers(count_output) if problem.is_chain else _of_model(problem)

    def evaluate(counts: Counts) -> np.ndarray:
        return np.array([log2_on_mask(chain_of(draw, counts), kind, dim) for draw in draws])

    return evaluate


def _of_layers(count_output: bool) -> Callable[[Any, Counts], Supports]:
    def chain(draw: ChainDraw, counts: Counts) -> Supports:
        supports: list[Any] = draw.supports(counts)
        if count_output:
            return supports_of_masks(supports)
        return supports_of_masks(supports[:-1], output=supports[-1])

    return chain


def _of_model(problem: Problem) -> Callable[[Any, Counts], Supports]:
    graph = problem.wiring("a bound of this model")
    if not graph.is_exact:
        raise UnsupportedModelError(
            f"a bound of this model needs an exact description, and only its wiring is known: "
            f"{problem.note}"
        )
    ones = {f"{name}.weight": np.ones(shape) for name, shape in graph.weighted.items()}
    network = ReLUNetwork(graph, ones)

    def chain(draw: GraphDraw, counts: Counts) -> Supports:
        return supports_of_network(network.masked(draw.masks(counts)))

    return chain
