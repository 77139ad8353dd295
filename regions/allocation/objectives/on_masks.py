"""Bounds for given masks: objectives that differ in the bound alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from regions.allocation.draws import ChainDraw, Draw, GraphDraw, make_draws
from regions.allocation.objective import Evaluate, Objective
from regions.allocation.problem import Counts, Problem
from regions.bounds.cai import LOG_2, log2_at_ranks
from regions.bounds.on_mask import log2_on_mask
from regions.bounds.recursion import Step, log_count
from regions.bounds.supports import Supports, supports_of_network
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

    def ceiling(self, problem: Problem) -> float:
        if not problem.is_perceptron:
            return inf
        widths = problem.widths if self.count_output else problem.widths[:-1]
        size = widths[0] if self.dim is None else self.dim
        return log2_at_ranks(widths, [min(pair) for pair in pairwise(widths)], size)


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
    if not problem.is_perceptron:
        chain_of = _of_model(problem)
        return lambda counts: np.array(
            [log2_on_mask(chain_of(draw, counts), kind, dim) for draw in draws]
        )
    steps_of = _of_layers(problem, kind, count_output)
    size = problem.widths[0] if dim is None else dim
    return lambda counts: np.array(
        [log_count(steps_of(draw, counts), size) / LOG_2 for draw in draws]
    )


def _of_layers(problem: Problem, kind: str, count_output: bool) -> Callable[[Any, Counts], Any]:
    names = list(problem.shapes) if count_output else list(problem.shapes)[:-1]
    everything = [np.ones(width, dtype=bool) for width in problem.widths]

    def steps(draw: ChainDraw, counts: Counts) -> list[Step]:
        states = everything
        if kind in ("live", "effective"):
            states = draw.fed(counts)
        if kind == "effective":
            states = [one & two for one, two in zip(states, draw.feeding(counts), strict=True)]
        found = []
        for name, cols, rows in zip(names, states, states[1:], strict=False):
            rank = draw.rank(name, counts[name], rows, cols)
            counted = draw.layers[name].filled(counts[name]) if kind == "rows" else rows
            found.append(Step(int(np.count_nonzero(counted)), rank, rank))
        return found

    return steps


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
