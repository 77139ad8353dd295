"""Montufar's bounds of 2014 (lower) and 2017 (upper)."""

from __future__ import annotations

from math import prod

from regions.bounds.cells import Arrangement, zaslavsky
from regions.bounds.recursion import Step, input_dims
from regions.errors import ArgumentError


def bottleneck(steps: list[Step], dim: int) -> list[Arrangement]:
    """Return the factors of prod_l Z(n_l, d_l), d_l = min(d_0, n_1, ..., n_{l-1}).

    d_0 is the dimension of the input subspace: no image has more dimensions than the narrowest
    layer before it. Montufar, "Notes on the number of linear regions of deep neural networks",
    SampTA 2017.
    """
    dims = input_dims(steps, dim)[:-1]
    return [(step.units, d) for step, d in zip(steps, dims, strict=True)]


def folding(widths: tuple[int, ...]) -> int:
    """Return prod_{l<L} floor(n_l / n_0)^{n_0} * Z(n_L, n_0), reached by folding the input space.

    Needs n_l >= n_0 in every layer. Montufar, Pascanu, Cho and Bengio, NeurIPS 2014
    (arXiv:1402.1869).
    """
    n0, *hidden = widths
    if min(hidden) < n0:
        raise ArgumentError(
            f"the lower bound 'montufar' needs every layer at least as wide as the input "
            f"({n0}), got widths {list(widths)}; use a smaller input or kind='arora'."
        )
    return prod((n // n0) ** n0 for n in hidden[:-1]) * zaslavsky(hidden[-1], n0)
