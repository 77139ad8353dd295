"""Long studies as independent tasks: run through joblib, saved one by one, never computed twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import OutputError
from regions.identity import code_of, content_of, package_code
from regions.progress import SHARE, track
from regions.results import check_writable, jsonable, write_atomically
from regions.workers import one_thread, results_of

if TYPE_CHECKING:
    import pandas as pd

Task = Mapping[str, Any]
SECONDS = "seconds.jsonl"
_ATTEMPTS = 3


def run_tasks(
    tasks: Sequence[Task],
    compute: Callable[..., pd.DataFrame],
    folder: str | os.PathLike,
    *,
    extra: Callable[[Task], Mapping[str, Any]] | None = None,
    cost: Callable[[Task], float] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    label: str = "tasks",
) -> pd.DataFrame:
    """Return the rows of all tasks, computing only those that `folder` does not hold yet.

    A task runs on one thread, so that its numbers do not depend on how many run at once. Results
    come back to this process, which alone writes: workers need no file system in common. Tasks
    of a worker that was killed are done again.

    Parameters
    ----------
    tasks : sequence of mappings
        Each is the keyword arguments of one call of `compute`, JSON-ready; it also names the
        task's file, together with the code of `compute` and of this package, and the content of
        every file and folder that an argument names. What is changed is computed anew.
    compute : callable
        ``compute(**task)`` returns the task's rows. Must be importable by workers.
    folder : path
        One CSV file per finished task, written whole or not at all: a killed run loses at most
        the tasks it was in, and running it again gives the identical table. A file's name ends
        in a hash of its content; files that do not have it are damaged, and computed again.
        ``seconds.jsonl`` says how much CPU time each task took, so that no table has to.
    extra : callable, optional
        ``extra(task)`` gives further arguments of its call that do not name it, such as the
        network it is about; called only for the tasks that are computed, shortly before.
    cost : callable, optional
        ``cost(task)``, about proportional to its time, for the remaining time that is shown.
    n_jobs : int, optional
        For joblib; by default what `joblib.parallel_config` or `regions.workers.Workers` says.

    Returns
    -------
    pandas.DataFrame
        The task's arguments as first columns (those that are not columns already), rows in the
        order of `tasks`.

    Raises
    ------
    OutputError
        If tasks are to be computed and the folder cannot be written to, before any is begun; or
        later, if it is full. What was finished stays.

    Warns
    -----
    UserWarning
        Once for all damaged files that are computed again.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> square = lambda x: pd.DataFrame({"square": [x * x]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_tasks([{"x": 2}, {"x": 3}], square, folder)["square"].tolist()
    [4, 9]
    """
    import pandas as pd

    home = Path(folder)
    code, known = f"{package_code()} {code_of(compute)}", {}
    names = [fingerprint(task, code, known) for task in tasks]
    paths, damaged = _finished(home, set(names))
    weights = {name: cost(task) if cost else 1 for name, task in zip(names, tasks, strict=True)}
    missing = {n: task for n, task in zip(names, tasks, strict=True) if n not in paths}
    if missing:
        check_writable(home, folder=True)
    whole = sum(weights.values())
    look = {"initial": whole - sum(weights[name] for name in missing), "smoothing": 0}
    bar = track(show=progress, label=label, total=whole, bar_format=SHARE, **look)
    with bar, closing(_results(missing, compute, extra, n_jobs)) as results:
        for left, (name, content, seconds) in enumerate(results, 1 - len(missing)):
            paths[name] = home / _file_name(name, content.encode())
            write_atomically(paths[name], content)
            for path in set(damaged.get(name, [])) - {paths[name]}:
                path.unlink(missing_ok=True)
            _log(home, missing[name], seconds)
            bar.set_postfix_str(f"{-left} of {len(weights)} to go", refresh=False)
            bar.update(weights[name])
    return pd.concat([_read(paths[name]) for name in names], ignore_index=True)


def fingerprint(settings: Any, code: str | None = None, known: dict[str, str] | None = None) -> str:
    """Return 16 hexadecimal digits that name what `settings` mean now.

    That is the settings, JSON-ready; the content of the files and folders that they name (those
    in `known` are not read again); and the code, by default that of this package.

    >>> fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": [2], "a": 1})
    True
    """
    plain = jsonable(settings)
    content = content_of(plain, {} if known is None else known)
    text = json.dumps([plain, content, code or package_code()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _file_name(name: str, content: bytes) -> str:
    return f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.csv"


def _finished(folder: Path, names: Container[str]) -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """Return the tasks that are finished, and the damaged files of those that are not."""
    found: dict[str, Path] = {}
    damaged: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*-*.csv")):
        name = path.stem.partition("-")[0]
        if name in names:
            if _is_whole(path, name):
                found[name] = path
            else:
                damaged.setdefault(name, []).append(path)
    again = {name: paths for name, paths in damaged.items() if name not in found}
    if again:
        files = [path.name for paths in again.values() for path in paths]
        warnings.warn(
            f"{len(files)} file(s) of finished tasks in {folder} are damaged, and the tasks are "
            f"computed again: {', '.join(files)}",
            stacklevel=3,
        )
    return found, again


def _is_whole(path: Path, name: str) -> bool:
    try:
        return path.name == _file_name(name, path.read_bytes())
    except OSError:
        return False


def _results(
    missing: Mapping[str, Task],
    compute: Callable[..., pd.DataFrame],
    extra: Callable[[Task], Mapping[str, Any]] | None,
    n_jobs: int | None,
) -> Generator[tuple[str, str, float], None, None]:
    """Yield name, content and seconds as tasks finish, in any order."""
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError
    from threadpoolctl import threadpool_limits

    left = dict(missing)
    for attempt in range(1, _ATTEMPTS + 1):
        calls = (
            joblib.delayed(_compute)(name, task, compute, extra(task) if extra else {})
            for name, task in list(left.items())
        )
        workers = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        try:
            # here too: threads share the limits of BLAS with each other
            with threadpool_limits(1), results_of(workers(calls)) as results:
                for result in results:
                    del left[result[0]]
                    yield result
            return
        except TerminatedWorkerError:
            if attempt == _ATTEMPTS:
                raise


def _compute(
    name: str, task: Task, compute: Callable[..., pd.DataFrame], extra: Mapping[str, Any]
) -> tuple[str, str, float]:
    start = time.thread_time()
    with one_thread():
        frame = compute(**task, **extra)
    for position, (column, value) in enumerate(task.items()):
        if column not in frame and not isinstance(value, (list, tuple, dict)):
            frame.insert(min(position, len(frame.columns)), column, value)
    content = frame.to_csv(index=False, lineterminator="\n")
    return name, content, time.thread_time() - start


def _log(folder: Path, task: Task, seconds: float) -> None:
    line = json.dumps({"task": jsonable(task), "seconds": round(seconds, 3)})
    try:
        with (folder / SECONDS).open("a") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {str(folder / SECONDS)!r}: {error.strerror}") from error


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:  # a task without rows and columns
        return pd.DataFrame()
