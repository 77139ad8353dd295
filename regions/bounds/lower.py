"""`lower_bound`: how many linear regions suitable weights can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

from regions.bounds.arora import sawtooth
from regions.bounds.bound import AFFINE_PIECES, Bound
from regions.bounds.montufar import folding
from regions.bounds.reading import read_widths
from regions.bounds.serra import zigzag
from regions.bounds.upper import MAX_UNITS
from regions.choices import check_name

KINDS: dict[str, Callable[[tuple[int, ...]], int]] = {
    "montufar": folding,
    "serra": zigzag,
    "arora": sawtooth,
}


def lower_bound(widths: Sequence[int], kind: str = "montufar") -> Bound:
    """Return a lower bound on the largest number of linear regions of dense networks.

    Parameters
    ----------
    widths : list of int
        ``[n0, n1, ..., nL]``: every layer after the input counts as a ReLU layer.
    kind : {"montufar", "serra", "arora"}
        The construction; each states the widths that it needs.

    Returns
    -------
    Bound
        Some weights reach at least this many affine pieces, and so activation regions. It says
        nothing about other weights, and nothing about pruned networks.

    Raises
    ------
    regions.errors.ArgumentError
        For bad widths, an unknown kind, or widths that the construction does not cover.

    Examples
    --------
    >>> import regions
    >>> regions.lower_bound([1, 3, 3], kind="serra").value
    16
    >>> regions.lower_bound([2, 4, 4], kind="montufar").value
    44
    """
    check_name("kind", kind, KINDS)
    sizes = read_widths(widths)
    value = KINDS[kind](sizes)
    return Bound(
        kind=kind,
        side="lower",
        log2=log2(value),
        value=value if sum(sizes[1:]) <= MAX_UNITS else None,
        bounds=AFFINE_PIECES,
        dim=sizes[0],
        widths=sizes,
        counts_output=True,
    )
