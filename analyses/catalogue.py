"""What the scripts of a folder reproduce, read from their text: nothing heavy is imported."""

from __future__ import annotations

import ast
import pkgutil
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "data"


@dataclass(frozen=True)
class Entry:
    """One line of ``python -m analyses --list``, written in the script as literals.

    ``ENTRY = Entry(figure="Cai et al. 2023, Figure 2", minutes=1.5, inputs="none")``
    """

    figure: str
    """Paper and figure or table."""
    minutes: float | None
    """CPU minutes of the full form, with the defaults; None if nobody has measured them."""
    inputs: str
    """What is read."""


def entries(package: str = "analyses") -> dict[str, Entry]:
    """Return the entry of every script of `package` that has one, by the script's name.

    >>> entries()["sparse_index"].inputs
    'none'
    """
    folder = HERE.joinpath(*package.split(".")[1:])
    names = sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
    found = {name: _entry(folder / name) for name in names}
    return {name: entry for name, entry in found.items() if entry is not None}


def _entry(path: Path) -> Entry | None:
    if path.is_dir():
        return None
    for statement in ast.parse(path.with_suffix(".py").read_text()).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="ENTRY")], value=ast.Call(keywords=given)):
                return Entry(**{word.arg: ast.literal_eval(word.value) for word in given})
    return None
