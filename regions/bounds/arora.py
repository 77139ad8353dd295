"""Arora, Basu, Mianjy and Mukherjee's lower bound (ICLR 2018, arXiv:1611.01491)."""

from __future__ import annotations

from regions.bounds.cells import zaslavsky
from regions.errors import ArgumentError


def sawtooth(widths: tuple[int, ...]) -> int:
    """Return 2 Z(m - 1, n_0 - 1) w^{L-1}: a zonotope's support function, then L - 1 sawteeth.

    The first layer has 2m units and the others w; units beyond 2m and beyond the narrowest later
    layer are left unused.
    """
    _, *hidden = widths
    if hidden[0] < 2:
        raise ArgumentError(
            f"the lower bound 'arora' needs at least 2 units in the first layer, "
            f"got widths {list(widths)}."
        )
    return zonotope(widths, teeth=min(hidden[1:], default=1))


def zonotope(widths: tuple[int, ...], teeth: int) -> int:
    """Return 2 Z(m - 1, n_0 - 1) teeth^{L-1}, with m = floor(n_1 / 2)."""
    n0, first, *later = widths
    return 2 * zaslavsky(first // 2 - 1, n0 - 1) * teeth ** len(later)
