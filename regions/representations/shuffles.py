"""Pairs whose samples are shuffled: the null of layers that no formula describes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from regions.representations.pair import Pair, pair_layers
from regions.representations.rows import host

_PEAKED = 0.02  # excess of the fourth moment, which moves a mean of singular values by a quarter
_COEFFICIENTS = 4000  # that all shuffles give together
_FEWEST = 5
_MOST = 200


def peaked(pair: Pair) -> bool:
    """Return whether both layers have neurons that vary on a handful of samples only.

    Shuffled samples of such layers do not meet like random directions. With orthonormal rows q_i
    and p_i of the two sides and a shuffle s, sum_i |q_i|^4 |p_s(i)|^4 comes on top of what random
    directions give for sum rho^4, rank_x rank_y (rank_x + rank_y) / n^2; the ratio of the two
    decides, with the neurons in place of the directions. Known only where rows are held.
    """
    sizes = len(pair.x.live), len(pair.y.live)
    found = pair.x.peakedness, pair.y.peakedness
    if found[0] is None or found[1] is None:
        return False
    return pair.n * found[0] * found[1] > _PEAKED * sizes[0] * sizes[1] * sum(sizes)


def shuffles(pair: Pair) -> Iterator[Pair]:
    """Yield pairs with the samples of the second layer in seeded random orders."""
    generator, rows = np.random.default_rng(0), host(pair.y.rows)
    smaller = min(len(pair.x.live), len(pair.y.live))
    for _ in range(int(np.clip(_COEFFICIENTS // smaller, _FEWEST, _MOST))):
        order = generator.permutation(pair.n)
        yield pair_layers(pair.x, replace(pair.y, matrix=rows[order], centred=None))
