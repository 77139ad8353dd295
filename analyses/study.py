"""What a study is, and all that studies have in common: tasks, resuming, saving, command line.

A study is one file of this folder with an `ENTRY` (`analyses.catalogue`) and one subclass of
`Study`. Its fields are its settings, and the options of its command.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import pandas as pd
import tyro
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from tyro.conf import OmitArgPrefixes

from regions.errors import RegionsError
from regions.figures import Run, save_figure, save_table
from regions.results import check_writable, write_atomically
from regions.resume import fingerprint, run_tasks, state_of
from regions.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Study(ABC):
    """Settings of a study, what it varies, what it measures, and what it shows.

    A task is one call of `measure`, for one value of every axis, on one thread and in any process.
    A task that is finished is found again by the settings that it depends on.

    >>> from analyses.block_sparsity import BlockSparsity
    >>> BlockSparsity(smoke=True).settled().grid()
    [{'seed': 0}, {'seed': 1}]
    """

    axes: ClassVar[Mapping[str | tuple[str, ...], str]] = {}
    """Arguments of `measure` that differ between tasks, and the attribute that holds their values:
    a tuple, a number n for 0, ..., n - 1, or the only value. Arguments that go together are one
    axis, with tuples as values."""
    choosing: ClassVar[tuple[str, ...]] = ()
    """Settings beside those of `axes` that say which tasks there are, and change none of them."""
    small: ClassVar[Mapping[str, Any]] = {}
    """The settings of the small form, where they differ."""
    in_rows: ClassVar[bool] = True
    """Whether settings are columns of the rows, as the axes are."""
    shown: ClassVar[tuple[str, ...]] = ("summary",)
    """Names of the tables that are printed."""
    root: ClassVar[int] = 0
    """The seed that all random numbers derive from."""
    published: ClassVar[tuple[Path, ...]] = ()
    """Files of published numbers that are read."""

    out: Path = Path("out")
    """Folder of figures, tables and finished tasks; run again to go on after a stop."""
    workers: OmitArgPrefixes[Workers] = field(default_factory=Workers)
    progress: bool = True
    smoke: bool = False
    """The small form, which takes seconds."""
    status: bool = False
    """Only say how far an earlier call with the same settings is, which may be running."""

    def settled(self) -> Study:
        """Return the study that is run: the small form if wanted, checked, defaults filled in."""
        return self._shrunk()

    def _shrunk(self) -> Self:
        chosen = replace(self, **self.small, smoke=False) if self.smoke else self
        data = getattr(chosen, "data", None)
        # a path means the same to workers in another folder; "digits" is no path
        if data not in (None, "digits") and Path(data).exists():
            chosen = replace(chosen, data=type(data)(Path(data).absolute()))
        return chosen

    def settings(self) -> dict[str, Any]:
        """Return the settings that every task depends on."""
        apart = {*self.axes.values(), *self.choosing, *(part.name for part in fields(Study))}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}

    def grid(self) -> list[dict[str, Any]]:
        """Return what the tasks differ in: one value of every axis each."""
        columns = [_steps(names, getattr(self, held)) for names, held in self.axes.items()]
        return [
            {name: value for step in steps for name, value in step.items()}
            for steps in product(*columns)
        ]

    def prepare(self, home: Path) -> Any:
        """Return what tasks share and is made in this process; `home` may hold checkpoints."""
        return None

    def given(self, prepared: Any, **point: Any) -> dict[str, Any]:
        """Return further arguments of `measure` for a task, from what is prepared."""
        return {}

    def cost(self, **point: Any) -> float:
        """Return a number about proportional to a task's time."""
        return 1.0

    @abstractmethod
    def measure(self, *args: Any, **kwargs: Any) -> pd.DataFrame:
        """Return the rows of a task; called with one value of every axis and what is given."""

    def joined(self, rows: pd.DataFrame, prepared: Any) -> pd.DataFrame:
        """Return the rows of all tasks together with what was prepared."""
        return rows

    @abstractmethod
    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return every table by the name of its file."""

    @abstractmethod
    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return every figure by the name of the table that it draws."""

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> Sequence[str]:
        """Return what else there is to say, in lines."""
        return ()


