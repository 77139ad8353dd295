"""Long studies as independent tasks: run through joblib, saved one by one, never computed twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import DataError
from regions.progress import SHARE, track
from regions.results import jsonable, write_atomically
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
        task's file, so changed arguments are a new task.
    compute : callable
        ``compute(**task)`` returns the task's rows. Must be importable by workers.
    folder : path
        One CSV file per finished task, written whole or not at all: a killed run loses at most
        the tasks it was in, and running it again gives the identical table. ``seconds.jsonl``
        says how much CPU time each task took, so that no table has to.
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
    DataError
        If a file of a finished task cannot be read; delete it to compute the task again.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> square = lambda x: pd.DataFrame({"square": [x * x]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_tasks([{"x": 2}, {"x": 3}], square, folder)["square"].tolist()
    [4, 9]
    """
    import pandas as pd

    paths = [Path(folder) / f"{fingerprint(task)}.csv" for task in tasks]
    weights = {path: cost(task) if cost else 1 for path, task in zip(paths, tasks, strict=True)}
    missing = {path: task for path, task in zip(paths, tasks, strict=True) if not path.exists()}
    whole = sum(weights.values())
    look = {"initial": whole - sum(weights[path] for path in missing), "smoothing": 0}
    bar = track(show=progress, label=label, total=whole, bar_format=SHARE, **look)
    with bar, closing(_results(missing, compute, extra, n_jobs)) as results:
        for left, (path, content, seconds) in enumerate(results, 1 - len(missing)):
            write_atomically(path, content)
            _log(path, missing[path], seconds)
            bar.set_postfix_str(f"{-left} of {len(weights)} to go", refresh=False)
            bar.update(weights[path])
    return pd.concat([_read(path) for path in paths], ignore_index=True)


def fingerprint(settings: Any) -> str:
    """Return 16 hexadecimal digits that name `settings`, JSON-ready; equal settings, equal name.

    >>> fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": [2], "a": 1})
    True
    """
    text = json.dumps(jsonable(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _results(
    missing: Mapping[Path, Task],
    compute: Callable[..., pd.DataFrame],
    extra: Callable[[Task], Mapping[str, Any]] | None,
    n_jobs: int | None,
) -> Generator[tuple[Path, str, float], None, None]:
    """Yield path, content and seconds as tasks finish, in any order."""
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError
    from threadpoolctl import threadpool_limits

    left = dict(missing)
    for attempt in range(1, _ATTEMPTS + 1):
        calls = (
            joblib.delayed(_compute)(path, task, compute, extra(task) if extra else {})
            for path, task in list(left.items())
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
    path: Path, task: Task, compute: Callable[..., pd.DataFrame], extra: Mapping[str, Any]
) -> tuple[Path, str, float]:
    start = time.thread_time()
    with one_thread():
        frame = compute(**task, **extra)
    for position, (name, value) in enumerate(task.items()):
        if name not in frame and not isinstance(value, (list, tuple, dict)):
            frame.insert(min(position, len(frame.columns)), name, value)
    content = frame.to_csv(index=False, lineterminator="\n")
    return path, content, time.thread_time() - start


def _log(path: Path, task: Task, seconds: float) -> None:
    line = json.dumps({"task": jsonable(task), "seconds": round(seconds, 3)})
    with (path.parent / SECONDS).open("a") as stream:
        stream.write(line + "\n")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is not a readable table ({error}); delete it and run again"
        ) from error
