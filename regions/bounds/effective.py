"""Serra's recursion over the units of one mask that are fed and feeding."""

from __future__ import annotations

from regions.bounds.recursion import Step
from regions.bounds.supports import Supports, fed, feeding, steps_between


def effective_steps(supports: Supports) -> list[Step]:
    """Return steps that count only effective units: live, and with a path to the output.

    A unit without such a path still splits activation regions, but the network without it
    computes the same function. The result therefore bounds the affine pieces of the function
    (definitions 3 to 6 of Stargalla, Hertrich and Reichman, arXiv:2505.16716), and not its
    activation regions. Derived for this package; "effective" as in Vysogorets and Kempe
    (JMLR 24(99), 2023).
    """
    states = [a & b for a, b in zip(fed(supports), feeding(supports), strict=True)]
    return steps_between(supports, states)
