"""The heaviest set of paths through consecutive layers that share no unit: a flow problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse

from regions.errors import BudgetError
from regions.pruning.methods.clock import Clock

# Best partners of a unit that are looked at where paths have several edges.
_PARTNERS = 24
_FORBIDDEN = -1e12
_INHIBITORY = 1e6
_NO_LIMIT = Clock.start(None)

Edges = list[tuple[np.ndarray, np.ndarray]]


def scaled(matrix: np.ndarray) -> np.ndarray:
    """Return the sizes of weights over their root mean square."""
    size = np.sqrt(np.mean(np.square(matrix)))
    return np.abs(matrix) / (size if size > 0 else 1.0)


def edge_scores(matrix: np.ndarray, sizes: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return sizes as scores: excitatory weights (w > 0) first, -inf for what is not allowed."""
    return np.where(allowed, sizes - _INHIBITORY * (matrix < 0.0), -np.inf)


def heaviest_disjoint_paths(
    scores: Sequence[np.ndarray], count: int, share: int = 1, clock: Clock = _NO_LIMIT
) -> Edges:
    """Return `count` paths of largest total score that meet in no unit.

    Parameters
    ----------
    scores : sequence of arrays
        One matrix per level, (units above, units below), the first level at the bottom; the score
        of each edge, -inf where there is none.
    count : int
        Number of paths, each with one edge per level.
    share : int
        How many paths may end in the same unit at the top.
    clock : Clock
        Stops the linear program.

    Returns
    -------
    list of (rows, columns)
        The edges of each level.

    Raises
    ------
    BudgetError
        If there are no such paths.
    OutOfTime
        If the clock says so.

    Notes
    -----
    One level is an assignment of `count` units, solved exactly (scipy). For more, maximise
    sum_e s_e x_e over 0 <= x <= 1 with at most one edge at each unit, as much flow into a unit as
    out of it, and `count` edges at the bottom. The constraints are those of a network flow, so the
    linear program has a whole-numbered optimum, which the simplex method returns. Only edges to
    the 24 best partners of a unit are looked at first, all of them if these do not suffice.

    Examples
    --------
    >>> import numpy as np
    >>> heaviest_disjoint_paths([np.array([[5.0, 4.0], [4.0, 1.0]])], 2)
    [(array([0, 1]), array([1, 0]))]
    """
    if len(scores) == 1:
        edges = _assignment(scores[0], count, share)
    else:
        few = [_candidates(matrix, _PARTNERS) for matrix in scores]
        everything = [np.nonzero(np.isfinite(matrix)) for matrix in scores]
        edges = _flow(scores, few, count, share, clock)
        edges = edges or _flow(scores, everything, count, share, clock)
    if edges is None:
        raise BudgetError(
            f"there are no {count} paths through layers of "
            f"{[scores[0].shape[1], *(m.shape[0] for m in scores)]} units that share no unit; "
            "keep more weights in the layer with the fewest, or use repair=True"
        )
    return edges


def _assignment(scores: np.ndarray, count: int, share: int) -> Edges | None:
    """Return the `count` heaviest edges without a common unit: dummies take all other units.

    Every edge scores less than a dummy, so that all dummies are taken.
    """
    above, below = len(scores) * share, scores.shape[1]
    if count > min(above, below):
        return None
    room = np.zeros((above, below + above - count))
    room[:, :below] = np.maximum(np.repeat(scores, share, axis=0), _FORBIDDEN)
    room[:, :below] -= room[:, :below].max() + 1.0
    rows, cols = optimize.linear_sum_assignment(room, maximize=True)
    rows, cols = rows[cols < below] // share, cols[cols < below]
    return [(rows, cols)] if np.isfinite(scores[rows, cols]).all() else None


def _flow(
    scores: Sequence[np.ndarray], levels: Sequence[tuple], count: int, share: int, clock: Clock
) -> Edges | None:
    """Return the heaviest paths along the edges in `levels`, or None if there are none."""
    value = np.concatenate(
        [matrix[rows, cols] for matrix, (rows, cols) in zip(scores, levels, strict=True)]
    )
    ends = np.cumsum([len(rows) for rows, _ in levels])
    starts = ends - [len(rows) for rows, _ in levels]
    above = [len(matrix) for matrix in scores]
    into = [_meeting(levels[k][0], above[k], starts[k], ends[-1]) for k in range(len(levels))]
    below = [scores[0].shape[1], *above[:-1]]
    out_of = [_meeting(levels[k][1], below[k], starts[k], ends[-1]) for k in range(len(levels))]
    passed_on = [one - two for one, two in zip(into[:-1], out_of[1:], strict=True)]
    bottom = sparse.csr_array((np.arange(ends[-1]) < ends[0]).astype(float)[None, :])
    found = optimize.linprog(
        -value,
        A_ub=sparse.vstack([out_of[0], *into]),
        b_ub=np.repeat([1.0, share], [below[0] + sum(above[:-1]), above[-1]]),
        A_eq=sparse.vstack([*passed_on, bottom]),
        b_eq=np.repeat([0.0, count], [sum(above[:-1]), 1]),
        bounds=(0.0, 1.0),
        method="highs-ds",
        options={} if clock.limit is None else {"time_limit": clock.left},
    )
    clock.check()
    if found.status != 0:
        return None
    chosen = found.x > 0.5
    return [
        (rows[chosen[start:end]], cols[chosen[start:end]])
        for (rows, cols), start, end in zip(levels, starts, ends, strict=True)
    ]


def _candidates(matrix: np.ndarray, partners: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges that are among the best of the unit above or of the unit below."""
    near = np.zeros(matrix.shape, dtype=bool)
    for axis in (0, 1):
        best = np.argsort(-matrix, axis=axis, kind="stable")
        best = np.take(best, range(min(partners, matrix.shape[axis])), axis=axis)
        np.put_along_axis(near, best, True, axis=axis)
    rows, cols = np.nonzero(near & np.isfinite(matrix))
    return rows, cols


def _meeting(units: np.ndarray, size: int, start: int, width: int) -> sparse.csr_array:
    """Return the matrix that sums a level's edges at each unit."""
    at = (units, start + np.arange(len(units)))
    return sparse.csr_array((np.ones(len(units)), at), shape=(size, width))
