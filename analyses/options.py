"""What every study is told, and how it starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import tyro
from tyro.conf import OmitArgPrefixes

from regions.errors import RegionsError
from regions.figures import Run
from regions.results import check_writable
from regions.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that every study has."""

    out: Path
    """Folder of figures, tables and finished tasks; run again to go on after a stop."""
    workers: OmitArgPrefixes[Workers] = field(default_factory=Workers)
    progress: bool = True
    smoke: bool = False
    """A small form that takes seconds."""


def run_script(main: Callable[[], object]) -> None:
    """Run a script; say in one line what is wrong with what it was given or where it writes."""
    try:
        main()
    except RegionsError as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")


Chosen = TypeVar("Chosen", bound=Options)


def start(
    config: type[Chosen], description: str | None, seed: int | None = 0, inputs: Sequence[Path] = ()
) -> tuple[Chosen, Run]:
    """Return the settings from the command line, and the record of a run that begins now.

    A folder for the results that cannot be written to is refused at once.
    `inputs` are the files that the run reads beside its `data`.
    """
    chosen = tyro.cli(config, description=description)
    check_writable(chosen.out, folder=True)
    data = getattr(chosen, "data", None)
    files = [Path(data)] if data is not None and Path(data).is_file() else []
    return chosen, Run(config=chosen, seed=seed, inputs=[*inputs, *files])
