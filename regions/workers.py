"""Where the tasks of a study are computed: here, in processes or threads, or on a dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from regions.errors import ArgumentError, DependencyError


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
            If no scheduler answers at the address.
        DependencyError
            If dask.distributed is not installed.
        """
        import joblib

        if self.backend != "dask":
            with joblib.parallel_config(self.backend, n_jobs=self.n_jobs or 1):
                yield
            return
        with _client(self.address), joblib.parallel_config("dask", n_jobs=self.n_jobs or -1):
            yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside the block, so that rounding does not depend on the machine."""
    import joblib
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), joblib.parallel_config("sequential"):
        yield


@contextmanager
def results_of(running: Any) -> Iterator[Any]:
    """Give joblib's generator of results; when left early, cancel the rest without its warning."""
    try:
        yield running
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            running.close()


def _client(address: str | None) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise DependencyError(
            "backend dask needs dask.distributed: pip install 'relu-regions[dask]'"
        ) from error
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError, TypeError) as error:
        raise ArgumentError(
            f"no dask scheduler answers at {address!r} ({error}); start one with "
            "`dask scheduler` and give the address that it prints"
        ) from error
