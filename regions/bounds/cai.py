"""Cai et al.'s expectation of the rank-aware bound over random masks (arXiv:2301.07966)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regions.bounds.recursion import Step, log_count, log_layer

LOG_2 = float(np.log(2.0))


def log2_expected(
    widths: Sequence[int],
    log_pmfs: Sequence[np.ndarray],
    dim: int,
    keeps: Sequence[bool] | None = None,
) -> float:
    """Return log2 E[B(k_1, ..., k_L)] over independent ranks k_l with the given probabilities.

    R_l(d) = sum_k P_l(k) sum_{j <= min(k, d)} C(n_l, j) R_{l+1}(min(n_l - j, d, k)), R_{L+1} = 1.
    Rank and dimension only enter through min(k, d), so
    R_l(d) = sum_{k < d} P_l(k) S(k) + P_l(K >= d) S(d) with S the dense layer of
    `regions.bounds.recursion`: linear time and memory per layer, in logarithms.

    The expectation is over masks of the largest bound that weights on the mask can have; it is no
    bound for one particular pruned network.

    Parameters
    ----------
    widths : sequence of int
        Input size, then the size of every ReLU layer.
    log_pmfs : sequence of numpy.ndarray
        Natural logarithms of the probabilities of the ranks 0..min(n_l, n_{l-1}), per layer.
    dim : int
        Dimension of the input subspace.
    keeps : sequence of bool, optional
        Which layers keep dimensions when inactive (LeakyReLU); default: none.
    """
    keeps = [False] * len(log_pmfs) if keeps is None else keeps
    layers = [
        (Step(width, width, width, keeps=leaky), *_log_masses(pmf))
        for width, pmf, leaky in zip(widths[1:], log_pmfs, keeps, strict=True)
    ]
    dims = [dim]
    for step, mass, _ in layers:
        dims.append(min(dims[-1], step.units, mass.size - 1))
    after = np.zeros(dims[-1] + 1)
    for (step, mass, tail), top in zip(reversed(layers), reversed(dims[:-1]), strict=True):
        after = _average(step, mass, tail, top, after)
    return float(after[dim]) / LOG_2


def log2_at_ranks(widths: Sequence[int], ranks: Sequence[int], dim: int) -> float:
    """Return log2 B(k_1, ..., k_L), the rank-aware bound at given ranks."""
    steps = [Step(n, int(k), int(k)) for n, k in zip(widths[1:], ranks, strict=True)]
    return log_count(steps, dim) / LOG_2


def _log_masses(log_pmf: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log P(K = k) and log P(K >= k) up to the largest possible rank."""
    mass = log_pmf[: int(np.flatnonzero(np.isfinite(log_pmf))[-1]) + 1]
    return mass, np.logaddexp.accumulate(mass[::-1])[::-1]


def _average(
    step: Step, mass: np.ndarray, tail: np.ndarray, top: int, after: np.ndarray
) -> np.ndarray:
    highest = min(top, mass.size - 1)
    dense = log_layer(step, highest, after)
    below = np.concatenate([[-np.inf], np.logaddexp.accumulate(mass[:highest] + dense[:-1])])
    value = np.logaddexp(below, tail[: highest + 1] + dense)
    return np.pad(value, (0, top - highest), mode="edge")
