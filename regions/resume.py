"""Long studies as independent tasks: run through joblib, kept one by one, never computed twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions import cluster
from regions.errors import TaskError
from regions.identity import code_of, content_of, module_of, package_code
from regions.journal import Failure, Finished, Journal
from regions.progress import SHARE, track
from regions.results import check_writable, jsonable
from regions.workers import one_thread, results_of

if TYPE_CHECKING:
    import pandas as pd

Task = Mapping[str, Any]
_SECONDS_BETWEEN_LOOKS = 0.5
_FAILURES_NAMED = 5


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
    of a worker that was killed are done again. Several runs may share a folder: each takes tasks
    that no other is at work on, and every one returns the whole table.

    Parameters
    ----------
    tasks : sequence of mappings
        Each is the keyword arguments of one call of `compute`, JSON-ready; it also names the
        task's file, together with the code of `compute` and of this package, and the content of
        every file and folder that an argument names. What is changed is computed anew.
    compute : callable
        ``compute(**task)`` returns the task's rows. Must be importable by workers.
    folder : path
        Where each run keeps a journal of its tasks (`regions.journal`): what is finished stays,
        and a run after it gives the identical table. Damaged lines are computed again.
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
    TaskError
        If tasks end with an error, after all others are done; it names them and their arguments.
    WorkersLost
        If workers are killed again and again, or their cluster is gone. What was finished stays.

    Warns
    -----
    UserWarning
        Once for all damaged lines that are computed again.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> square = lambda x: pd.DataFrame({"square": [x * x]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_tasks([{"x": 2}, {"x": 3}], square, folder)["square"].tolist()
    [4, 9]
    """
    home, known = Path(folder), {}
    names = _names(tasks, compute, known)
    todo = dict(zip(names, tasks, strict=True))
    weights = {name: cost(task) if cost else 1 for name, task in todo.items()}
    look = {"bar_format": SHARE, "smoothing": 0}
    with Journal(home) as journal:
        run = _Run(todo, compute, extra, journal)
        before = sum(weights[name] for name in todo if name in journal.finished)
        if run.left:
            check_writable(home, folder=True)
            cluster.check([module_of(compute)], known)
            _say_damaged(journal)
            journal.tidy()
        bar = track(show=progress, label=label, total=sum(weights.values()), initial=before, **look)
        with bar:
            for _ in run.steps(n_jobs):
                bar.set_postfix_str(f"{len(run.left)} of {len(todo)} to go", refresh=False)
                done = sum(weights[name] for name in todo if name in journal.finished)
                bar.update(done - bar.n)
        if run.left:
            raise TaskError(_failures(journal, run.left, len(todo)))
        return _rows(journal, names)


@dataclass(frozen=True)
class State:
    """How far the tasks of a study are."""

    done: int
    running: int
    """Tasks that living processes are at work on."""
    left: int
    """Tasks that are neither done nor begun, those that failed included."""
    failed: tuple[Failure, ...]
    seconds: float
    """CPU seconds of the tasks that are done."""
    rows: pd.DataFrame
    """The rows of the tasks that are done."""


def state_of(
    tasks: Sequence[Task], compute: Callable[..., pd.DataFrame], folder: str | os.PathLike
) -> State:
    """Return how far a call of `run_tasks` is, without computing anything.

    Examples
    --------
    >>> state_of([{"x": 2}, {"x": 3}], abs, "no_such_folder").left
    2
    """
    with Journal(Path(folder)) as journal:
        names = _names(tasks, compute, {})
        done = [name for name in names if name in journal.finished]
        running = [name for name in names if name not in done and journal.working(name)]
        return State(
            done=len(done),
            running=len(running),
            left=len(names) - len(done) - len(running),
            failed=tuple(journal.failed[name] for name in names if name in journal.failed),
            seconds=sum(journal.finished[name].seconds for name in done),
            rows=_rows(journal, done),
        )


def _names(
    tasks: Sequence[Task], compute: Callable[..., pd.DataFrame], known: dict[str, str]
) -> list[str]:
    code = f"{package_code()} {code_of(compute)}"
    return [fingerprint(task, code, known) for task in tasks]


def _rows(journal: Journal, names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    if not names:
        return pd.DataFrame()
    return pd.concat([_table(journal.finished[name].table) for name in names], ignore_index=True)


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


@dataclass(frozen=True)
class _Run:
    """The tasks of one run, by name, and the journal that knows how far they are."""

    tasks: Mapping[str, Task]
    compute: Callable[..., pd.DataFrame]
    extra: Callable[[Task], Mapping[str, Any]] | None
    journal: Journal
    tried: set[str] = field(default_factory=set)

    @property
    def left(self) -> list[str]:
        """The names of the tasks that are not finished."""
        return [name for name in self.tasks if name not in self.journal.finished]

    def steps(self, n_jobs: int | None) -> Iterator[None]:
        """Compute what no other process computes, wait for what others do; yield after each."""
        from threadpoolctl import threadpool_limits

        while True:
            running = results_of(_compute, self._claimed(), (self.compute,), n_jobs=n_jobs)
            # here too: threads share the limits of BLAS with each other
            with threadpool_limits(1), closing(running) as results:
                for name, result in results:
                    self.tried.add(name)
                    if isinstance(result, Failure):
                        self.journal.fail(name, result)
                    else:
                        self.journal.finish(name, jsonable(self.tasks[name]), result)
                    yield
            if not set(self.left) - self.tried:
                return
            time.sleep(_SECONDS_BETWEEN_LOOKS)  # another process is at work on the rest
            self.journal.refresh()
            yield

    def _claimed(self) -> Iterator[tuple[str, tuple]]:
        """Yield the tasks that are not done, each claimed when workers are ready for it."""
        for name in self.left:
            if name not in self.tried and self.journal.claim(name):
                task = self.tasks[name]
                yield name, (task, self.extra(task) if self.extra else {})


def _compute(
    task: Task, extra: Mapping[str, Any], compute: Callable[..., pd.DataFrame]
) -> Finished | Failure:
    start = time.thread_time()
    try:
        with one_thread():
            frame = compute(**task, **extra)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return Failure(jsonable(task), text, traceback.format_exc())
    for position, (column, value) in enumerate(task.items()):
        if column not in frame and not isinstance(value, (list, tuple, dict)):
            frame.insert(min(position, len(frame.columns)), column, value)
    content = frame.to_csv(index=False, lineterminator="\n")
    return Finished(content, time.thread_time() - start)


def _failures(journal: Journal, names: list[str], tasks: int) -> str:
    parts = [
        f"{dict(journal.failed[name].arguments)}: {journal.failed[name].error}" for name in names
    ]
    more = [] if len(parts) <= _FAILURES_NAMED else [f"and {len(parts) - _FAILURES_NAMED} more"]
    lines = [
        f"{len(names)} of {tasks} tasks failed, all others are done:",
        *parts[:_FAILURES_NAMED],
    ]
    return "\n  ".join([*lines, *more, f"(tracebacks are in {journal.folder})"])


def _say_damaged(journal: Journal) -> None:
    if journal.damaged:
        lines = [f"{number} in {name}" for name, number in journal.damaged.items()]
        warnings.warn(
            f"damaged lines in {journal.folder}: {', '.join(lines)}; what they held is computed "
            "again",
            stacklevel=3,
        )


def _table(text: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(io.StringIO(text))
    except pd.errors.EmptyDataError:  # a task without rows and columns
        return pd.DataFrame()
