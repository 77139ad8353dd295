"""Where the tasks of a study are computed: here, in processes or threads, or on a dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Literal, cast

import cloudpickle

from regions import cluster
from regions.errors import ArgumentError, WorkersLost

_ATTEMPTS = 3
_KILLED = {"TerminatedWorkerError", "KilledWorker"}


@dataclass(frozen=True)
class Workers:
    """Who computes: one process, several, threads, or the workers of a dask cluster.

    Raises
    ------
    ArgumentError
        If `n_jobs` is 0, or one of `backend` "dask" and `address` is given without the other.

    Examples
    --------
    >>> import joblib
    >>> with Workers(n_jobs=2, backend="threading").active():
    ...     joblib.Parallel()(joblib.delayed(pow)(2, power) for power in range(4))
    [1, 2, 4, 8]
    """

    n_jobs: int | None = None
    """Tasks computed at once, -1 for one per core. By default one; on a dask cluster one per thread
    of its workers."""
    backend: Literal["loky", "threading", "dask"] = "loky"
    """Processes or threads of this machine, or the workers of a dask cluster."""
    address: str | None = None
    """Address of the dask cluster's scheduler, tcp://HOST:PORT."""

    def __post_init__(self) -> None:
        if self.n_jobs == 0:
            raise ArgumentError("n_jobs is 0; give a positive number, or -1 for one per core")
        if (self.backend == "dask") != (self.address is not None):
            raise ArgumentError(
                f"backend is {self.backend!r} and address is {self.address!r}; a dask cluster "
                "needs both: backend dask and the address tcp://HOST:PORT of its scheduler"
            )

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let joblib's calls inside the block use these workers, unless they say otherwise.

        Raises
        ------
        ArgumentError
            If no scheduler answers at the address, or it or a worker lacks this package or has
            another version of it.
        DependencyError
            If dask.distributed is not installed.
        """
        import joblib

        if self.backend != "dask":
            with joblib.parallel_config(self.backend, n_jobs=self.n_jobs or 1):
                yield
            return
        with cluster.client(self.address), joblib.parallel_config("dask", n_jobs=self.n_jobs or -1):
            cluster.check()
            yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside the block, so that rounding does not depend on the machine."""
    import joblib
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), joblib.parallel_config("sequential"):
        yield


def are_on_a_cluster() -> bool:
    """Return whether the workers that are active in joblib are those of a dask cluster."""
    return cluster.active() is not None


def results_of(
    work: Callable[..., Any],
    tasks: Iterable[tuple[Any, tuple]],
    common: tuple = (),
    *,
    n_jobs: int | None = None,
    ordered: bool = False,
    prefer: Literal["threads"] | None = None,
) -> Generator[tuple[Any, Any], None, None]:
    """Yield every task's key and its result, ``work(*arguments, *common)``, as they come.

    They are computed by the workers that are active in joblib.

    Parameters
    ----------
    work : callable
        Must be importable by workers.
    tasks : iterable of (key, arguments)
        Taken one by one, when workers are ready for them; keys differ.
    common : tuple
        What all tasks need; it travels to a worker of a dask cluster once.
    n_jobs, prefer
        For `joblib.Parallel`.
    ordered : bool
        Whether results come in the order of the tasks.

    Tasks of a worker process that was killed are done again. When the loop is left early, what has
    not begun is cancelled. Backends that give nothing before all is done (ray) work in rounds.

    Raises
    ------
    WorkersLost
        If workers are killed again and again, or their cluster is gone.

    Examples
    --------
    >>> list(results_of(pow, [("a", (2,)), ("b", (3,))], (2,)))
    [('a', 4), ('b', 9)]
    """
    from joblib import delayed

    source, begun = iter(tasks), {}

    def calls(shared: _Common) -> Iterator[Any]:
        for key, arguments in list(begun.items()):
            yield delayed(_keyed)(key, work, arguments, shared)
        for key, arguments in source:
            begun[key] = arguments
            yield delayed(_keyed)(key, work, arguments, shared)

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with TemporaryDirectory() as folder, cluster.cancelling():
                shared = _Common(common, None if cluster.active() else Path(folder))
                for key, result in _run(calls(shared), n_jobs, ordered, prefer):
                    del begun[key]
                    yield key, result
            return
        except Exception as error:
            names = {kind.__name__ for kind in type(error).__mro__}
            if not names & (_KILLED | cluster.LOST):
                raise
            alive = not names & cluster.LOST or cluster.answers()
            if not alive or attempt == _ATTEMPTS:
                what = "workers were killed" if alive else "dask cluster is gone"
                raise WorkersLost(
                    f"the {what} ({type(error).__name__}); what is finished is kept: run it again"
                ) from error


class _Common:
    """What all tasks of a call need; pickled once, whatever happens to it while tasks are sent.

    Processes of this machine load it from a file, once each. Those of a cluster get its bytes, and
    joblib sends an object of its size to a dask worker once.
    """

    def __init__(self, values: tuple, folder: Path | None) -> None:
        self.values = values
        self._folder = folder
        self._guard = Lock()
        self._packed: bytes | Path | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        with self._guard:
            if self._packed is None:
                content = cloudpickle.dumps(self.values)
                self._packed = content
                if self._folder is not None:
                    self._packed = self._folder / "common"
                    self._packed.write_bytes(content)
        return _unpack, (self._packed,)

    def __sizeof__(self) -> int:
        return 10_000  # what is known before it is pickled: more than a dask worker gets per task


class _Unpacked:
    def __init__(self, values: tuple) -> None:
        self.values = values


def _unpack(packed: bytes | Path) -> _Unpacked:
    return _Unpacked(cloudpickle.loads(packed) if isinstance(packed, bytes) else _from_file(packed))


@lru_cache(maxsize=1)
def _from_file(path: Path) -> tuple:
    return cloudpickle.loads(path.read_bytes())


def _keyed(
    key: Any, work: Callable[..., Any], arguments: tuple, common: _Common | _Unpacked
) -> Any:
    return key, work(*arguments, *common.values)


def _run(
    calls: Iterable[Any], n_jobs: int | None, ordered: bool, prefer: Literal["threads"] | None
) -> Iterator[Any]:
    from joblib import Parallel

    # under `with` the backend is the one that this very call will use, and its workers stay
    with Parallel(n_jobs=n_jobs, prefer=prefer) as parallel:
        if not cast(Any, parallel._backend).supports_return_generator:
            remaining, size = iter(calls), parallel._effective_n_jobs()
            while batch := list(islice(remaining, size)):
                yield from cast(Iterable, parallel(batch))
            return
    kind = "generator" if ordered else "generator_unordered"
    running = cast(Generator, Parallel(n_jobs=n_jobs, prefer=prefer, return_as=kind)(calls))
    try:
        for result in running:  # noqa: UP028 - `yield from` would close it before what follows
            yield result
    finally:
        with warnings.catch_warnings():  # joblib warns of results that nobody takes
            warnings.simplefilter("ignore", UserWarning)
            running.close()
