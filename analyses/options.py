"""What every study is told, and how it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import tyro
from tyro.conf import OmitArgPrefixes

from regions.figures import Run
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


Chosen = TypeVar("Chosen", bound=Options)


def start(
    config: type[Chosen], description: str | None, seed: int | None = 0, inputs: Sequence[Path] = ()
) -> tuple[Chosen, Run]:
    """Return the settings from the command line, and the record of a run that begins now.

    `inputs` are the files that the run reads beside its `data`.
    """
    chosen = tyro.cli(config, description=description)
    data = getattr(chosen, "data", None)
    files = [Path(data)] if data is not None and Path(data).is_file() else []
    return chosen, Run(config=chosen, seed=seed, inputs=[*inputs, *files])
