"""One arrangement per layer, multiplied."""

from __future__ import annotations

from regions.bounds.cells import Arrangement
from regions.bounds.recursion import Step


def product_of_layers(steps: list[Step], dim: int) -> list[Arrangement]:
    """Return the factors of prod_l Z(n_l, n_{l-1}): each layer cuts regions in its own input.

    The first factor uses the dimension of the input subspace. Cai et al. (arXiv:2301.07966)
    attribute the form to Raghu et al. (arXiv:1606.05336).
    """
    sizes = [dim, *(step.units + step.carried for step in steps[:-1])]
    return [(step.units, size) for step, size in zip(steps, sizes, strict=False)]
