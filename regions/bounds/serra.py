"""Serra, Tjandraatmadja and Ramalingam's bounds (ICML 2018, arXiv:1711.02114)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from regions.bounds.arora import zonotope
from regions.bounds.cells import zaslavsky
from regions.bounds.recursion import Step
from regions.errors import ArgumentError


def serra_steps(widths: Sequence[int]) -> list[Step]:
    """Return the recursion's steps for layers with all their weights.

    The recursion over them is the sum over J of prod_l C(n_l, j_l), where J holds all
    0 <= j_l <= min(n_0, n_1 - j_1, ..., n_{l-1} - j_{l-1}, n_l): inactive units lose image
    dimensions.
    """
    return [Step(width, width, width) for width in widths[1:]]


def zigzag(widths: tuple[int, ...]) -> int:
    """Return the better of the two lower bounds of the paper that apply to these widths.

    (i) prod_{l<L} (floor(n_l / n_0) + 1)^{n_0} * Z(n_L, n_0), if every n_l >= 3 n_0;
    (ii) 2 Z(m - 1, n_0 - 1) (w + 1)^{L-1} with 2m units in the first layer and w >= 2 in the
    others. Units beyond 2m and beyond the narrowest later layer w are left unused in (ii).
    """
    n0, *hidden = widths
    values = []
    if min(hidden) >= 3 * n0:
        values.append(prod((n // n0 + 1) ** n0 for n in hidden[:-1]) * zaslavsky(hidden[-1], n0))
    if hidden[0] >= 2 and min(hidden[1:], default=2) >= 2:
        values.append(zonotope(widths, teeth=min(hidden[1:], default=0) + 1))
    if not values:
        raise ArgumentError(
            f"the lower bound 'serra' needs every layer at least 3 times as wide as the input, "
            f"or at least 2 units in every layer, got widths {list(widths)}."
        )
    return max(values)
