"""The expected bound of widths, or of a network, over random masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from regions.bounds.bound import ACTIVATION_REGIONS, Bound
from regions.bounds.cai import log2_expected
from regions.bounds.ranks import log_rank_distribution
from regions.bounds.reading import Architecture, read_architecture, read_densities, read_dim
from regions.errors import ArgumentError, UnsupportedModelError
from regions.randomness import Rng, check_rng


@dataclass(frozen=True)
class Expected:
    """Cai et al.'s bound on average over random masks of given layer densities.

    Attributes
    ----------
    rank : {"sampled", "binomial", "mean"}
        `method` of `rank_distribution`.
    samples, rng, sampler
        As for `rank_distribution`.

    Notes
    -----
    Networks with convolutions are refused, as the formula has no form for them. It takes from a
    layer nothing but its shape and density, since entries of its matrix are kept independently.
    A weight of a kernel stands in that matrix once for every position, and is kept at all of them
    or at none. Take a 1x1 convolution between two channels and two, of n positions each, that keeps
    2 of its 4 weights. Two of the 6 masks, the diagonals, give rank 2n, the other four rank n: the
    mean is 4n/3. A matrix of 2n x 2n independent entries, kept with probability 1/2, has nearly
    full rank for large n. So no function of shape and density is right for both. For convolutions
    average the bound of drawn masks:
    ``np.mean([upper_bound(net, "rank", masks=prune(net, p, "random", rng=i)).log2 for i in
    range(40)])`` estimates the mean of the logarithm without bias.

    Examples
    --------
    >>> import regions
    >>> regions.upper_bound([2, 4, 4, 1], "expected", density=0.5, rng=0).log2 < 8
    True
    """

    name: ClassVar[str] = "expected"
    rank: str = "sampled"
    samples: int = 200
    rng: Rng = 0
    sampler: str = "bernoulli"

    def bound(self, widths_or_net: Any, density: Any, dim: int | None) -> Bound:
        """Return the bound for `density`, one number or one per layer."""
        if density is None:
            raise ArgumentError(
                "kind='expected' is an average over random masks and needs density=, one number "
                "or one per layer; use kind='serra' for layers with all their weights."
            )
        architecture = read_architecture(widths_or_net)
        widths, names = architecture.widths, _weight_names(architecture)
        densities = read_densities(density, names, len(widths) - 1)
        size = read_dim(dim, widths[0])
        log_pmfs = layer_distributions(
            widths, densities, self.rank, self.samples, self.rng, self.sampler
        )
        return Bound(
            kind=self.name,
            side="upper",
            log2=log2_expected(widths, log_pmfs, size, _keeps(architecture)),
            value=None,
            bounds=ACTIVATION_REGIONS,
            dim=size,
            widths=widths,
            density=densities,
            rank=self.rank,
            samples=self.samples if self.rank == "sampled" else None,
            counts_output=architecture.net is None,
        )


def layer_distributions(
    widths: Sequence[int],
    densities: Sequence[float],
    rank: str = "sampled",
    samples: int = 200,
    rng: Rng = 0,
    sampler: str = "bernoulli",
) -> list[np.ndarray]:
    """Return the log-probabilities of the ranks of every layer, with independent draws in each."""
    shapes = zip(widths[1:], widths[:-1], densities, strict=True)
    seeds = _layer_seeds(rng, len(widths) - 1)
    return [
        log_rank_distribution(rows, cols, p, rank, samples, seed, sampler)
        for (rows, cols, p), seed in zip(shapes, seeds, strict=True)
    ]


def _layer_seeds(rng: Rng, layers: int) -> list:
    """Return one source per layer: integers from an integer, so that results are remembered."""
    check_rng(rng)
    if isinstance(rng, Integral):
        return [int(s) for s in np.random.SeedSequence(int(rng)).generate_state(layers, np.uint64)]
    return [np.random.default_rng(rng)] * layers


def _weight_names(architecture: Architecture) -> list[str]:
    """Return the names that densities can be given for, in order."""
    if architecture.net is None:
        return [*(f"layer{i}" for i in range(1, len(architecture.widths) - 1)), "output"]
    net = architecture.net
    shapes = list(net.prunable.values())
    widths = net.widths
    if shapes != list(zip(widths[1:], widths[:-1], strict=True)):
        raise UnsupportedModelError(
            "kind='expected' models every layer as a random matrix with independent entries, "
            f"which the weights {dict(net.prunable)} of this network are not (convolutions, "
            "residual connections or linear layers without ReLU); draw masks and average "
            "kind='rank', 'rows' or 'live' over them (regions.bounds.Expected says why)."
        )
    return list(net.prunable)


def _keeps(architecture: Architecture) -> list[bool] | None:
    if architecture.net is None:
        return None
    return [layer.slope != 0.0 for layer in architecture.net.relu_layers]
