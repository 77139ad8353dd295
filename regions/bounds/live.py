"""Serra's recursion over the units of one mask that are fed."""

from __future__ import annotations

from regions.bounds.chain import Chain, fed, steps_between
from regions.bounds.recursion import Step


def live_steps(chain: Chain) -> list[Step]:
    """Return steps that count only live units: those with a weight from a live unit or an input.

    Units that are constant over all inputs are folded into the biases after them: their rows and
    columns are deleted before units and ranks are counted, layer by layer. The result bounds the
    activation regions of every network on the mask. Derived for this package.
    """
    return steps_between(chain, fed(chain))
