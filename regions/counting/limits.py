"""How every counting engine keeps its time limit and is interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@dataclass
class Stopped:
    """What stopped a count: "time", "interrupt" or "memory"; None if nothing did."""

    by: str | None = None


@contextmanager
def stoppable() -> Iterator[Stopped]:
    """Run a count that may be cut short, and remember what did it: what is known is returned.

    Examples
    --------
    >>> with stoppable() as stopped:
    ...     raise TimeoutError
    >>> stopped.by
    'time'
    """
    stopped = Stopped()
    try:
        yield stopped
    except TimeoutError:
        stopped.by = "time"
    except KeyboardInterrupt:
        stopped.by = "interrupt"
    except MemoryError:
        stopped.by = "memory"
