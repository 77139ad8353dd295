"""The bounds of one mask as plain logarithms, for searches that need thousands of them."""

from __future__ import annotations

from collections.abc import Callable

from regions.bounds.activation import activation_count
from regions.bounds.cai import LOG_2
from regions.bounds.effective import effective_steps
from regions.bounds.live import live_steps
from regions.bounds.rank import rank_steps
from regions.bounds.recursion import Step, log_count
from regions.bounds.rows import rows_steps
from regions.bounds.supports import Supports

RECURSIONS: dict[str, Callable[[Supports], list[Step]]] = {
    "rank": rank_steps,
    "rows": rows_steps,
    "live": live_steps,
    "effective": effective_steps,
}
ON_MASK = (*RECURSIONS, "activation")


def log2_on_mask(supports: Supports, kind: str = "live", dim: int | None = None) -> float:
    """Return log2 of a bound on the network or mask that `supports` describes.

    Parameters
    ----------
    supports : Supports
        From `supports_of_masks(masks, output=None)` or `supports_of_network(net)`.
    kind : {"rank", "rows", "live", "effective", "activation"}
        As in `upper_bound`.
    dim : int, optional
        Dimension of the input subspace; default: the input size.

    Examples
    --------
    >>> import numpy as np
    >>> from regions.bounds.supports import supports_of_masks
    >>> log2_on_mask(supports_of_masks([np.eye(3)], output=np.array([[1, 1, 0]])), "effective")
    2.0
    """
    dim = supports.input_size if dim is None else dim
    if kind == "activation":
        return activation_count(supports, dim, exact=False) / LOG_2
    return log_count(RECURSIONS[kind](supports), dim) / LOG_2
