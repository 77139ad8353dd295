"""Serra's recursion with the ranks and the non-empty rows of one mask."""

from __future__ import annotations

import numpy as np

from regions.bounds.rank import rank_steps
from regions.bounds.recursion import Step
from regions.bounds.supports import Supports


def rows_steps(supports: Supports) -> list[Step]:
    """Return `rank_steps` with m_l, the number of units with a weight left, in place of n_l.

    R_l(d) = sum_{j <= min(r_l, d)} C(m_l, j) R_{l+1}(min(m_l - j, d, r_l)): a unit without weights
    defines no hyperplane and outputs a constant, which adds no dimension. Derived for this
    package.
    """
    return [
        _non_empty(step, np.diff(layer.matrix.indptr) > 0, layer.units)
        for step, layer in zip(rank_steps(supports), supports.layers, strict=True)
    ]


def _non_empty(step: Step, rows: np.ndarray, units: int) -> Step:
    return step._replace(units=int(rows[:units].sum()), carried=int(rows[units:].sum()))
