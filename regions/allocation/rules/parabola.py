"""The published procedure for two layers: the top of a parabola through three expected bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.bounds.cai import log2_expected
from regions.bounds.expected import layer_distributions
from regions.errors import ArgumentError

_LINE = 30


@dataclass(frozen=True)
class Parabola(Rule):
    """The counts that Cai et al. choose (arXiv:2301.07966, section on layer densities).

    The bound of the objective 'expected' is taken at the smallest, the uniform and the largest
    possible density of the first free layer, and a parabola is laid through the three. Its
    stationary point is accepted if it lies inside, has a better bound than the uniform split, and
    prunes more from the layer with more weights; else the best of 30 densities between the
    smallest and the uniform one is taken. Because the bound at the smallest density is next to
    nothing, the stationary point hardly depends on the bound: it is near 57 % of the weights for
    the first layer whatever the density.
    """

    name = "parabola"

    def counts(self, problem: Problem) -> dict[str, int]:
        problem.require_perceptron("rule 'parabola'")
        if len(problem.free) != 2:
            raise ArgumentError(
                f"rule 'parabola' is for two free layers, but there are {list(problem.free)}; use "
                "the objective 'expected', which it approximates"
            )
        first, second = problem.free
        size, other = problem.most[first], problem.most[second]
        low, high = max(0.0, problem.budget - other), min(size, problem.budget)
        uniform = problem.budget * size / (size + other)
        at = np.array([low, uniform, high])
        values = np.array([_bound(problem, count) for count in at])
        top = _stationary(at, values)
        accepted = low < top < high and _bound(problem, top) > values[1]
        if not accepted or (top > uniform if size >= other else top < uniform):
            line = np.linspace(low, uniform, _LINE)
            top = line[int(np.argmax([_bound(problem, count) for count in line]))]
        return problem.share({first: float(top), second: problem.budget - float(top)})


def _stationary(x: np.ndarray, y: np.ndarray) -> float:
    """Return where the parabola through three points has slope zero (NaN if it is a line)."""
    curvature, slope, _ = np.polyfit(x / x[-1], y, 2)
    return -0.5 * slope / curvature * x[-1] if curvature else float("nan")


def _bound(problem: Problem, count: float) -> float:
    first, second = problem.free
    counts = {**problem.given, first: count, second: problem.budget - count}
    densities = [counts[name] / problem.sizes[name] for name in problem.shapes]
    pmfs = layer_distributions(problem.widths, densities, "binomial")
    return log2_expected(problem.widths, pmfs, problem.widths[0])
