"""Where the result of a command goes: to a file, to the terminal, and never to nowhere."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

from tyro.conf import arg

from regions.cli.documents import WRITERS
from regions.cli.messages import with_flags
from regions.errors import ArgumentError
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
            if self.output.suffix not in _ENDINGS and not _is_device(self.output):
                raise ArgumentError(
                    f"cannot write {str(self.output)!r}: its ending says no form; end it in "
                    f"{', '.join(_ENDINGS)}"
                )
            check_writable(self.output)


_ENDINGS = (".json", ".csv", *WRITERS)
TERMINAL = Output()
INTERRUPTED = 130  # what shells give after Ctrl-C


def give(result: Any, where: Output) -> None:
    """Write a result where it was asked for, and print it, also if it could not be written."""
    text = json.dumps(result.to_dict(), indent=2)
    try:
        if where.output is not None:
            suffix = where.output.suffix
            if suffix in WRITERS:
                content = WRITERS[suffix](result)
            else:
                content = result.to_frame().to_csv(index=False) if suffix == ".csv" else text + "\n"
            write_atomically(where.output, content)
    finally:
        print(text if where.json else with_flags(result.summary()))


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


def drop_unprinted(stream: TextIO) -> None:
    """Forget what cannot be printed, or Python would complain once more when it exits."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
