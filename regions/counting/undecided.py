"""The account of decisions that were left to float64, exact arithmetic being out of reach."""

from __future__ import annotations

import warnings
from dataclasses import dataclass


class UncertifiedWarning(UserWarning):
    """What was returned rests on decisions that could be neither certified nor settled.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", UncertifiedWarning)  # refuse what is not certain
    """


@dataclass
class Undecided:
    """How many decisions could be neither certified nor settled, and how close they were.

    Attributes
    ----------
    number : int
    resolution : float
        The largest relative bound of rounding errors that left one open.

    Examples
    --------
    >>> left = Undecided()
    >>> left.add(Undecided(2, 1e-12))
    >>> left
    Undecided(number=2, resolution=1e-12)
    """

    number: int = 0
    resolution: float = 0.0

    def add(self, other: Undecided) -> None:
        """Take in others."""
        self.number += other.number
        self.resolution = max(self.resolution, other.resolution)

    def details(self) -> dict[str, float]:
        """Return both by the names that results have for them; nothing if nothing was left."""
        if not self.number:
            return {}
        return {"doubtful": self.number, "resolution": self.resolution}

    def warn(self, what: str) -> None:
        """Give an UncertifiedWarning about `what` if anything was left."""
        if self.number:
            warnings.warn(
                f"{self.number} decisions about {what} were left to float64 (the closest within a "
                f"relative {self.resolution:.1e}): the network is too large for exact arithmetic, "
                "so some may be missing, or be none; take a smaller network or domain, or report "
                "them with this caveat",
                UncertifiedWarning,
                stacklevel=3,
            )
