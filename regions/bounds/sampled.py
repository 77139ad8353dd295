"""Ranks of random supports, many at once."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

SAMPLERS = ("bernoulli", "exact")
# entries, and rows plus columns, of the supports that are matched together
_BATCH = 1_000_000
_SPARSE = 0.02


def sampled_ranks(
    rows: int,
    cols: int,
    density: float,
    samples: int,
    rng: np.random.Generator,
    sampler: str = "bernoulli",
) -> np.ndarray:
    """Return the structural ranks of `samples` random supports.

    The supports are blocks of one large sparse matrix, whose maximum matching is a maximum
    matching of each: one call in place of `samples`.
    """
    size = max(rows + cols, density * rows * cols if density <= _SPARSE else rows * cols)
    batch = max(1, min(samples, int(_BATCH / size)))
    counts = [min(batch, samples - done) for done in range(0, samples, batch)]
    return np.concatenate(
        [_ranks(random_supports(rows, cols, density, n, rng, sampler), n) for n in counts]
    )


def _ranks(blocks: sparse.csr_array, count: int) -> np.ndarray:
    columns = maximum_bipartite_matching(blocks, perm_type="column")
    return (columns.reshape(count, -1) >= 0).sum(axis=1)


def random_supports(
    rows: int,
    cols: int,
    density: float,
    count: int,
    rng: np.random.Generator,
    sampler: str = "bernoulli",
) -> sparse.csr_array:
    """Return independent random supports as the diagonal blocks of one sparse matrix.

    ``"bernoulli"`` keeps every entry with probability `density`, ``"exact"`` keeps
    round(density * rows * cols) entries of every block.
    """
    entries = rows * cols
    if sampler == "exact":
        kept = round(density * entries)
        places = np.concatenate([_subset(entries, kept, rng) + i * entries for i in range(count)])
    else:
        places = _successes(count * entries, density, rng)
    row = places // cols
    column = places - row * cols + row // rows * cols
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=count * rows))])
    return sparse.csr_array(
        (np.ones(places.size, np.int8), column.astype(np.int32), starts.astype(np.int32)),
        shape=(count * rows, count * cols),
    )


def _successes(trials: int, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Return the positions of successes in Bernoulli trials."""
    if probability > _SPARSE:
        return np.flatnonzero(rng.random(trials) < probability)
    if probability == 0.0:
        return np.zeros(0, np.int64)
    mean = trials * probability
    size = int(mean + 6.0 * mean**0.5 + 12.0)
    places = np.array([-1])
    while places[-1] < trials:  # almost always once
        gaps = np.minimum(rng.geometric(probability, size=size), trials + 1)  # no overflow
        places = np.concatenate([places, places[-1] + np.cumsum(gaps)])
    return places[1 : np.searchsorted(places, trials)]


def _subset(population: int, size: int, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.choice(population, size=size, replace=False, shuffle=False))
