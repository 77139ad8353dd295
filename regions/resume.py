"""Long studies as independent tasks: run through joblib, saved one by one, never computed twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import DataError
from regions.progress import track
from regions.results import jsonable, write_atomically

if TYPE_CHECKING:
    import pandas as pd

Task = Mapping[str, Any]


def run_tasks(
    tasks: Sequence[Task],
    compute: Callable[..., pd.DataFrame],
    folder: str | os.PathLike,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
    label: str = "tasks",
) -> pd.DataFrame:
    """Return the rows of all tasks, computing only those that `folder` does not hold yet.

    Parameters
    ----------
    tasks : sequence of mappings
        Each is the keyword arguments of one call of `compute`, JSON-ready; it also names the
        task's file, so changed arguments are a new task.
    compute : callable
        ``compute(**task)`` returns the task's rows. Must be importable by workers.
    folder : path
        One CSV file per finished task, written whole or not at all: a killed run loses at most
        the tasks it was in, and running it again gives the identical table.
    n_jobs : int, optional
        For joblib; the backend (loky, dask, ray) is the caller's, by `joblib.parallel_config`.

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

    paths = [Path(folder) / f"{_key(task)}.csv" for task in tasks]
    missing = {path: task for path, task in zip(paths, tasks, strict=True) if not path.exists()}
    for _ in track(
        _finish(missing, compute, n_jobs), show=progress, label=label, total=len(missing)
    ):
        pass
    return pd.concat([_read(path) for path in paths], ignore_index=True)


def _key(task: Task) -> str:
    text = json.dumps(jsonable(task), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _finish(missing: Mapping[Path, Task], compute: Callable, n_jobs: int | None) -> Any:
    """Yield as tasks finish; each is on disk before it is yielded."""
    if n_jobs in (None, 1):
        return (_compute_and_save(path, task, compute) for path, task in missing.items())
    import joblib

    calls = (joblib.delayed(_compute_and_save)(p, t, compute) for p, t in missing.items())
    return joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)


def _compute_and_save(path: Path, task: Task, compute: Callable) -> None:
    frame = compute(**task)
    for position, (name, value) in enumerate(task.items()):
        if name not in frame and not isinstance(value, (list, tuple, dict)):
            frame.insert(min(position, len(frame.columns)), name, value)
    write_atomically(path, frame.to_csv(index=False))


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is not a readable table ({error}); delete it and run again"
        ) from error
