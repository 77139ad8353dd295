"""How every counting engine keeps its time limit, is interrupted, and shares the cores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from threadpoolctl import threadpool_limits

from regions.networks import ReLUNetwork
from regions.networks.steps import Conv


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


def blas_threads(net: ReLUNetwork, n_jobs: int | None = None) -> AbstractContextManager:
    """Keep BLAS to one thread where workers share the cores, and for convolutions.

    Their products are so small that BLAS threads wait for each other longer than they compute.
    """
    if n_jobs in (None, 1) and not any(isinstance(step, Conv) for step in net.graph.steps):
        return nullcontext()
    return threadpool_limits(1, user_api="blas")


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
