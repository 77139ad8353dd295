"""Balance: counts by global magnitude, and one weight more for each end of a unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.allocation.rules.ranking import counts_of_best


@dataclass(frozen=True)
class Balance(Rule):
    """Counts in proportion to g + m + n: m x n layers, g weights among the largest of all.

    Two things make a sparse layer useful. *Magnitude* says where the trained network spent its
    weights: of the K largest of all layers, g are in this one. *Connections*, of which magnitude
    knows nothing, decide where weights are few: a layer of m units that reads n values (every tap
    of a kernel is one) needs m + n weights to give each of them one connection. So each layer gets
    its count by magnitude and one weight for each end of a unit, rescaled to the budget:

        k = K (g + m + n) / (K + M),    M = sum of m + n over the layers.

    Connections have the share M / (K + M) of the budget. Far above M the counts are those of global
    magnitude, far below M those of an Erdos-Renyi graph; there is no constant to choose. Magnitudes
    of different layers are compared as they are, so layers that are multiplied by hand get others.
    Of widths alone, without weights, g is in proportion to the layer's size.

    The formula is ours. Its limits: global magnitude, and layers by m + n (Mocanu et al.,
    arXiv:1707.04780). See `regions.allocate` for what it was measured on.
    """

    name = "balance"
    criterion = "disjoint"

    def counts(self, problem: Problem) -> dict[str, int]:
        if problem.weights is None:
            large = problem.uniform()
        else:
            large = counts_of_best(problem, np.abs)
        shapes = {name: problem.shapes[name] for name in problem.free}
        ends = {name: shape[0] + prod(shape[1:]) for name, shape in shapes.items()}
        return problem.share({name: float(large[name] + ends[name]) for name in shapes})
