"""Where the result of a command goes: to a file, to the terminal, and never to nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

from tyro.conf import arg

from regions.cli.messages import with_flags
from regions.documents import as_json, writer_of
from regions.results import check_writable, write_atomically


@dataclass(frozen=True)
class Output:
    """Where the result goes."""

    json: bool = False
    """Print JSON instead of a text."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Also write the result to this file: .json for all of it, .csv for its table, .html for a
    page with its picture, .md or .tex for a table that fits a paper."""

    def check(self) -> None:
        """Refuse a file that cannot be written, before the work for it is done."""
        if self.output is not None:
            if not _is_device(self.output):
                writer_of(self.output)
            check_writable(self.output)


TERMINAL = Output()
INTERRUPTED = 130  # what shells give after Ctrl-C


def give(result: Any, where: Output) -> None:
    """Write a result where it was asked for, and print it, also if it could not be written."""
    try:
        if where.output is not None:
            form = as_json if _is_device(where.output) else writer_of(where.output)
            write_atomically(where.output, form(result))
    finally:
        print(as_json(result).rstrip() if where.json else with_flags(result.summary()))


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


def drop_unprinted(stream: TextIO) -> None:
    """Forget what cannot be printed, or Python would complain once more when it exits."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
