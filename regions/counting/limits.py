"""Time limits that every counting engine keeps in the same way, and leaving workers early."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


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


@contextmanager
def results_of(workers: Any) -> Iterator[Any]:
    """Give joblib's generator of results; when left early, cancel the rest without its warning."""
    try:
        yield workers
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            workers.close()
