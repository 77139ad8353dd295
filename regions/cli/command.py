"""The command line as a whole: one command is one file, which loads when the command is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import FlagCreatePairsOff

from regions.cli.output import INTERRUPTED, drop_unprinted
from regions.errors import RegionsError

COMMANDS = ("count", "local", "bound", "allocate", "prune", "compare", "recall", "atlas", "demo")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status.

    0 done, 1 error, 2 usage, 3 not exact, 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    first = arguments[0] if arguments else ""
    every = first.startswith("--tyro")  # completions of the shell know every option
    try:
        status = tyro.extras.subcommand_cli_from_dict(
            {name: _command(name, every or name == first) for name in COMMANDS},
            prog="regions",
            description="Linear regions, representations and recall of pruned neural networks.",
            args=arguments,
            config=(FlagCreatePairsOff,),
        )
        sys.stdout.flush()
    except RegionsError as error:
        print(f"regions: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("regions: interrupted; finished tasks are kept", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # of a terminal, a pipe or a file that takes nothing
        drop_unprinted(sys.stdout)
        print(f"regions: cannot print the result: {error.strerror or error}", file=sys.stderr)
        return 1
    return status or 0


def _command(name: str, named: bool) -> Callable[..., Any]:
    """Return the function of a command; if it is not the one named, only what it says of itself."""
    if named:
        return getattr(import_module(f"regions.cli.{name}"), name)

    def described() -> None: ...

    code = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    function = next(x for x in code.body if isinstance(x, ast.FunctionDef) and x.name == name)
    described.__doc__ = (ast.get_docstring(function) or "").partition("\n\nArgs:")[0]
    return described
