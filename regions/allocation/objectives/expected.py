"""Cai et al.'s bound on the expected number of regions, over random masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regions.allocation.objective import Evaluate, Objective
from regions.allocation.problem import Counts, Problem
from regions.bounds.cai import log2_expected
from regions.bounds.expected import layer_distributions


@dataclass(frozen=True)
class Expected(Objective):
    """log2 E[B] (arXiv:2301.07966, section 1.1 of the paper).

    Attributes
    ----------
    rank : {"binomial", "sampled", "mean"}
        Rank distribution, see `regions.rank_distribution`. The default is the published closed
        form, which needs no random draws; "sampled" is closer to the truth and noisier.
    samples : int
        Random supports per layer and density of ``"sampled"``.
    dim : int, optional
        Dimension of the input subspace; default: the input size.
    count_output : bool
        Count the outputs as a ReLU layer, as published.

    Notes
    -----
    The bound equals its dense value over a wide range of densities (at 784-100-100-10 from density
    .0025 on), where its best point is arbitrary; and it is dominated by rare masks of high rank.
    """

    name = "expected"
    rank: str = "binomial"
    samples: int = 200
    dim: int | None = None
    count_output: bool = True

    def prepare(self, problem: Problem, rng: np.random.Generator) -> Evaluate:
        problem.require_perceptron("objective 'expected'")
        widths = problem.widths if self.count_output else problem.widths[:-1]
        sizes, seed = problem.sizes, int(rng.integers(2**62))
        names = list(problem.shapes)[: len(widths) - 1]
        dim = widths[0] if self.dim is None else self.dim

        def evaluate(counts: Counts) -> np.ndarray:
            densities = [counts[name] / sizes[name] for name in names]
            pmfs = layer_distributions(widths, densities, self.rank, self.samples, seed)
            return np.array([log2_expected(widths, pmfs, dim)])

        return evaluate
