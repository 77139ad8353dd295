"""Which units of a similarity graph to keep so that each one that goes has a kept neighbour."""

from __future__ import annotations

import numpy as np


def keep_maximal(similar: np.ndarray) -> np.ndarray:
    """Return the keeper of every unit: itself if it stays, else a similar unit that stays.

    A unit goes if its closed neighbourhood lies within that of another one; of equal ones the
    last stays. So exactly one unit of each inclusion-maximal neighbourhood is kept. The kept ones
    are always a dominating set, but often far from a smallest one: of a cycle of five or more
    units none goes. `networkx.dominating_set` is the usual greedy alternative.

    Source: algorithm 3 of NeuroPrune (arXiv 2404.01306), there for attention heads; what it keeps
    was worked out for this package.

    Parameters
    ----------
    similar : array of bool, shape (n, n)
        Symmetric; the diagonal does not matter.

    Returns
    -------
    array of int, shape (n,)

    Examples
    --------
    >>> star = np.zeros((4, 4), dtype=bool)
    >>> star[0, 1:] = star[1:, 0] = True
    >>> keep_maximal(star).tolist()
    [0, 0, 0, 0]
    >>> cycle = np.roll(np.eye(5, dtype=bool), 1, axis=0)
    >>> keep_maximal(cycle | cycle.T).tolist()
    [0, 1, 2, 3, 4]
    """
    own = np.arange(len(similar))
    near = (similar | np.eye(len(similar), dtype=bool)).astype(np.float32)
    degree = near.sum(axis=1).astype(np.int64)
    within = near @ near == degree[:, None]  # [i, j]: all neighbours of i are neighbours of j
    # by size, then by place: the last of the above stays, for it has nobody above it
    place = degree * len(similar) + own
    above = np.where(within & (place > place[:, None]), place, -1)
    return np.where(above.max(axis=1) >= 0, above.argmax(axis=1), own)
