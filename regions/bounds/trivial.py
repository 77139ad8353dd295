"""Every pattern of N units."""

from __future__ import annotations

from regions.bounds.cells import Arrangement
from regions.bounds.recursion import Step


def patterns(steps: list[Step], dim: int) -> list[Arrangement]:
    """Return the factors of 2^N = prod_l Z(n_l, n_l): a region for every activation pattern.

    Holds for every network; the upper bound that Montufar, Pascanu, Cho and Bengio
    (arXiv:1402.1869) compare their construction with.
    """
    return [(step.units, step.units) for step in steps]
