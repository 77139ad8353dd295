"""What a bound is: a number, what it bounds, and where it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd

ACTIVATION_REGIONS = "activation regions"
AFFINE_PIECES = "affine pieces"


@dataclass(frozen=True, kw_only=True, repr=False)
class Bound(Result):
    """A bound on the number of linear regions of a ReLU network; never an exact count.

    Attributes
    ----------
    kind : str
        The theorem, as named in `upper_bound` or `lower_bound`.
    side : str
        ``"upper"`` or ``"lower"``.
    log2 : float
        Base-2 logarithm of the bound.
    value : int or None
        The bound itself where it is an integer (and not too long to be worth writing out);
        None for expectations.
    bounds : str
        ``"activation regions"`` (full-dimensional, of the ReLU layers counted) or
        ``"affine pieces"`` (connected pieces of the function, never more than the former).
    dim : int
        Dimension of the affine subspace of inputs that is looked at; the bound holds on all of
        it and so on every subset of it.
    widths : tuple of int
        Input size, then the size of every layer counted as a ReLU layer.
    counts_output : bool
        Whether the last of these layers is the output: of widths given as numbers it is counted,
        of a network it is not.
    density : tuple of float or None
        Layer densities of an expectation over random masks.
    rank : str or None
        How the rank distributions of an expectation were found.
    samples : int or None
        Number of random supports (or masks) behind an estimated expectation.

    Examples
    --------
    >>> import regions
    >>> bound = regions.upper_bound([2, 4, 1], "montufar")
    >>> bound.value, round(bound.log2, 3)
    (22, 4.459)
    """

    kind: str
    side: str
    log2: float
    value: int | None
    bounds: str
    dim: int
    widths: tuple[int, ...]
    density: tuple[float, ...] | None = None
    rank: str | None = None
    samples: int | None = None
    counts_output: bool = False

    @property
    def is_expectation(self) -> bool:
        """Whether the bound holds on average over random masks, not for one given mask."""
        return self.kind == "expected"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready Python objects."""
        return jsonable(self)

    def to_frame(self) -> pd.DataFrame:
        """Return the fields as a table with one row."""
        import pandas as pd

        return pd.DataFrame([{**vars(self), "value": str(self.value) if self.value else None}])

    def summary(self) -> str:
        """Return the bound in words."""
        amount = f"2^{self.log2:.4g}" if self.value is None else _readable(self.value, self.log2)
        limit = "at most" if self.side == "upper" else "for suitable weights at least"
        where = f"inputs in {self.dim} of {self.widths[0]} dimensions"
        widths = "-".join(str(width) for width in self.widths)
        if self.counts_output:
            widths += f" with the {self.widths[-1]} outputs counted as ReLU units"
        text = f"{limit} {amount} {self.bounds} ({self.kind} bound, widths {widths}, {where})"
        if not self.is_expectation:
            return text
        source = "" if self.samples is None else f", estimated from {self.samples} random masks"
        return f"on average over random masks, {text}{source}"


def _readable(value: int, log2: float) -> str:
    return f"{value:,}" if log2 < 64 else f"2^{log2:.4f}"
