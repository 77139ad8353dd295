"""Serra's recursion over the units of one mask that are fed."""

from __future__ import annotations

from regions.bounds.recursion import Step
from regions.bounds.supports import Supports, fed, steps_between


def live_steps(supports: Supports) -> list[Step]:
    """Return steps that count only live units: those with a weight from a live unit or an input.

    Units that are constant over all inputs are folded into the biases after them: their rows and
    columns are deleted before units and ranks are counted, layer by layer. The result bounds the
    activation regions of every network on the mask. Derived for this package.
    """
    return steps_between(supports, fed(supports))
