"""What a count may cost: its time limit, its workers, its bar, and how it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import joblib
from threadpoolctl import threadpool_limits

from regions.compiling import COMPILING
from regions.counting.checks import is_number, is_whole
from regions.errors import ArgumentError, OutOfTime, WorkersLost
from regions.networks import ReLUNetwork
from regions.networks.steps import Conv
from regions.progress import track


def _compiled() -> float:
    return COMPILING.seconds


@dataclass(frozen=True)
class Effort:
    """How long a count may take, on how many workers, and whether it shows a bar.

    Its clock starts when it is made. A copy that travels to a worker carries the seconds that are
    left, and starts a clock of its own there: no other machine's clock is trusted.

    Raises
    ------
    ArgumentError
        If a field has another type than the one named, or is out of range.

    Examples
    --------
    >>> Effort(time_limit=60).expired()
    False
    """

    time_limit: float | None = None
    """Seconds after which the count stops; None for no limit."""
    n_jobs: int | None = None
    """Workers, through joblib and its current backend; -1 for all cores."""
    progress: bool = False
    """Whether to show a bar on stderr."""
    started: float = field(default_factory=time.perf_counter, compare=False, repr=False)
    compiled: float = field(default_factory=_compiled, compare=False, repr=False)

    def __post_init__(self) -> None:
        limit, n_jobs = self.time_limit, self.n_jobs
        if limit is not None and not (is_number(limit) and limit > 0):
            raise ArgumentError(
                f"time_limit is {limit!r}; expected a number of seconds above 0, or None"
            )
        if n_jobs is not None and (not is_whole(n_jobs) or n_jobs == 0):
            raise ArgumentError(
                f"n_jobs is {n_jobs!r}; expected a number of workers, -1 for all cores, or None"
            )
        if not isinstance(self.progress, bool):
            raise ArgumentError(f"progress is {self.progress!r}; expected True or False")

    def __reduce__(self) -> tuple[Any, ...]:
        return Effort, (self.left, None, False)

    @property
    def elapsed(self) -> float:
        """Seconds since the start, those of compiling kernels too: what the limit is about."""
        return time.perf_counter() - self.started

    @property
    def seconds(self) -> float:
        """Seconds since the start that went into the count itself, not into compiling kernels."""
        return self.elapsed - (_compiled() - self.compiled)

    @property
    def left(self) -> float | None:
        """Seconds until the limit (never below a thousandth), or None without one."""
        return None if self.time_limit is None else max(self.time_limit - self.elapsed, 1e-3)

    @property
    def workers(self) -> int:
        """How many workers `n_jobs` means here, under the user's `joblib.parallel_config`."""
        return 1 if self.n_jobs is None else joblib.effective_n_jobs(self.n_jobs)

    def expired(self) -> bool:
        """Return whether the time limit is over."""
        return self.time_limit is not None and self.elapsed > self.time_limit

    def check(self) -> None:
        """Raise OutOfTime if the time limit is over."""
        if self.expired():
            raise OutOfTime("time_limit is over before all regions were found")

    def bar(self, label: str, items: Iterable | None = None, **look: Any) -> Any:
        """Return a bar over `items`, or an empty one, shown if `progress` is set."""
        return track(items, show=self.progress, label=label, **look)

    def blas_threads(self, net: ReLUNetwork) -> AbstractContextManager:
        """Keep BLAS to one thread where workers share the cores, and for convolutions.

        Their products are so small that BLAS threads wait for each other longer than they compute.
        """
        if self.n_jobs in (None, 1) and not any(isinstance(step, Conv) for step in net.graph.steps):
            return nullcontext()
        return threadpool_limits(1, user_api="blas")


@dataclass
class Stopped:
    """What stopped a count: "time", "interrupt", "memory" or "workers" (lost); None."""

    by: str | None = None


@contextmanager
def stoppable() -> Iterator[Stopped]:
    """Run a count that may be cut short, and remember what did it: what is known is returned.

    Examples
    --------
    >>> with stoppable() as stopped:
    ...     raise OutOfTime
    >>> stopped.by
    'time'
    """
    stopped = Stopped()
    try:
        yield stopped
    except OutOfTime:
        stopped.by = "time"
    except KeyboardInterrupt:
        stopped.by = "interrupt"
    except MemoryError:
        stopped.by = "memory"
    except WorkersLost:
        stopped.by = "workers"
