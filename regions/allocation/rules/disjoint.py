"""Disjoint: layer densities for masks of disjoint paths."""

from __future__ import annotations

from dataclasses import dataclass

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem
from regions.pruning.methods.disjoint import disjoint_counts


@dataclass(frozen=True)
class Disjoint(Rule):
    """Counts for masks of disjoint paths, ``prune(..., criterion="disjoint")``.

    K weights in L layers pay for m = min(2 sqrt(K / c), K / (c + 2), narrowest width) paths that
    cost c weights each in layers 2..L: one per layer if L = 2, two in deeper networks. Layers 2..L
    get that, layer 1 the rest. What exceeds the budget at which all units of the narrowest layer
    are in use is shared at equal densities. See `regions.pruning.methods.disjoint` for the reasons.
    """

    name = "disjoint"

    def counts(self, problem: Problem) -> dict[str, int]:
        counts = disjoint_counts(
            {name: problem.shapes[name] for name in problem.free}, problem.budget
        )
        return problem.share({name: float(count) for name, count in counts.items()})

    def masks(self, problem: Problem) -> tuple[str, bool]:
        return "disjoint", False
