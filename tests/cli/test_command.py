"""The command line as a whole: what loads, what is said of commands that are not run."""

import importlib
import inspect
import subprocess
import sys

import pytest

from regions.cli.command import COMMANDS, _command, main

HEAVY = ("torch", "numba", "pandas", "matplotlib", "scipy", "sklearn", "statsmodels")


def test_the_command_line_loads_nothing_heavy_before_a_command_runs():
    code = (
        "import sys, regions.cli\n"
        "try: regions.cli.main(['--help'])\n"
        f"except SystemExit: print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"
    assert all(name in out.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_say_the_same_of_themselves_whether_loaded_or_not(name):
    module = importlib.import_module(f"regions.cli.{name}")
    described, loaded = _command(name, named=False), _command(name, named=True)
    assert loaded is getattr(module, name)
    assert inspect.getdoc(loaded).startswith(described.__doc__) and len(described.__doc__) > 20
    assert "Args:" not in described.__doc__ and described is not loaded


def test_no_command_and_unknown_ones_are_usage_errors(capsys):
    for arguments in ([], ["nothing"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "count" in capsys.readouterr().err


def test_completions_of_the_shell_know_the_options_of_every_command(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--tyro-print-completion", "bash"])
    assert not caught.value.code
    text = capsys.readouterr().out
    assert all(option in text for option in ("--splits", "--samples", "--objective", "--planes"))
