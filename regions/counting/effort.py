"""What a count may cost: its time limit, its workers, its bar, and how it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import joblib
from threadpoolctl import threadpool_limits

from regions.arguments import check_time_limit, is_whole
from regions.compiling import COMPILING
from regions.errors import ArgumentError, OutOfTime, WorkersLost
from regions.networks import ReLUNetwork
from regions.networks.steps import Conv
from regions.progress import track
from regions.stopping import Sign, stopping
from regions.workers import are_on_a_cluster, results_of

# about what passes before processes of this machine, or workers of a cluster, are at work, and what
# cutting work into pieces for threads costs: held against CPU time, as other work on the machine
# makes no call worth sharing
SECONDS_TO_START = {"threads": 0.1, "processes": 2.0, "cluster": 2.0}


def _compiled() -> float:
    return COMPILING.seconds


def kind_of_workers(prefer: Literal["threads"] | None) -> str:
    """Return what the workers that are active in joblib are: threads, processes or a cluster."""
    if are_on_a_cluster():
        return "cluster"
    backend, _ = joblib.parallel.get_active_backend(prefer=prefer)
    return "threads" if getattr(backend, "supports_sharedmem", False) else "processes"


@dataclass
class Used:
    """What a call has used so far, its copies too."""

    workers: bool = False


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
    """Workers, through joblib and its current backend; -1 for all cores. Work that is done before
    they could start stays on one core."""
    progress: bool = False
    """Whether to show a bar on stderr."""
    sign: Sign | None = field(default=None, compare=False, repr=False)
    """What tells workers that Ctrl-C was pressed where they were asked."""
    used: Used = field(default_factory=Used, compare=False, repr=False)
    """Whether any work went to workers."""
    started: float = field(default_factory=time.perf_counter, compare=False, repr=False)
    compiled: float = field(default_factory=_compiled, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_time_limit(self.time_limit)
        n_jobs = self.n_jobs
        if n_jobs is not None and (not is_whole(n_jobs) or n_jobs == 0):
            raise ArgumentError(
                f"n_jobs is {n_jobs!r}; expected a number of workers, -1 for all cores, or None"
            )
        if not isinstance(self.progress, bool):
            raise ArgumentError(f"progress is {self.progress!r}; expected True or False")

    def __reduce__(self) -> tuple[Any, ...]:
        return Effort, (self.left, None, False, self.sign)

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

    @property
    def stayed(self) -> bool:
        """Return whether workers were asked for, and all was done on one core so far."""
        return self.workers > 1 and not self.used.workers

    def expired(self) -> bool:
        """Return whether the time limit is over, or its workers are to stop."""
        if self.sign is not None and self.sign.is_set():
            return True
        return self.time_limit is not None and self.elapsed > self.time_limit

    @contextmanager
    def shared(self) -> Iterator[Effort]:
        """Give a copy for workers inside the block, who give what they know when Ctrl-C is pressed.

        Then KeyboardInterrupt is raised at the end of the block.
        """
        with stopping() as sign:
            yield replace(self, sign=sign)

    def check(self) -> None:
        """Raise OutOfTime if the time limit is over."""
        if self.expired():
            raise OutOfTime("time_limit is over before all regions were found")

    def bar(self, label: str, items: Iterable | None = None, **look: Any) -> Any:
        """Return a bar over `items`, or an empty one, shown if `progress` is set."""
        return track(items, show=self.progress, label=label, **look)

    def results_of(
        self,
        work: Callable[..., Any],
        tasks: Sequence[tuple[Any, tuple]],
        common: tuple,
        *,
        prefer: Literal["threads"] | None = None,
        ordered: bool = False,
    ) -> Generator[tuple[Any, Any], None, None]:
        """Yield every task's key and result as `regions.workers.results_of`, from workers that pay.

        Tasks are done here as long as what is left would take less time than workers need to start.
        Callers that prefer threads, and get them, have looked before they cut work into tasks.
        """
        kind, done = kind_of_workers(prefer), 0
        start = 0.0 if kind == prefer else SECONDS_TO_START[kind]
        begun = time.thread_time()
        while done < len(tasks) and start > 0.0:
            if done and (time.thread_time() - begun) / done * (len(tasks) - done) > 2 * start:
                break
            key, arguments = tasks[done]
            yield key, work(*arguments, *common)
            done += 1
        if done < len(tasks):
            self.used.workers = True
            rest, how = tasks[done:], {"prefer": prefer, "ordered": ordered}
            yield from results_of(work, rest, common, n_jobs=self.n_jobs, **how)

    def seconds_to_start(self, prefer: Literal["threads"] | None = None) -> float:
        """Return about what passes before workers of the backend that is active are of use."""
        return SECONDS_TO_START[kind_of_workers(prefer)]

    def seconds_to_cut(self) -> float:
        """Return about what it costs to cut work into pieces, for workers of any kind."""
        return SECONDS_TO_START["threads"]

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
