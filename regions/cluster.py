"""The dask cluster that joblib uses now: reached, checked before the work, cancelled after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from regions.errors import ArgumentError, DependencyError
from regions.identity import module_code, package_code

# what dask raises when its scheduler is gone, or a worker with what tasks needed
LOST = {"CommClosedError", "FutureCancelledError", "FuturesCancelledError"}

_IDENTITY = "__import__('regions.identity', fromlist=['any'])"
_CODE = f"{_IDENTITY}.package_code()"
_MODULE = f"{_IDENTITY}.module_code({{!r}})"
_CONTENT = f"{_IDENTITY}.content_of({{!r}}, {{{{}}}})"


def client(address: str | None) -> Any:
    """Return a client of the cluster at an address, tcp://HOST:PORT.

    Raises
    ------
    ArgumentError
        If no scheduler answers there.
    DependencyError
        If dask.distributed is not installed.
    """
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


def check(modules: Iterable[str] = (), files: Mapping[str, str] | None = None) -> None:
    """Refuse a cluster whose scheduler or workers lack what the tasks need.

    That is this package and the `modules` that hold the tasks, with the same code; and the `files`
    that they read, given by path with the hash of their content (`regions.identity.content_of`).
    Without a cluster there is nothing to check.

    Raises
    ------
    ArgumentError
        The message names the machine and what it lacks.
    """
    found = active()
    if found is None:
        return
    others = [module for module in modules if module != "__main__"]
    for name in ("regions", *others):
        lacks = f"cannot import {name!r}: install it there, or add its folder to PYTHONPATH"
        _ask(found, f"bool(__import__({name!r}))", True, lacks)
    other = "has another version of this package's code: install the same there, and start it anew"
    _ask(found, _CODE, package_code(), other)
    for name in others:
        other = f"has other code of {name!r}: give it the same, and start it anew"
        _ask(found, _MODULE.format(name), module_code(name), other)
    for path, digest in (files or {}).items():
        if digest:
            lacks = f"does not see {path!r} as it is here: put it where all machines see it"
            _ask(found, _CONTENT.format(path), {path: digest}, lacks, scheduler=False)


def answers() -> bool:
    """Return whether the scheduler of the active cluster answers."""
    found = active()
    try:
        return found is not None and found.run_on_scheduler(eval, "True")
    except Exception:
        return False


@contextmanager
def cancelling() -> Iterator[None]:
    """Cancel what the cluster was asked for inside the block if it is left by an exception."""
    found = active()
    before = set() if found is None else set(found.futures)
    try:
        yield
    except BaseException:
        if found is not None and found.status == "running":
            from distributed import Future

            found.cancel([Future(key, found) for key in set(found.futures) - before], force=True)
        raise


def event(name: str) -> Any:
    """Return what the active cluster, or that of the worker this runs on, knows by a name."""
    from distributed import Event

    return Event(name, client=active())


def active() -> Any:
    """Return the client of the cluster that joblib uses now, or None."""
    import joblib

    backend, _ = joblib.parallel.get_active_backend()
    return getattr(backend, "client", None)


def _ask(found: Any, question: str, answer: Any, lacks: str, scheduler: bool = True) -> None:
    # the built-in `eval`: a machine without this package could not load a function of it
    answers = {
        f"worker {at}": got for at, got in found.run(eval, question, on_error="return").items()
    }
    if scheduler:
        try:
            got = found.run_on_scheduler(eval, question)
        except Exception as error:
            got = error
        answers[f"scheduler {found.scheduler.address}"] = got
    for machine, got in answers.items():
        if got != answer:
            raise ArgumentError(f"the dask {machine} {lacks}")
