"""The command line as a whole: one command is one file, which loads when the command is run."""

from __future__ import annotations

import ast
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from difflib import get_close_matches
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import regions
from regions.cli.messages import plain, with_flags
from regions.cli.output import INTERRUPTED, drop_unprinted
from regions.errors import RegionsError

COMMANDS = (
    "count",
    "plot",
    "local",
    "bound",
    "allocate",
    "prune",
    "compare",
    "recall",
    "atlas",
    "demo",
    "names",
)
_ABOUT = (
    "Linear regions, representations and recall of pruned neural networks. `regions names` lists "
    "models, data sets, methods and measures. Completion: `regions --tyro-print-completion bash` "
    "(or zsh, tcsh) prints a script for your shell."
)
_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status.

    0 done, 1 error, 2 usage, 3 not exact, 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with _warnings_in_a_line():
            status = _parsed(arguments)()
            sys.stdout.flush()
    except RegionsError as error:
        print(f"regions: {with_flags(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("regions: interrupted; finished tasks are kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # of `regions ... | head`, which has seen enough
        drop_unprinted(sys.stdout)
        return 0
    except OSError as error:  # of a terminal, a pipe or a file that takes nothing
        drop_unprinted(sys.stdout)
        print(f"regions: cannot print the result: {error.strerror or error}", file=sys.stderr)
        return 1
    except SystemExit:  # help was printed, or the usage refused
        drop_unprinted(sys.stdout)
        raise
    return status or 0


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Show the package's own warnings as its errors are, without a line of its source."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *where, **more):
            if category.__module__.startswith("regions."):
                print(f"regions: {with_flags(str(message))}", file=sys.stderr)
            else:
                others(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _parsed(arguments: list[str]) -> Callable[[], int | None]:
    """Return what the arguments ask for, to be run; SystemExit for help and wrong usage."""
    first = arguments[0] if arguments else ""
    if first == "--version":
        return partial(print, f"regions {regions.__version__}")
    if first and not first.startswith("-") and first not in COMMANDS:
        near = get_close_matches(first, COMMANDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(COMMANDS)
        print(f"regions: no command {first!r}{hint} Commands: {listed}", file=sys.stderr)
        raise SystemExit(_USAGE)
    import tyro
    from tyro.conf import FlagCreatePairsOff

    every = first.startswith("--tyro")  # completions of the shell know every option
    refused = io.StringIO()
    try:
        with redirect_stderr(refused):
            return tyro.extras.subcommand_cli_from_dict(
                {name: _command(name, every or name == first) for name in COMMANDS},
                prog="regions",
                description=_ABOUT,
                args=arguments,
                config=(FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if stop.code == _USAGE:
            print(plain(refused.getvalue(), first if first in COMMANDS else ""), file=sys.stderr)
        raise


def _command(name: str, named: bool) -> Callable[..., Any]:
    """Return a command, to be called later; if it is not the one named, what it says of itself."""
    if named:
        function = getattr(import_module(f"regions.cli.{name}"), name)

        @wraps(function)
        def later(*given: Any, **options: Any) -> Callable[[], int | None]:
            return partial(function, *given, **options)

        return later

    def described() -> None: ...

    code = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    function = next(x for x in code.body if isinstance(x, ast.FunctionDef) and x.name == name)
    described.__doc__ = (ast.get_docstring(function) or "").partition("\n\nArgs:")[0]
    return described
