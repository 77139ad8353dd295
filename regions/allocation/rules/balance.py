"""Balance: counts by magnitude, and one weight more for each end of a unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.allocation.rules.lamp import lamp_scores
from regions.allocation.rules.ranking import counts_of_best
from regions.networks.steps import Scale
from regions.pruning.methods.disjoint import path_count


@dataclass(frozen=True)
class Balance(Rule):
    """Counts in proportion to g + m + n: m x n layers, g weights among the largest of all.

    Two things make a sparse layer useful. *Magnitude* says where the trained network spent its
    weights: of the K best of all layers, g are in this one. *Connections*, of which magnitude
    knows nothing, decide where weights are few: a layer of m units that reads n values (every tap
    of a kernel is one) needs m + n weights to give each of them one connection. So each layer gets
    its count by magnitude and one weight for each end of a unit, rescaled to the budget:

        k = K (g + m + n) / (K + M),    M = sum of m + n over the layers.

    Connections have the share M / (K + M) of the budget. Far above M the counts are those by
    magnitude, far below M those of an Erdos-Renyi graph; there is no constant to choose. No layer
    gets fewer weights than the disjoint paths that so few weights can form
    (`regions.pruning.methods.disjoint.path_count`).

    Which weights are largest: where layers are normalised (batch norm), by magnitude as it is.
    Elsewhere a layer can be multiplied and the next one divided by the same number without any
    change of the function, so that magnitudes of two layers cannot be compared; there the scores of
    LAMP, which such factors do not change, rank them. Of widths alone, g is in proportion to the
    layer's size.

    Masks: disjoint paths for dense layers of fewer weights than ends (K < M), else repaired
    magnitude. With more weights, and with kernels, which read every position, paths are no
    bottleneck, and magnitude chooses better than the spreading of inputs does.

    The formula is ours. Its limits: global magnitude or LAMP (Lee et al., arXiv:2010.07611), and
    layers by m + n (Mocanu et al., arXiv:1707.04780). See `regions.allocate` for what it was
    measured on.
    """

    name = "balance"

    def counts(self, problem: Problem) -> dict[str, int]:
        ends = _ends(problem)
        if problem.weights is None:
            large = problem.uniform()
        else:
            large = counts_of_best(problem, np.abs if _is_normalised(problem) else lamp_scores)
        narrowest = min(problem.shapes[name][0] for name in ends)
        paths = path_count(problem.budget, len(ends), narrowest)
        least = {n: max(low, min(paths, problem.most[n])) for n, low in problem.least.items()}
        if sum(least.values()) <= problem.budget:  # else the caller's own minima leave no room
            problem = replace(problem, least=least)
        return problem.share({name: float(large[name] + ends[name]) for name in ends})

    def masks(self, problem: Problem) -> tuple[str, bool]:
        ends = _ends(problem)
        dense = all(len(problem.shapes[name]) == 2 for name in ends)
        few = problem.budget < sum(ends.values())
        return ("disjoint", False) if dense and few else ("magnitude", True)


def _ends(problem: Problem) -> dict[str, int]:
    """Return m + n for every free layer: its outputs, and what each of them reads."""
    shapes = {name: problem.shapes[name] for name in problem.free}
    return {name: shape[0] + prod(shape[1:]) for name, shape in shapes.items()}


def _is_normalised(problem: Problem) -> bool:
    """Tell whether most free layers are rescaled right after, element by element."""
    steps = problem.wiring("rule 'balance'").steps
    layer_of = {step.name: step.module for step in steps if step.module in problem.least}
    scaled = {layer_of[step.inputs[0]] for step in steps
              if isinstance(step, Scale) and step.inputs[0] in layer_of}  # fmt: skip
    return 2 * len(scaled) > len(problem.least)
