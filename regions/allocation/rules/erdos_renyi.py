"""Erdos-Renyi densities: sparser where a layer is wide on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from regions.allocation.objective import Rule
from regions.allocation.problem import Problem


@dataclass(frozen=True)
class ErdosRenyi(Rule):
    """Counts with density proportional to (n_in + n_out) / (n_in n_out).

    Mocanu et al. (arXiv:1707.04780); kernels count as in Evci et al. (arXiv:1911.11134), whose
    layers that would exceed density one are kept whole and the rest is rescaled.
    """

    name = "er"

    def counts(self, problem: Problem) -> dict[str, int]:
        return problem.share({name: _share(problem.shapes[name], 2) for name in problem.free})


@dataclass(frozen=True)
class ErdosRenyiKernel(Rule):
    """Counts with density proportional to the sum over the product of all weight axes.

    Evci et al. (arXiv:1911.11134): n_in + n_out + kernel height + width over their product; for
    fully connected layers the same as Erdos-Renyi.
    """

    name = "erk"

    def counts(self, problem: Problem) -> dict[str, int]:
        return problem.share(
            {name: _share(problem.shapes[name], len(problem.shapes[name])) for name in problem.free}
        )


def _share(shape: tuple[int, ...], axes: int) -> float:
    density = sum(shape[:axes]) / prod(shape[:axes])
    return density * prod(shape)
