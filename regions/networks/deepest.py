"""The largest ball, or what is deepest, inside linear inequalities, by a linear program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog

Bounds = Sequence[tuple[float | None, float | None]]


def deepest(
    rows: np.ndarray, limits: np.ndarray, bounds: Bounds | None = None, most: float | None = None
) -> tuple[np.ndarray, float] | None:
    """Return the point y with the largest slack t in all of ``rows @ y + t <= limits``, and t.

    Where rows have length 1, t is the radius of the largest ball. All in float64.

    Parameters
    ----------
    rows, limits : (m, d) and (m,) arrays
    bounds : sequence of (low, high), optional
        Of the coordinates; by default none.
    most : float, optional
        t is at most this.

    Returns
    -------
    (point, slack) or None
        None if no y has t >= 0, or t grows without end.

    Examples
    --------
    >>> import numpy as np
    >>> point, radius = deepest(np.array([[1.0], [-1.0]]), np.array([3.0, 1.0]))
    >>> float(point[0]), float(radius)
    (1.0, 2.0)
    """
    d = rows.shape[1]
    table = np.column_stack([rows, np.ones(len(rows))])
    every = [*([(None, None)] * d if bounds is None else bounds), (0.0, most)]
    found = linprog(-np.eye(d + 1)[d], table, limits, bounds=every)
    return (found.x[:d], -found.fun) if found.status == 0 else None
