"""Time limits that every counting engine keeps in the same way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stopwatch:
    """Wall time since its creation, and whether `limit` seconds are over.

    Examples
    --------
    >>> Stopwatch(limit=None).expired()
    False
    """

    limit: float | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def expired(self) -> bool:
        """Return whether the time limit is over."""
        return self.limit is not None and self.seconds > self.limit
