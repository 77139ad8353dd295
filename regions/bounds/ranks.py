"""Distribution of the rank of a random sparse matrix: sampled, binomial, or its mean alone."""

from __future__ import annotations

import math
from functools import lru_cache
from numbers import Integral

import numpy as np
from scipy.special import xlogy

from regions.arguments import check_whole
from regions.bounds.cells import log_binomials
from regions.bounds.karp_sipser import mean_rank
from regions.bounds.sampled import SAMPLERS, sampled_ranks
from regions.choices import check_name
from regions.density import check_density
from regions.randomness import Rng, check_rng

METHODS = ("sampled", "binomial", "mean")


def rank_distribution(
    rows: int,
    cols: int,
    density: float,
    method: str = "sampled",
    samples: int = 200,
    rng: Rng = 0,
    sampler: str = "bernoulli",
) -> np.ndarray:
    """Return the probabilities of the ranks 0..min(rows, cols) of a random sparse matrix.

    The support is random and the entries on it come from any continuous joint law; the rank then
    equals the structural rank, the size of a maximum matching of the support, almost surely.

    Parameters
    ----------
    rows, cols : int
        Shape of the matrix.
    density : float
        Probability that an entry is non-zero, or the fraction of non-zero entries.
    method : {"sampled", "binomial", "mean"}
        ``"sampled"``: frequencies of the structural rank of `samples` random supports.
        ``"binomial"``: the number of non-empty rows of the smaller side,
        Binomial(m, 1 - (1 - density)^n) with m <= n, which is never below the rank (Cai et al.,
        arXiv:2301.07966, closed form; here the empty matrix keeps its probability).
        ``"mean"``: all mass on the two integers around the Karp-Sipser mean of
        `regions.bounds.karp_sipser`, split so that the mean is kept.
    samples : int
        Number of random supports of ``"sampled"``.
    rng : int, numpy.random.Generator or None
        Source of randomness of ``"sampled"``; an integer always gives the same answer.
    sampler : {"bernoulli", "exact"}
        Supports of ``"sampled"``: every entry kept independently with probability `density`, or
        exactly round(density * rows * cols) entries kept, as pruning does.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (min(rows, cols) + 1,), summing to one.

    Raises
    ------
    regions.errors.ArgumentError
        For a shape below one, a density outside [0, 1], or an unknown method or sampler.

    Examples
    --------
    >>> import regions
    >>> regions.rank_distribution(2, 2, 0.5, method="binomial").round(4).tolist()
    [0.0625, 0.375, 0.5625]
    """
    return np.exp(log_rank_distribution(rows, cols, density, method, samples, rng, sampler))


def log_rank_distribution(
    rows: int,
    cols: int,
    density: float,
    method: str = "sampled",
    samples: int = 200,
    rng: Rng = 0,
    sampler: str = "bernoulli",
) -> np.ndarray:
    """Return the natural logarithms of `rank_distribution`.

    High ranks can be too rare for a float and still carry the expected bound.
    """
    rows, cols, samples = (
        check_whole(value, name)
        for value, name in ((rows, "rows"), (cols, "cols"), (samples, "samples"))
    )
    density = check_density(density, empty=True)
    check_name("method", method, METHODS)
    check_name("sampler", sampler, SAMPLERS)
    check_rng(rng)
    if density in (0.0, 1.0):
        return _log(_certain(min(rows, cols), min(rows, cols) * int(density)))
    if method != "sampled":
        return (_log_binomial if method == "binomial" else _log_two_point)(rows, cols, density)
    if isinstance(rng, Integral):
        return _log_sampled_once(rows, cols, density, samples, int(rng), sampler)
    return _log_sampled(rows, cols, density, samples, np.random.default_rng(rng), sampler)


@lru_cache(maxsize=4096)
def _log_two_point(rows: int, cols: int, density: float) -> np.ndarray:
    mean = mean_rank(rows, cols, density)
    below = min(math.floor(mean), min(rows, cols) - 1)
    probabilities = np.zeros(min(rows, cols) + 1)
    probabilities[below : below + 2] = below + 1 - mean, mean - below
    return _log(probabilities)


@lru_cache(maxsize=4096)
def _log_binomial(rows: int, cols: int, density: float) -> np.ndarray:
    small, large = sorted((rows, cols))
    log_empty = large * math.log1p(-density)
    k = np.arange(small + 1)
    terms = xlogy(k, -math.expm1(log_empty)) + (small - k) * log_empty
    terms += log_binomials(small, small)
    return _frozen(terms - np.logaddexp.reduce(terms))


@lru_cache(maxsize=1024)
def _log_sampled_once(
    rows: int, cols: int, density: float, samples: int, seed: int, sampler: str
) -> np.ndarray:
    return _log_sampled(rows, cols, density, samples, np.random.default_rng(seed), sampler)


def _log_sampled(
    rows: int,
    cols: int,
    density: float,
    samples: int,
    rng: np.random.Generator,
    sampler: str,
) -> np.ndarray:
    ranks = sampled_ranks(rows, cols, density, samples, rng, sampler)
    return _log(np.bincount(ranks, minlength=min(rows, cols) + 1) / samples)


def _certain(top: int, rank: int) -> np.ndarray:
    probabilities = np.zeros(top + 1)
    probabilities[rank] = 1.0
    return probabilities


def _log(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return _frozen(np.log(probabilities))


def _frozen(row: np.ndarray) -> np.ndarray:
    row.setflags(write=False)
    return row
