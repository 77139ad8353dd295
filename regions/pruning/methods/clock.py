"""A time limit of a method: looked at between the parts of its work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import monotonic

from regions.arguments import check_time_limit
from regions.errors import OutOfTime


@dataclass(frozen=True)
class Clock:
    """When a method has to stop; `limit` is what the user gave, None for no limit."""

    limit: float | None
    end: float

    @classmethod
    def start(cls, limit: float | None) -> Clock:
        """Return a clock that runs from now on."""
        check_time_limit(limit)
        return cls(limit, math.inf if limit is None else monotonic() + limit)

    @property
    def left(self) -> float:
        """Seconds that are left, not below zero."""
        return max(self.end - monotonic(), 0.0)

    def check(self) -> None:
        """Raise OutOfTime if the time is over."""
        if self.left == 0.0:
            raise OutOfTime(
                f"no masks of disjoint paths were found within time_limit={self.limit} seconds; "
                "allow more time, or use criterion='magnitude' with repair=True"
            )