def _steps(names: str | tuple[str, ...], values: Any) -> list[dict[str, Any]]:
    """Return what one axis gives, step by step."""
    every: Any = range(values) if isinstance(values, int) else values
    every = every if isinstance(every, (tuple, list, range)) else (every,)
    if isinstance(names, str):
        return [{names: value} for value in every]
    return [dict(zip(names, value, strict=True)) for value in every]


def compute(study: Study) -> pd.DataFrame:
    """Return the rows of a settled study, computing tasks that its folder does not hold yet."""
    home, tasks = _home(study), _tasks(study)
    prepared = study.prepare(home)
    with study.workers.active():
        rows = run_tasks(
            tasks,
            partial(_measured, study),
            home,
            extra=lambda task: study.given(prepared, **_point(study, task)),
            cost=lambda task: study.cost(**_point(study, task)),
            progress=study.progress,
        )
    return study.joined(rows, prepared)


def _home(study: Study) -> Path:
    """Return the folder of the study's tasks; other settings have another one."""
    named = {"study": type(study).__name__, **study.settings()}
    return study.out / "tasks" / fingerprint(named)


def _tasks(study: Study) -> list[dict[str, Any]]:
    beside = study.settings() if study.in_rows else {}
    return [{**point, **beside} for point in study.grid()]


def say_state(study: Study) -> None:
    """Print how far a study is, what failed, and where the rows of what is done are written."""
    settled = study.settled()
    home = _home(settled)
    state = state_of(_tasks(settled), partial(_measured, settled), home)
    print(
        f"{state.done} tasks done in {state.seconds:.0f} CPU seconds, {state.running} running, "
        f"{state.left} left ({len(state.failed)} of them failed)"
    )
    for failure in state.failed:
        print(f"failed: {dict(failure.arguments)}: {failure.error}")
    if state.done:
        rows = write_atomically(home / "so_far.csv", state.rows.to_csv(index=False))
        print(f"rows so far: {rows}")


def _measured(study: Study, **task: Any) -> pd.DataFrame:
    return study.measure(**_point(study, task))


def _point(study: Study, task: Mapping[str, Any]) -> dict[str, Any]:
    settings = study.settings()
    return {name: value for name, value in task.items() if name not in settings}


def run(study: Study) -> None:
    """Compute, print and save everything, each file with where it came from."""
    if study.status:
        say_state(study)
        return
    check_writable(study.out, folder=True)
    data = str(getattr(study, "data", ""))
    read = [*study.published, *([Path(data)] if Path(data).is_file() else [])]
    record = Run(config=study, seed=study.root, inputs=read)
    settled = study.settled()
    tables = settled.tables(compute(settled))
    for name in settled.shown:
        print(f"{name}\n{tables[name].to_string(index=False, float_format='{:.4g}'.format)}\n")
    for line in settled.remarks(tables):
        print(line)
    figures = settled.figures(tables)
    for name, table in tables.items():
        if name not in figures:
            save_table(table, settled.out / f"{name}.csv", record)
    for name, figure in figures.items():
        paths = save_figure(figure, settled.out / name, tables[name], record)
        plt.close(figure)
        print(f"figure: {paths['png']}")


def study_of(module: ModuleType) -> type[Study]:
    """Return the study that a module defines."""
    name = module.__name__
    kinds = [kind for kind in vars(module).values() if inspect.isclass(kind)]
    (found,) = [kind for kind in kinds if issubclass(kind, Study) and kind.__module__ == name]
    return found


def launch(name: str, options: Sequence[str] | None = None) -> None:
    """Run the study of NAME.py with these options, by default those of the command line.

    The file is imported by its name: what it defines can then be sent to other processes.
    """
    module = import_module(f"analyses.{name}")
    kind = study_of(module)
    small = ", ".join(f"{field}={value!r}" for field, value in kind.small.items())
    try:
        run(
            tyro.cli(
                kind,
                args=options,
                prog=f"python -m analyses {name}",
                default=kind(out=Path("out", name)),
                description=f"{module.__doc__}\nsmall form (--smoke): {small}",
            )
        )
    except RegionsError as error:
        sys.exit(f"{name}: {error}")
